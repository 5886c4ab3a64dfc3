//! The advisor of a cache: the lookups that it sees, and its estimates.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::cache::MemoryCache;
use super::shared::Shared;
use super::table::{Hashed, Table};
use crate::engine::{Advisor, Counters, Estimate, Limits, MAX_SLOTS, Millis, Policy, Slot};

/// What a cache does on a hit beyond counting it. One comparison shows that nearly all hits need none of it.
pub(super) struct Attention {
    /// Hits on keys whose hash is at most this need more work.
    bound: AtomicU64,
    /// Likewise for misses.
    miss_bound: AtomicU64,
    touches: bool,
    advice: Option<Advice>,
}

/// The tables of a cache, from the point of view of one of them.
#[derive(Clone, Copy)]
pub(super) struct Tables {
    pub(super) count: usize,
    /// The lookups in this table that its engine has not counted.
    pub(super) uncounted: u64,
}

impl Tables {
    pub(super) const ONE: Self = Self { count: 1, uncounted: 0 };
}

struct Advice {
    advisor: Mutex<Advisor>,
    policy: Policy,
    /// Whether the cache is limited by bytes alone, so that its size in entries is whatever fits.
    is_by_bytes: bool,
}

impl Attention {
    pub(super) fn new(touches: bool, advises: bool, policy: Policy, limits: Limits) -> Self {
        let is_by_bytes = limits.max_entries == MAX_SLOTS;
        let advice = advises.then(|| {
            let advisor = Mutex::new(Advisor::new(if is_by_bytes { 1 } else { limits.max_entries }));
            Advice { advisor, policy, is_by_bytes }
        });
        let attention = Self { bound: AtomicU64::new(0), miss_bound: AtomicU64::new(0), touches, advice };
        attention.set_bounds(u64::MAX, u64::MAX);
        attention
    }

    #[inline]
    pub(super) fn is_due(&self, key: Hashed<'_>) -> bool {
        key.hash() <= self.bound.load(Ordering::Relaxed)
    }

    /// Sets the bounds that the advisor requests.
    fn set_bounds(&self, wanted: u64, misses: u64) {
        let bound = if self.touches {
            u64::MAX
        } else if self.advice.is_some() {
            wanted
        } else {
            0
        };
        self.bound.store(bound, Ordering::Relaxed);
        self.miss_bound.store(misses, Ordering::Relaxed);
    }

    /// Does the work that a hit needs, under the lock of the table.
    #[cold]
    #[inline(never)]
    pub(super) fn hit<T>(&self, table: &mut Table<T>, key: Hashed<'_>, slot: Slot, now: Millis, tables: Tables) {
        if self.touches && table.is_fresh(slot, now) {
            table.restart_ttl(slot, now);
        }
        if let Some(advice) = &self.advice {
            self.record(advice, table, key, true, tables);
        }
    }

    /// Records a miss, under the lock of the table.
    #[inline]
    pub(super) fn miss<T>(&self, table: &Table<T>, key: Hashed<'_>, tables: Tables) {
        if let Some(advice) = &self.advice
            && key.hash() <= self.miss_bound.load(Ordering::Relaxed)
        {
            self.record(advice, table, key, false, tables);
        }
    }

    #[inline(never)]
    fn record<T>(&self, advice: &Advice, table: &Table<T>, key: Hashed<'_>, is_hit: bool, tables: Tables) {
        // If threads compete for it, a few lookups are left out of the sample.
        let Ok(mut advisor) = advice.advisor.try_lock() else { return };
        if advice.is_by_bytes && !is_hit {
            advisor.grow(table.engine.held());
        }
        let Counters { hits, misses, .. } = table.engine.counters();
        // The keys are spread evenly over the tables.
        advisor.record(key.hash(), is_hit, (hits + misses + tables.uncounted) * tables.count as u64);
        self.set_bounds(advisor.bound(), advisor.miss_bound());
    }

    pub(super) fn resize(&self, limits: Limits, counters: Counters) {
        if let Some(advice) = &self.advice
            && !advice.is_by_bytes
        {
            let mut advisor = advice.advisor.lock().unwrap_or_else(PoisonError::into_inner);
            advisor.resize(limits.max_entries, counters.hits, counters.misses);
            self.set_bounds(advisor.bound(), advisor.miss_bound());
        }
    }

    fn estimates(&self, counters: Counters) -> Option<Vec<Estimate>> {
        let advice = self.advice.as_ref()?;
        let advisor = advice.advisor.lock().unwrap_or_else(PoisonError::into_inner);
        Some(advisor.estimates(advice.policy, counters.hits, counters.misses))
    }
}

impl<T> MemoryCache<T> {
    /// Returns the estimated hit ratios of this cache at a quarter, a half, one, two and four times its size, under
    /// each policy; `None` without [`MemoryCacheBuilder::advise`](super::MemoryCacheBuilder::advise). Empty before the
    /// first lookup.
    ///
    /// Each ratio covers the lookups since the cache was created, or since [`resize`](Self::resize) changed its size.
    /// At the current size, under the current policy, it is exact. The others are estimated from a sample of the keys:
    /// they are rarely wrong by more than three percentage points, and exact while the cache has seen fewer than 2,400
    /// keys. Sizes are counted in entries: where entries differ in size, the average counts.
    ///
    /// ```
    /// use isocache::MemoryCache;
    ///
    /// let cache = MemoryCache::builder().max_entries(100).advise(true).build()?;
    /// // A loop over 150 keys: LRU evicts each just before it is needed.
    /// for round in 0..10 {
    ///     for key in (0..150).map(|key| format!("page:{key}")) {
    ///         if cache.get(&key)?.is_none() {
    ///             cache.set(&key, round, None)?;
    ///         }
    ///     }
    /// }
    /// let advice = cache.advise().unwrap();
    /// assert!(advice[2].max_entries == 100 && advice[2].lru < 0.01 && advice[2].s3_fifo > 0.3);
    /// assert!(advice[3].max_entries == 200 && advice[3].lru > 0.85);
    /// # Ok::<(), isocache::CacheError>(())
    /// ```
    #[must_use]
    pub fn advise(&self) -> Option<Vec<Estimate>> {
        let counters = self.shared.with_all(|all, _| all.counters());
        self.shared.attention.estimates(counters)
    }
}

impl<T> Shared<T> {
    /// The tables, for callers to which the number of counted lookups does not matter much.
    pub(super) fn tables(&self) -> Tables {
        Tables { count: self.locks.shards().map_or(1, super::shards::Shards::len), uncounted: 0 }
    }
}
