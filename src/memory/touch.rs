//! New lives and new values for what is there.

use std::time::Duration;

use super::provider::MemoryCacheProvider;
use super::shared::{read_entry, store};
use crate::error::{CacheError, Result};
use crate::key;
use crate::provider::{MaybeSend, RenewingProvider};

impl<T: Clone> MemoryCacheProvider<T> {
    /// The value under `key`, with a new life, as [`RenewingProvider::get_and_renew`].
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a key or ttl outside the limits.
    pub fn get_and_renew_sync(&self, key: &str, ttl: Duration) -> Result<Option<T>> {
        key::check(key)?;
        let life = self.shared.life(Some(ttl))?;
        let hashed = self.shared.hashed(key);
        self.shared.with_table(|locked, leavers| {
            let Some((value, slot)) = read_entry(locked, leavers, hashed) else { return Ok(None) };
            let renewed = locked.table.engine.renew(slot, locked.now + life);
            let full = |_| CacheError::invalid("ttl", format!("of key {} finds no memory", key::quote(key)));
            renewed.map(|()| Some(value)).map_err(full)
        })
    }

    /// Stores `value` if there is an entry under `key`, as [`RenewingProvider::replace`].
    ///
    /// # Errors
    /// As for [`set_sync`](Self::set_sync).
    pub fn replace_sync(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
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

impl<T: Clone + Send + MaybeSend> RenewingProvider<T> for MemoryCacheProvider<T> {
    async fn get_and_renew(&self, key: &str, ttl: Duration) -> Result<Option<T>> {
        self.get_and_renew_sync(key, ttl)
    }

    async fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.replace_sync(key, value, ttl)
    }
}
