//! The statistics of a remote provider.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::stats::CacheStats;

/// Counts the operations of this provider and its clones, not those of other clients of the store.
#[derive(Default)]
pub(super) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    sets: AtomicU64,
    deletes: AtomicU64,
}

impl Counters {
    pub(super) fn lookups(&self, hits: u64, misses: u64) {
        self.hits.fetch_add(hits, Ordering::Relaxed);
        self.misses.fetch_add(misses, Ordering::Relaxed);
    }

    pub(super) fn lookup(&self, hit: bool) {
        let counter = if hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sets(&self, sets: u64) {
        self.sets.fetch_add(sets, Ordering::Relaxed);
    }

    pub(super) fn deletes(&self, deletes: u64) {
        self.deletes.fetch_add(deletes, Ordering::Relaxed);
    }

    pub(super) fn stats(&self, entries: Option<u64>) -> CacheStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            hits: read(&self.hits),
            misses: read(&self.misses),
            sets: read(&self.sets),
            deletes: read(&self.deletes),
            entries,
            ..CacheStats::default()
        }
    }
}
