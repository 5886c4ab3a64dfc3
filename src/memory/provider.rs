//! [`MemoryCacheProvider`]: the table behind a lock, and the outside of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;

use super::builder::{Listener, MemoryCacheBuilder, limits};
use super::entry::{Checked, Rules, refusal};
use super::table::{Hashed, Leavers, Lookup, Table};
use crate::clock::Clock;
use crate::engine::{Limits, Millis, NEVER, Refused};
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
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    table: Mutex<Table<T>>,
    /// Whether an entry has had a ttl, so that the time matters. It never becomes false again.
    expiring: AtomicBool,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    rules: Rules<T>,
    listener: Option<Listener<T>>,
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

/// The table under its lock, at one moment.
struct Locked<'a, T> {
    table: MutexGuard<'a, Table<T>>,
    now: Millis,
}

impl<T> MemoryCacheProvider<T> {
    /// Options other than the defaults.
    pub fn builder() -> MemoryCacheBuilder<T> {
        MemoryCacheBuilder::new()
    }

    pub(super) fn from_parts(builder: MemoryCacheBuilder<T>, limits: Limits) -> Self {
        let shared = Shared {
            table: Mutex::new(Table::new(limits, builder.policy, builder.listener.is_some())),
            expiring: AtomicBool::new(false),
            hasher: RandomState::default(),
            clock: builder.clock,
            rules: Rules::new(builder.weigher, builder.default_ttl, limits.max_weight),
            listener: builder.listener,
        };
        Self { shared: Arc::new(shared) }
    }

    /// The value under `key`, as [`CacheProvider::get`](crate::CacheProvider::get).
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a key that is empty or too long.
    pub fn get_sync(&self, key: &str) -> Result<Option<T>>
    where
        T: Clone,
    {
        self.read(key, |_, _| ()).map(|found| found.map(|(value, ())| value))
    }

    /// The value under `key` and what is left of its life, as [`CacheProvider::get_with_ttl`](crate::CacheProvider::get_with_ttl).
    ///
    /// # Errors
    /// As for [`get_sync`](Self::get_sync).
    pub fn get_with_ttl_sync(&self, key: &str) -> Result<Option<WithTtl<T>>>
    where
        T: Clone,
    {
        self.read(key, remaining)
    }

    /// The value under `key`, without counting the lookup or using the entry.
    ///
    /// # Errors
    /// As for [`get_sync`](Self::get_sync).
    pub fn peek(&self, key: &str) -> Result<Option<T>>
    where
        T: Clone,
    {
        key::check(key)?;
        let key = self.hashed(key);
        Ok(self.with_table(|locked, leavers| {
            let slot = locked.table.find(key, locked.now, leavers)?;
            locked.table.value(slot).cloned()
        }))
    }

    /// Stores `value` under `key`, as [`CacheProvider::set`](crate::CacheProvider::set).
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a key, a ttl or a value outside the limits; nothing was changed.
    pub fn set_sync(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        let checked = self.check(key, &value, ttl)?;
        let key = self.hashed(key);
        self.with_table(|locked, leavers| store(locked, leavers, key, value, checked)).map_err(|(error, _)| error)
    }

    /// Removes the entry under `key`, as [`CacheProvider::delete`](crate::CacheProvider::delete).
    ///
    /// # Errors
    /// As for [`get_sync`](Self::get_sync).
    pub fn delete_sync(&self, key: &str) -> Result<bool> {
        key::check(key)?;
        let key = self.hashed(key);
        Ok(self.with_table(|locked, leavers| locked.table.delete(key, locked.now, leavers)))
    }

