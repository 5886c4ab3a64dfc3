//! [`MemoryCache`]: the cache in memory, without `async`.

use std::sync::Arc;
use std::time::Duration;

use super::builder::{DEFAULT_MAX_ENTRIES, MemoryCacheBuilder, checked_bytes, checked_entries};
use super::entry::{Checked, OnOversize};
use super::namespace::Namespace;
use super::shared::{Shared, remaining};
use crate::engine::{Limits, Refused};
use crate::error::{CacheError, Result};
use crate::glob::Glob;
use crate::key;
use crate::provider::WithTtl;
use crate::stats::CacheStats;
use crate::ttl::TtlMs;

/// A bounded in-process cache that evicts the least recently used entry, with an optional ttl for each entry.
///
/// Its methods return at once. [`MemoryCacheProvider`](crate::MemoryCacheProvider) is the same cache behind the
/// asynchronous [`CacheProvider`](crate::CacheProvider), for code that works with any provider; `From` converts both ways,
/// and both are handles to the same entries. (They are two types because an inherent `get` would hide the trait's
/// `get` at every call.)
///
/// Values are returned as clones; keep large ones in an [`Arc`]. Cloning the cache is cheap, and the clones share its entries.
/// A lock guards the entries. Values are dropped, measured and reported outside the lock; only `T::clone` runs inside.
///
/// Once several threads compete for that lock, the entries move to up to 64 tables with a lock each. This happens once, in
/// about a tenth of a microsecond for each entry, and not in caches that measure their entries, restart ttls on reads, or
/// have another policy than [`Policy::Lru`](crate::Policy::Lru). The tables share the limit, which stays exact, and the order
/// of use, in which all reads between two writes then count as simultaneous. While several threads insert, each evicts the
/// least recently used entry of one table; while one does, that of all tables.
///
/// ```
/// use isocache::MemoryCache;
/// use std::time::Duration;
///
/// let cache = MemoryCache::default();
/// cache.set("user:1", "Ada".to_string(), Some(Duration::from_secs(300)))?;
/// assert_eq!(cache.get("user:1")?.as_deref(), Some("Ada"));
/// assert_eq!(cache.clear_pattern("user:*")?, 1);
/// # Ok::<(), isocache::CacheError>(())
/// ```
pub struct MemoryCache<T> {
    pub(super) shared: Arc<Shared<T>>,
    /// `None` for the whole cache.
    pub(super) namespace: Option<Arc<Namespace>>,
}

impl<T> Clone for MemoryCache<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), namespace: self.namespace.clone() }
    }
}

impl<T> Default for MemoryCache<T> {
    /// Creates a cache of at most 1000 entries, which expire only if they are written with a ttl.
    fn default() -> Self {
        let limits = Limits { max_entries: DEFAULT_MAX_ENTRIES, max_weight: u64::MAX };
        Self::from_parts(MemoryCacheBuilder::<T>::new(), limits, None)
    }
}

