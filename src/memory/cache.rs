//! [`MemoryCacheProvider`]: what its users see.

use std::sync::Arc;
use std::time::Duration;

use super::builder::{MemoryCacheBuilder, limits};
use super::entry::refusal;
use super::shared::{Shared, read_entry, remaining, store};
use crate::engine::{Limits, Refused};
use crate::error::{CacheError, Result};
use crate::glob::Glob;
use crate::key;
use crate::provider::WithTtl;
use crate::stats::CacheStats;

/// A bounded cache in the memory of the process: least recently used first, with a life for each entry.
///
/// Values are given out as clones; keep large ones in an [`Arc`]. Cloning the provider is cheap, and the clones are
/// the same cache. One lock guards it; values are dropped, weighed and reported outside of it, and only `T::clone` runs
/// inside.
///
/// What never waits has a plain method too: those with a twin in [`CacheProvider`](crate::CacheProvider) end in `_sync`.
///
/// ```
/// use isocache::MemoryCacheProvider;
/// use std::time::Duration;
///
/// let cache = MemoryCacheProvider::default();
/// cache.set_sync("user:1", "Ada".to_string(), Some(Duration::from_secs(300)))?;
/// assert_eq!(cache.get_sync("user:1")?.as_deref(), Some("Ada"));
/// assert_eq!(cache.clear_pattern_sync("user:*")?, 1);
/// # Ok::<(), isocache::CacheError>(())
/// ```
pub struct MemoryCacheProvider<T> {
    pub(crate) shared: Arc<Shared<T>>,
}

impl<T> Clone for MemoryCacheProvider<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Default for MemoryCacheProvider<T> {
    /// For 1000 entries that do not expire unless they are told to.
    fn default() -> Self {
        let builder = MemoryCacheBuilder::new();
        let limits = Limits { max_entries: 1000, max_weight: builder.max_bytes };
        Self::from_parts(builder, limits)
    }
}

