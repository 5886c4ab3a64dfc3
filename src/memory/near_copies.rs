//! What a tiered cache needs from the memory cache that holds its near copies.

use std::time::Duration;

use super::cache::MemoryCache;
use super::entry::Checked;
use crate::engine::{Millis, NEVER};
use crate::error::Result;

impl<T: Clone> MemoryCache<T> {
    /// Makes every lookup read the clock, even before any entry has had a ttl.
    pub(crate) fn always_read_clock(&self) -> Result<()> {
        self.shared.ttl(Some(Duration::from_millis(1))).map(drop)
    }

    /// Returns the value under `key` and the time of the lookup, which is counted.
    #[inline]
    pub(crate) fn get_at(&self, key: &str) -> Result<Option<(T, Millis)>> {
        self.shared.read(&self.whole(key)?, |_, _, now| now)
    }

    /// Stores a value until a time, or [`NEVER`], if that is permitted. The permission is checked under the lock.
    /// Returns whether it was stored.
    pub(crate) fn set_until(
        &self,
        key: &str,
        value: T,
        until: Millis,
        is_permitted: impl FnOnce() -> bool,
    ) -> Result<bool> {
        let key = &*self.whole(key)?;
        let checked = self.shared.check(key, &value, None)?;
        let hashed = self.shared.hashed(key);
        // A value that is not stored is dropped here, outside the lock.
        let mut value = Some(value);
        let mut is_stored = false;
        let stored = self.shared.with_room(hashed, |locked, leavers| {
            let ttl = if until < NEVER { until - locked.now } else { NEVER };
            let Some(value) = value.take_if(|_| ttl > 0.0 && is_permitted()) else { return Ok(()) };
            is_stored = true;
            self.shared.store(&mut locked.table, locked.now, leavers, hashed, value, Checked { ttl, ..checked })
        });
        Ok(self.shared.stored(self.known(key), checked, &stored)? && is_stored)
    }
}