impl<T> std::fmt::Debug for MemoryCache<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryCache").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl<T> MemoryCache<T> {
    /// Starts a builder, for options other than the defaults.
    pub fn builder() -> MemoryCacheBuilder<T, Self> {
        MemoryCacheBuilder::new()
    }

    pub(super) fn from_parts<C>(builder: MemoryCacheBuilder<T, C>, limits: Limits, default_ttl: TtlMs) -> Self {
        Self { shared: Arc::new(Shared::new(builder, limits, default_ttl)), namespace: None }
    }

    /// Returns the value under `key`, as [`CacheProvider::get`](crate::CacheProvider::get).
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a key that is empty or too long.
    #[inline]
    pub fn get(&self, key: &str) -> Result<Option<T>>
    where
        T: Clone,
    {
        match &self.namespace {
            None => self.shared.read(key, |_, _, _| ()).map(|found| found.map(|(value, ())| value)),
            Some(namespace) => self.get_within(namespace, key),
        }
    }

    /// [`get`](Self::get) in a namespace, kept separate so that the lookup in the whole cache is inlined into its
    /// caller.
    #[inline(never)]
    fn get_within(&self, namespace: &Namespace, key: &str) -> Result<Option<T>>
    where
        T: Clone,
    {
        self.shared.read(&namespace.whole(key)?, |_, _, _| ()).map(|found| found.map(|(value, ())| value))
    }

    /// Returns the value under `key` and its remaining ttl, as
    /// [`CacheProvider::get_with_ttl`](crate::CacheProvider::get_with_ttl).
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>>
    where
        T: Clone,
    {
        self.shared.read(&self.whole(key)?, |engine, slot, now| remaining(engine.deadline(slot), now))
    }

    /// Returns the value under `key`, without counting a lookup or marking the entry as used.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn peek(&self, key: &str) -> Result<Option<T>>
    where
        T: Clone,
    {
        let key = self.whole(key)?;
        key::check(&key)?;
        let key = self.shared.hashed(&key);
        Ok(self.shared.with_key(key, |locked, leavers| {
            let slot = locked.table.find(key, locked.now, leavers)?;
            locked.table.value(slot).cloned()
        }))
    }

    /// Stores `value` under `key`, as [`CacheProvider::set`](crate::CacheProvider::set).
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a key or ttl outside the limits (nothing was changed then), and for a value
    /// that is too large; [`CacheError::Full`] if memory cannot be allocated. If a value is not stored because it is
    /// too large or memory is full, the older value under its key is removed.
    pub fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        match &self.namespace {
            None => self.set_whole(key, key, value, ttl),
            Some(namespace) => self.set_within(namespace, key, value, ttl),
        }
    }

    /// [`set`](Self::set) in a namespace, kept separate like [`get_within`](Self::get_within).
    #[inline(never)]
    fn set_within(&self, namespace: &Namespace, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        self.set_whole(&namespace.whole(key)?, key, value, ttl)
    }

    /// Stores `value` under a key of the whole cache. Errors name it `known`.
    #[inline]
    fn set_whole(&self, key: &str, known: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        let checked = self.shared.check(key, &value, ttl)?;
        let _write = self.shared.single_flight.write_now(key);
        let hashed = self.shared.hashed(key);
        let stored = self.shared.with_room(hashed, |locked, leavers| {
            self.shared.store(&mut locked.table, locked.now, leavers, hashed, value, checked)
        });
        self.shared.stored(known, checked, &stored).map(drop)
    }

    /// Removes the entry under `key`, as [`CacheProvider::delete`](crate::CacheProvider::delete).
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn delete(&self, key: &str) -> Result<bool> {
        let key = &*self.whole(key)?;
        key::check(key)?;
        let _write = self.shared.single_flight.write_now(key);
        let key = self.shared.hashed(key);
        Ok(self.shared.with_key(key, |locked, leavers| locked.table.delete(key, locked.now, leavers)))
    }

    /// Returns whether there is an entry under `key`, as [`CacheProvider::exists`](crate::CacheProvider::exists).
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn exists(&self, key: &str) -> Result<bool> {
        let key = &*self.whole(key)?;
        key::check(key)?;
        let key = self.shared.hashed(key);
        Ok(self.shared.with_key(key, |locked, leavers| locked.table.find(key, locked.now, leavers).is_some()))
    }

    /// Removes all entries whose key matches, as [`CacheProvider::clear_pattern`](crate::CacheProvider::clear_pattern).
    /// It inspects every key under the lock, or a single key if the pattern is literal.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for an empty pattern.
    pub fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        let pattern = &*self.whole_pattern(pattern)?;
        let glob = Glob::new(pattern);
        let _write = self.shared.single_flight.write_pattern_now(pattern);
        let literal = glob.literal();
        if let Some(key) = literal.as_deref().map(|literal| self.shared.hashed(literal)) {
            let is_deleted = self.shared.with_key(key, |locked, leavers| locked.table.delete(key, locked.now, leavers));
            return Ok(u64::from(is_deleted));
        }
        Ok(self.shared.with_all(|all, leavers| {
            let now = all.now;
            all.tables().map(|table| table.clear_pattern(&glob, now, leavers)).sum()
        }))
    }

    /// Returns the values under `keys`, as [`CacheProvider::get_many`](crate::CacheProvider::get_many), in one atomic
    /// step.
    ///
    /// # Errors
    /// As for [`get`](Self::get); no lookup was counted.
    pub fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>>
    where
        T: Clone,
    {
        let keys = self.all_whole(keys)?;
        let keys = self.shared.hashed_many(&keys)?;
        // Declared here so that the values are dropped outside the lock if a clone panics.
        let mut values = Vec::with_capacity(keys.len());
        self.shared.with_all(|all, leavers| {
            let now = all.now;
            for &key in &keys {
                let found = self.shared.read_entry(all.table(key), now, leavers, key);
                values.push(found.map(|(value, _)| value));
            }
        });
        Ok(values)
    }

    /// Stores every value, as [`CacheProvider::set_many`](crate::CacheProvider::set_many), in one atomic step.
    ///
    /// # Errors
    /// As for [`set`](Self::set). If one entry is refused, none is stored. If it is refused for its size, the older
    /// values under the keys are removed.
    pub fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
        let whole = entries.iter().map(|(key, ..)| self.whole(key)).collect::<Result<Vec<_>>>()?;
        let check = |((_, value, ttl), key): ((_, T, _), _)| {
            Ok((self.shared.check(key, &value, ttl)?, self.shared.hashed(key), value))
        };
        let entries: Vec<_> =
            entries.into_iter().zip(whole.iter().map(|key| &**key)).map(check).collect::<Result<_>>()?;
        let keys: Vec<&str> = entries.iter().map(|(_, key, _)| key.key).collect();
        let _write = self.shared.single_flight.write_many_now(&keys);
        let skips = self.shared.rules.on_oversize != OnOversize::Error;
        // Declared here so that the refused value, and those after it, are dropped outside the lock.
        let mut entries = entries.into_iter();
        let mut skipped = Vec::new();
        let stored = self.shared.with_all(|all, leavers| {
            let now = all.now;
            // Checked again, because the limit may have changed since the first check.
            let limit = all.limits().max_weight;
            let oversized = |(checked, ..): &&(Checked, _, _)| checked.is_oversized || checked.weight > limit;
            if let Some((checked, key, _)) = entries.as_slice().iter().find(oversized).filter(|_| !skips) {
                let refused = (key.key, Refused::TooHeavy, checked.weight);
                for (_, key, _) in entries.as_slice() {
                    all.table(*key).delete(*key, now, leavers);
                }
                return Err(refused);
            }
            entries.by_ref().try_for_each(|(checked, key, value)| {
                let table = all.table_with_room(key, leavers);
                match self.shared.store(table, now, leavers, key, value, checked) {
                    Ok(()) => Ok(()),
                    Err((refused, value)) => {
                        skipped.push(value);
                        let is_skipped = skips && refused == Refused::TooHeavy;
                        if is_skipped { Ok(()) } else { Err((key.key, refused, checked.weight)) }
                    }
                }
            })
        });
        stored.map_err(|(key, refused, weight)| self.shared.rules.refusal(self.known(key), refused, weight))
    }

    /// Removes the entries under `keys`, as [`CacheProvider::delete_many`](crate::CacheProvider::delete_many), in one
    /// atomic step.
    ///
    /// # Errors
    /// As for [`get`](Self::get); nothing was removed.
    pub fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        Ok(self.delete_many_each(keys)?.into_iter().map(u64::from).sum())
    }

    /// Returns whether there is an entry under each of `keys`, as
    /// [`KeysProvider::exists_many`](crate::KeysProvider::exists_many), in one atomic step.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn exists_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let keys = self.all_whole(keys)?;
        let keys = self.shared.hashed_many(&keys)?;
        Ok(self.shared.with_all(|all, leavers| {
            let now = all.now;
            keys.iter().map(|&key| all.table(key).find(key, now, leavers).is_some()).collect()
        }))
    }

    /// Removes the entries under `keys` and returns for each key whether there was one, as
    /// [`KeysProvider::delete_many_each`](crate::KeysProvider::delete_many_each), in one atomic step.
    ///
    /// # Errors
    /// As for [`get`](Self::get); nothing was removed.
    pub fn delete_many_each(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let keys = self.all_whole(keys)?;
        let hashed = self.shared.hashed_many(&keys)?;
        let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
        let _write = self.shared.single_flight.write_many_now(&keys);
        Ok(self.shared.with_all(|all, leavers| {
            let now = all.now;
            hashed.iter().map(|&key| all.table(key).delete(key, now, leavers)).collect()
        }))
    }

    /// Removes every entry and, in the whole cache, frees the memory. The statistics are kept.
    pub fn clear(&self) {
        if self.namespace.is_some() {
            // The pattern is not empty.
            let _ = self.clear_pattern("*");
            return;
        }
        let _write = self.shared.single_flight.write_pattern_now("*");
        self.shared.with_all(|all, leavers| {
            let now = all.now;
            all.tables().for_each(|table| table.clear(now, leavers));
        });
    }

    /// Removes every expired entry, and returns how many. Calling it is optional: each write removes a bounded number
    /// of expired entries.
    pub fn sweep(&self) -> u64 {
        self.shared.with_all(|all, leavers| {
            let swept: u64 = all.sweep(leavers);
            swept
        })
    }

    /// Changes the limits; `None` leaves a limit as it is. Entries beyond the new limits are evicted at once.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a limit out of range, or for `max_bytes` in a cache that was built without
    /// [`size_of`](MemoryCacheBuilder::size_of). The limits are then unchanged.
    pub fn resize(&self, max_entries: Option<usize>, max_bytes: Option<u64>) -> Result<()> {
        let max_entries = max_entries.map(checked_entries).transpose()?;
        if let Some(max_bytes) = max_bytes {
            checked_bytes("max_bytes", max_bytes)?;
        }
        if max_bytes.is_some() && self.shared.rules.size_of.is_none() {
            return Err(CacheError::invalid("max_bytes", "needs size_of, which the cache was built without"));
        }
        self.shared.with_all(|all, leavers| {
            let old = all.limits();
            let max_weight = max_bytes.unwrap_or(old.max_weight);
            self.shared.rules.set_max_bytes(max_weight);
            let new = Limits { max_entries: max_entries.unwrap_or(old.max_entries), max_weight };
            all.set_limits(new, leavers);
            self.shared.attention.resize(new, all.counters());
        });
        Ok(())
    }

    /// Returns the statistics. Expired entries are removed first, so that they are not counted.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let (counters, entries, bytes) = self.shared.with_all(|all, leavers| {
            all.sweep(leavers);
            (all.counters(), all.len(), all.tables().map(|table| table.engine.weight()).sum())
        });
        CacheStats {
            hits: counters.hits,
            misses: counters.misses,
            sets: counters.sets,
            deletes: counters.deletes,
            evictions: counters.evictions,
            expirations: counters.expirations,
            entries: Some(entries),
            bytes: self.shared.rules.size_of.is_some().then_some(bytes),
        }
    }

    /// Returns the number of live entries. In a namespace it inspects every key.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.namespace.is_some() {
            return self.keys().len();
        }
        self.shared.with_all(|all, leavers| {
            all.sweep(leavers);
            all.tables().map(|table| table.engine.len() as usize).sum()
        })
    }

    /// Returns whether there are no live entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
