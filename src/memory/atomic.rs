//! Conditional writes, in one atomic step.

use std::time::Duration;

use super::cache::MemoryCache;
use crate::error::Result;
use crate::key;

/// The condition under which a write stores its value.
#[derive(Clone, Copy, PartialEq)]
enum When {
    Absent,
    Present,
}

impl<T> MemoryCache<T> {
    /// Stores `value` if there is no entry under `key`, as
    /// [`AtomicProvider::set_if_absent`](crate::AtomicProvider::set_if_absent); returns whether it was stored.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn set_if_absent(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.set_when(When::Absent, key, value, ttl)
    }

    /// Stores `value` if there is an entry under `key`, as [`AtomicProvider::replace`](crate::AtomicProvider::replace); returns
    /// whether it was stored.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.set_when(When::Present, key, value, ttl)
    }

    fn set_when(&self, when: When, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        let key = &*self.whole(key)?;
        let checked = self.shared.check(key, &value, ttl)?;
        let _write = self.shared.single_flight.write_now(key);
        let hashed = self.shared.hashed(key);
        // A value that is not stored is dropped here, outside the lock.
        let mut value = Some(value);
        let stored = self.shared.with_room(hashed, |locked, leavers| {
            let is_present = locked.table.find(hashed, locked.now, leavers).is_some();
            if is_present != (when == When::Present) {
                return None;
            }
            Some(self.shared.store(&mut locked.table, locked.now, leavers, hashed, value.take()?, checked))
        });
        stored.map_or(Ok(false), |stored| self.shared.stored(self.known(key), checked, &stored))
    }

    /// Removes the entry under `key` and returns its value, as
    /// [`AtomicProvider::get_and_delete`](crate::AtomicProvider::get_and_delete).
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`](crate::CacheError::InvalidArgument) for a key outside the limits.
    pub fn get_and_delete(&self, key: &str) -> Result<Option<T>>
    where
        T: Clone,
    {
        let key = &*self.whole(key)?;
        key::check(key)?;
        let _write = self.shared.single_flight.write_now(key);
        let hashed = self.shared.hashed(key);
        Ok(self.shared.with_key(hashed, |locked, leavers| {
            let (value, _) = self.shared.read_entry(&mut locked.table, locked.now, leavers, hashed)?;
            locked.table.delete(hashed, locked.now, leavers);
            Some(value)
        }))
    }
}
