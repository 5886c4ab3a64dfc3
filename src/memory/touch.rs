//! Reading and changing the ttl of entries without their values.

use std::time::Duration;

use super::cache::MemoryCache;
use super::entry::out_of_memory;
use super::locks::Locked;
use super::shared::remaining;
use super::table::{Hashed, Leavers};
use crate::engine::Slot;
use crate::error::Result;
use crate::key;

impl<T> MemoryCache<T> {
    /// Returns the remaining ttl of the entry under `key`, as [`TouchProvider::ttl`](crate::TouchProvider::ttl):
    /// [`Duration::MAX`] if it does not expire, `None` if there is no entry.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`](crate::CacheError::InvalidArgument) for a key outside the limits.
    pub fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        let key = &*self.whole(key)?;
        key::check(key)?;
        let key = self.shared.hashed(key);
        Ok(self.shared.with_key(key, |locked, leavers| {
            let slot = locked.table.find(key, locked.now, leavers)?;
            Some(remaining(locked.table.engine.deadline(slot), locked.now).unwrap_or(Duration::MAX))
        }))
    }

    /// Gives the entry under `key` a new ttl, as [`TouchProvider::touch`](crate::TouchProvider::touch). Returns whether
    /// there is an entry.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`](crate::CacheError::InvalidArgument) for a key or ttl outside the limits.
    pub fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        let key = &*self.whole(key)?;
        key::check(key)?;
        let ttl = self.shared.ttl(ttl)?;
        let hashed = self.shared.hashed(key);
        self.shared.with_key(hashed, |locked, leavers| {
            let Some(slot) = locked.table.find(hashed, locked.now, leavers) else { return Ok(false) };
            locked.table.set_deadline(slot, locked.now + ttl).map_err(|_| out_of_memory(self.known(key)))?;
            locked.table.engine.touch(slot);
            if self.shared.touches_on_get {
                locked.table.keep_ttl(hashed, ttl);
            }
            Ok(true)
        })
    }

    /// Returns the value under `key` and gives the entry a new ttl, as
    /// [`TouchProvider::get_and_touch`](crate::TouchProvider::get_and_touch).
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`](crate::CacheError::InvalidArgument) for a key or ttl outside the limits.
    pub fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Option<T>>
    where
        T: Clone,
    {
        self.get_touched(key, ttl, |locked, leavers, hashed| {
            self.shared.read_entry(&mut locked.table, locked.now, leavers, hashed)
        })
    }

    /// As [`get_and_touch`](Self::get_and_touch), without counting a lookup.
    pub(super) fn read_and_touch(&self, key: &str, ttl: Duration) -> Result<Option<T>>
    where
        T: Clone,
    {
        self.get_touched(key, Some(ttl), |locked, leavers, hashed| {
            let slot = locked.table.find(hashed, locked.now, leavers)?;
            let value = locked.table.value(slot)?.clone();
            locked.table.engine.touch(slot);
            Some((value, slot))
        })
    }

    fn get_touched(
        &self,
        key: &str,
        ttl: Option<Duration>,
        read: impl FnOnce(&mut Locked<'_, T>, &mut Leavers<T>, Hashed<'_>) -> Option<(T, Slot)>,
    ) -> Result<Option<T>> {
        let key = &*self.whole(key)?;
        key::check(key)?;
        let ttl = self.shared.ttl(ttl)?;
        let hashed = self.shared.hashed(key);
        self.shared.with_key(hashed, |locked, leavers| {
            let Some((value, slot)) = read(locked, leavers, hashed) else { return Ok(None) };
            let touched = locked.table.set_deadline(slot, locked.now + ttl);
            if self.shared.touches_on_get {
                locked.table.keep_ttl(hashed, ttl);
            }
            touched.map(|()| Some(value)).map_err(|_| out_of_memory(self.known(key)))
        })
    }
}