impl<T> std::fmt::Debug for MemoryCacheProvider<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryCacheProvider").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl<T> MemoryCacheProvider<T> {
    /// Options other than the defaults.
    pub fn builder() -> MemoryCacheBuilder<T> {
        MemoryCacheBuilder::new()
    }

    pub(super) fn from_parts(builder: MemoryCacheBuilder<T>, limits: Limits) -> Self {
        Self { shared: Arc::new(Shared::new(builder, limits)) }
    }

    /// The value under `key`, as [`CacheProvider::get`](crate::CacheProvider::get).
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a key that is empty or too long.
    pub fn get_sync(&self, key: &str) -> Result<Option<T>>
    where
        T: Clone,
    {
        self.shared.read(key, |_, _, _| ()).map(|found| found.map(|(value, ())| value))
    }

    /// The value under `key` and what is left of its life, as [`CacheProvider::get_with_ttl`](crate::CacheProvider::get_with_ttl).
    ///
    /// # Errors
    /// As for [`get_sync`](Self::get_sync).
    pub fn get_with_ttl_sync(&self, key: &str) -> Result<Option<WithTtl<T>>>
    where
        T: Clone,
    {
        self.shared.read(key, |engine, slot, now| remaining(engine.deadline(slot), now))
    }

    /// The value under `key`, without counting the lookup or using the entry.
    ///
    /// # Errors
    /// As for [`get_sync`](Self::get_sync).
    pub fn peek(&self, key: &str) -> Result<Option<T>>
    where
        T: Clone,
    {
        self.peek_with_ttl(key).map(|found| found.map(|(value, _)| value))
    }

    pub(super) fn peek_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>>
    where
        T: Clone,
    {
        key::check(key)?;
        let key = self.shared.hashed(key);
        Ok(self.shared.with_table(|locked, leavers| {
            let slot = locked.table.find(key, locked.now, leavers)?;
            let value = locked.table.value(slot).cloned()?;
            Some((value, remaining(locked.table.engine.deadline(slot), locked.now)))
        }))
    }

    /// Stores `value` under `key`, as [`CacheProvider::set`](crate::CacheProvider::set).
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a key, a ttl or a value outside the limits; nothing was changed.
    pub fn set_sync(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        let checked = self.shared.check(key, &value, ttl)?;
        let _write = self.shared.flights.write_now(key);
        let key = self.shared.hashed(key);
        self.shared
            .with_table(|locked, leavers| store(locked, leavers, key, value, checked))
            .map_err(|(error, _)| error)
    }

    /// Removes the entry under `key`, as [`CacheProvider::delete`](crate::CacheProvider::delete).
    ///
    /// # Errors
    /// As for [`get_sync`](Self::get_sync).
    pub fn delete_sync(&self, key: &str) -> Result<bool> {
        key::check(key)?;
        let _write = self.shared.flights.write_now(key);
        let key = self.shared.hashed(key);
        Ok(self.shared.with_table(|locked, leavers| locked.table.delete(key, locked.now, leavers)))
    }

    /// Whether there is an entry under `key`, as [`CacheProvider::exists`](crate::CacheProvider::exists).
    ///
    /// # Errors
    /// As for [`get_sync`](Self::get_sync).
    pub fn exists_sync(&self, key: &str) -> Result<bool> {
        key::check(key)?;
        let key = self.shared.hashed(key);
        Ok(self.shared.with_table(|locked, leavers| locked.table.find(key, locked.now, leavers).is_some()))
    }

    /// Removes all entries whose key matches, as [`CacheProvider::clear_pattern`](crate::CacheProvider::clear_pattern). It looks at every key, under the lock;
    /// at one only where the pattern is literal.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for an empty pattern.
    pub fn clear_pattern_sync(&self, pattern: &str) -> Result<u64> {
        if pattern.is_empty() {
            return Err(CacheError::invalid("pattern", "is empty"));
        }
        let _write = self.shared.flights.write_pattern_now(pattern);
        let glob = Glob::new(pattern);
        let literal = glob.literal();
        let key = literal.as_deref().map(|literal| self.shared.hashed(literal));
        Ok(self.shared.with_table(|locked, leavers| match key {
            Some(key) => u64::from(locked.table.delete(key, locked.now, leavers)),
            None => locked.table.clear_pattern(&glob, locked.now, leavers),
        }))
    }

    /// The values under `keys`, as [`CacheProvider::get_many`](crate::CacheProvider::get_many), at one moment.
    ///
    /// # Errors
    /// As for [`get_sync`](Self::get_sync); no lookup was counted.
    pub fn get_many_sync(&self, keys: &[&str]) -> Result<Vec<Option<T>>>
    where
        T: Clone,
    {
        let keys = self.shared.hashed_many(keys)?;
        // Out here, so that they are dropped outside the lock if a clone panics.
        let mut values = Vec::with_capacity(keys.len());
        self.shared.with_table(|locked, leavers| {
            values.extend(keys.iter().map(|&key| read_entry(locked, leavers, key).map(|(value, _)| value)));
        });
        Ok(values)
    }

    /// Stores every value, as [`CacheProvider::set_many`](crate::CacheProvider::set_many), at one moment.
    ///
    /// # Errors
    /// As for [`set_sync`](Self::set_sync); if one entry is outside the limits, none is stored.
    pub fn set_many_sync(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
        let check =
            |(key, value, ttl): (_, T, _)| Ok((self.shared.check(key, &value, ttl)?, self.shared.hashed(key), value));
        let entries: Vec<_> = entries.into_iter().map(check).collect::<Result<_>>()?;
        let keys: Vec<&str> = entries.iter().map(|(_, key, _)| key.key).collect();
        let _write = self.shared.flights.write_many_now(&keys);
        // What is refused, and what comes after it, is dropped out here, outside the lock.
        let mut entries = entries.into_iter();
        let stored = self.shared.with_table(|locked, leavers| {
            // Again, because the limit may have changed since the check.
            let limit = locked.table.engine.limits().max_weight;
            if let Some((heavy, key, _)) = entries.as_slice().iter().find(|(checked, ..)| checked.weight > limit) {
                return Err((refusal(key.key, Refused::TooHeavy, heavy.weight, limit), None));
            }
            entries.by_ref().try_for_each(|(checked, key, value)| {
                store(locked, leavers, key, value, checked).map_err(|(error, value)| (error, Some(value)))
            })
        });
        stored.map_err(|(error, _)| error)
    }

    /// Removes the entries under `keys`, as [`CacheProvider::delete_many`](crate::CacheProvider::delete_many), at one moment.
    ///
    /// # Errors
    /// As for [`get_sync`](Self::get_sync); nothing was removed.
    pub fn delete_many_sync(&self, keys: &[&str]) -> Result<u64> {
        let _write = self.shared.flights.write_many_now(keys);
        let keys = self.shared.hashed_many(keys)?;
        Ok(self.shared.with_table(|locked, leavers| {
            keys.iter().map(|&key| u64::from(locked.table.delete(key, locked.now, leavers))).sum()
        }))
    }

    /// Removes every entry and gives the memory back. The counts go on.
    pub fn clear(&self) {
        let _write = self.shared.flights.write_pattern_now("*");
        self.shared.with_table(|locked, leavers| locked.table.clear(locked.now, leavers));
    }

    /// Removes every entry that has expired, and returns how many. Nobody needs to call it: writes remove the dead in
    /// passing, a bounded number at a time.
    pub fn sweep(&self) -> u64 {
        self.shared.with_table(|locked, leavers| u64::from(locked.table.sweep(locked.now, leavers)))
    }

    /// Sets new limits, with the weigher that the cache was built with. What is over them leaves at once.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a limit out of range, or for `max_bytes` in a cache that was built without a
    /// weigher.
    pub fn resize(&self, max_entries: usize, max_bytes: Option<u64>) -> Result<()> {
        if max_bytes.is_some() && self.shared.rules.weigher.is_none() {
            return Err(CacheError::invalid("max_bytes", "needs a weigher: build the cache with max_bytes"));
        }
        let new = limits(max_entries, max_bytes.unwrap_or(u64::MAX))?;
        self.shared.with_table(|locked, leavers| {
            let max_weight = max_bytes.unwrap_or(locked.table.engine.limits().max_weight);
            self.shared.rules.set_max_bytes(max_weight);
            locked.table.set_limits(Limits { max_weight, ..new }, locked.now, leavers);
        });
        Ok(())
    }

    /// What was counted, and what there is now. Entries that have expired leave first, so that they are not counted.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let (counters, entries, bytes) = self.shared.with_table(|locked, leavers| {
            locked.table.sweep(locked.now, leavers);
            let engine = &locked.table.engine;
            (engine.counters(), engine.len(), engine.weight())
        });
        CacheStats {
            hits: counters.hits,
            misses: counters.misses,
            sets: counters.sets,
            deletes: counters.deletes,
            evictions: counters.evictions,
            expirations: counters.expirations,
            entries: Some(u64::from(entries)),
            bytes: self.shared.rules.weigher.is_some().then_some(bytes),
        }
    }

    /// The number of live entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.with_table(|locked, leavers| {
            locked.table.sweep(locked.now, leavers);
            locked.table.engine.len() as usize
        })
    }

    /// Whether there is no live entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys of the live entries, from the most to the least recently used.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.shared.with_table(|locked, leavers| {
            locked.table.sweep(locked.now, leavers);
            locked.table.keys(locked.now).map(str::to_owned).collect()
        })
    }
}