    /// Whether there is an entry under `key`, as [`CacheProvider::exists`](crate::CacheProvider::exists).
    ///
    /// # Errors
    /// As for [`get_sync`](Self::get_sync).
    pub fn exists_sync(&self, key: &str) -> Result<bool> {
        key::check(key)?;
        let key = self.hashed(key);
        Ok(self.with_table(|locked, leavers| locked.table.find(key, locked.now, leavers).is_some()))
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
        let glob = Glob::new(pattern);
        let literal = glob.literal();
        let key = literal.as_deref().map(|literal| self.hashed(literal));
        Ok(self.with_table(|locked, leavers| match key {
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
        let keys = self.hashed_many(keys)?;
        // Out here, so that they are dropped outside the lock if a clone panics.
        let mut values = Vec::with_capacity(keys.len());
        self.with_table(|locked, leavers| {
            values.extend(keys.iter().map(|&key| read_entry(locked, leavers, key).map(|(value, _)| value)));
        });
        Ok(values)
    }

    /// Stores every value, as [`CacheProvider::set_many`](crate::CacheProvider::set_many), at one moment.
    ///
    /// # Errors
    /// As for [`set_sync`](Self::set_sync); if one entry is outside the limits, none is stored.
    pub fn set_many_sync(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
        let check = |(key, value, ttl): (_, T, _)| Ok((self.check(key, &value, ttl)?, self.hashed(key), value));
        let entries: Vec<_> = entries.into_iter().map(check).collect::<Result<_>>()?;
        // What is refused, and what comes after it, is dropped out here, outside the lock.
        let mut entries = entries.into_iter();
        let stored = self.with_table(|locked, leavers| {
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
        let keys = self.hashed_many(keys)?;
        Ok(self.with_table(|locked, leavers| {
            keys.iter().map(|&key| u64::from(locked.table.delete(key, locked.now, leavers))).sum()
        }))
    }

    /// Removes every entry and gives the memory back. The counts go on.
    pub fn clear(&self) {
        self.with_table(|locked, leavers| locked.table.clear(locked.now, leavers));
    }

    /// Removes every entry that has expired, and returns how many. Nobody needs to call it: writes remove the dead in
    /// passing, a bounded number at a time.
    pub fn sweep(&self) -> u64 {
        self.with_table(|locked, leavers| u64::from(locked.table.sweep(locked.now, leavers)))
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
        self.with_table(|locked, leavers| {
            let max_weight = max_bytes.unwrap_or(locked.table.engine.limits().max_weight);
            self.shared.rules.set_max_bytes(max_weight);
            locked.table.set_limits(Limits { max_weight, ..new }, locked.now, leavers);
        });
        Ok(())
    }

    /// What was counted, and what there is now. Entries that have expired leave first, so that they are not counted.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let (counters, entries, bytes) = self.with_table(|locked, leavers| {
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
        self.with_table(|locked, leavers| {
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
        self.with_table(|locked, leavers| {
            locked.table.sweep(locked.now, leavers);
            locked.table.keys().map(str::to_owned).collect()
        })
    }

    #[inline]
    fn hashed<'a>(&self, key: &'a str) -> Hashed<'a> {
        Hashed::new(key, &self.shared.hasher)
    }

    fn hashed_many<'a>(&self, keys: &[&'a str]) -> Result<Vec<Hashed<'a>>> {
        keys.iter().map(|key| key::check(key).map(|()| self.hashed(key))).collect()
    }

    /// Checks an entry, before the lock.
    fn check(&self, key: &str, value: &T, ttl: Option<Duration>) -> Result<Checked> {
        let checked = self.shared.rules.check(key, value, ttl)?;
        if checked.life < NEVER {
            self.shared.expiring.store(true, Ordering::Relaxed);
        }
        Ok(checked)
    }

    /// Locks the table and looks up the time that its entries call for, before the lock is taken: a clock is the caller's
    /// code. Where no entry has had a ttl, no clock is read.
    #[inline]
    fn lock(&self) -> Locked<'_, T> {
        loop {
            let expiring = self.shared.expiring.load(Ordering::Relaxed);
            // Whole milliseconds far below 2^53.
            #[allow(clippy::cast_precision_loss)]
            let now = if expiring { self.shared.clock.now_ms() as Millis } else { 0.0 };
            // A panic of `T::clone` leaves the table as it was, so a poisoned lock means no harm.
            let table = self.shared.table.lock().unwrap_or_else(PoisonError::into_inner);
            if expiring || !table.engine.uses_deadlines() {
                return Locked { table, now };
            }
        }
    }

    /// Runs `work` under the lock; then, outside of it, reports and drops what left.
    #[inline]
    fn with_table<R>(&self, work: impl FnOnce(&mut Locked<'_, T>, &mut Leavers<T>) -> R) -> R {
        let mut leavers = Leavers::new();
        let result = {
            let mut locked = self.lock();
            work(&mut locked, &mut leavers)
        };
        if let Some(listener) = &self.shared.listener {
            for removed in leavers {
                listener(&removed.key, removed.value, removed.reason);
            }
        }
        result
    }

    /// A counted lookup of one key.
    #[inline]
    fn read<R>(&self, key: &str, more: impl FnOnce(Millis, Millis) -> R) -> Result<Option<(T, R)>>
    where
        T: Clone,
    {
        key::check(key)?;
        let key = self.hashed(key);
        {
            // The common case, in which nothing can leave.
            let mut locked = self.lock();
            let now = locked.now;
            match locked.table.lookup(key, now) {
                Lookup::Hit(value, deadline) => return Ok(Some((value, more(deadline, now)))),
                Lookup::Miss => return Ok(None),
                Lookup::Due => {}
            }
        }
        Ok(self.with_table(|locked, leavers| {
            let now = locked.now;
            read_entry(locked, leavers, key).map(|(value, deadline)| (value, more(deadline, now)))
        }))
    }
}

/// Stores an entry. A value that is refused is handed back, to be dropped outside the lock.
fn store<T>(
    locked: &mut Locked<'_, T>,
    leavers: &mut Leavers<T>,
    key: Hashed<'_>,
    value: T,
    Checked { weight, life }: Checked,
) -> Result<(), (CacheError, T)> {
    let stored = locked.table.set(key, value, weight, locked.now + life, locked.now, leavers);
    stored
        .map_err(|(refused, value)| (refusal(key.key, refused, weight, locked.table.engine.limits().max_weight), value))
}

/// Looks up and counts; the value and its deadline. The value is cloned before anything is changed, so that a clone that
/// panics changes nothing.
#[inline]
fn read_entry<T: Clone>(locked: &mut Locked<'_, T>, leavers: &mut Leavers<T>, key: Hashed<'_>) -> Option<(T, Millis)> {
    let table = &mut *locked.table;
    let Some(slot) = table.find(key, locked.now, leavers) else {
        table.engine.miss();
        return None;
    };
    let value = table.value(slot)?.clone();
    table.engine.hit(slot);
    Some((value, table.engine.deadline(slot)))
}

/// What is left of a life.
fn remaining(deadline: Millis, now: Millis) -> Option<Duration> {
    // Both are whole milliseconds, and the deadline has not come.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (deadline < NEVER).then(|| Duration::from_millis((deadline - now) as u64))
}
