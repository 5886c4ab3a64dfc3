//! New lives and new values for what is there.

use std::time::Duration;

use super::cache::MemoryCache;
use super::entry::out_of_memory;
use super::shared::{read_entry, store};
use crate::error::Result;
use crate::key;

impl<T: Clone> MemoryCache<T> {
    /// The value under `key`, with a new life, as [`TouchProvider::get_and_touch`](crate::TouchProvider::get_and_touch).
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a key or ttl outside the limits.
    pub fn get_and_touch(&self, key: &str, ttl: Duration) -> Result<Option<T>> {
        key::check(key)?;
        let ttl = self.shared.ttl(Some(ttl))?;
        let hashed = self.shared.hashed(key);
        self.shared.with_table(|locked, leavers| {
            let Some((value, slot)) = read_entry(locked, leavers, hashed) else { return Ok(None) };
            let renewed = locked.table.engine.renew(slot, locked.now + ttl);
            renewed.map(|()| Some(value)).map_err(|_| out_of_memory(key))
        })
    }

    /// Stores `value` if there is an entry under `key`, as [`TouchProvider::replace`](crate::TouchProvider::replace).
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        let checked = self.shared.check(key, &value, ttl)?;
        let _write = self.shared.flights.write_now(key);
        let hashed = self.shared.hashed(key);
        // What is not stored is dropped out here, outside the lock.
        let mut value = Some(value);
        let stored = self.shared.with_table(|locked, leavers| {
            locked.table.find(hashed, locked.now, leavers)?;
            Some(store(locked, leavers, hashed, value.take()?, checked))
        });
        stored.transpose().map(|stored| stored.is_some()).map_err(|(error, _)| error)
    }
}
