//! Counters of calls, a provider that fails, and a waker's worth of running futures.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use isocache::{CacheError, CacheProvider, CacheStats, ManualClock, MemoryCacheProvider, Result, WithTtl};

/// A provider at a clock that only tests move.
pub struct At<T> {
    pub clock: Arc<ManualClock>,
    pub cache: MemoryCacheProvider<T>,
}

pub fn at_clock<T: Clone + Send + Sync + 'static>() -> At<T> {
    let clock = Arc::new(ManualClock::new());
    let cache = MemoryCacheProvider::builder().clock(Arc::clone(&clock)).build().unwrap();
    At { clock, cache }
}

static CALLS: LazyLock<Mutex<HashMap<String, u64>>> = LazyLock::new(Mutex::default);

/// Counts a call of a function by a name, and tells the number of this one, from 1.
pub fn called(name: &str) -> u64 {
    let mut calls = CALLS.lock().unwrap();
    let count = calls.entry(name.to_owned()).or_default();
    *count += 1;
    *count
}

/// How often a function has been called.
pub fn calls(name: &str) -> u64 {
    CALLS.lock().unwrap().get(name).copied().unwrap_or_default()
}

/// A provider that reaches nothing.
#[derive(Clone, Default)]
pub struct Broken {
    pub asked: Arc<AtomicU64>,
}

impl Broken {
    fn fail<T>(&self) -> Result<T> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Err(CacheError::Connection("nobody there".to_owned()))
    }
}

impl CacheProvider<u64> for Broken {
    async fn get(&self, _: &str) -> Result<Option<u64>> {
        self.fail()
    }
    async fn set(&self, _: &str, _: u64, _: Option<Duration>) -> Result<()> {
        self.fail()
    }
    async fn delete(&self, _: &str) -> Result<bool> {
        self.fail()
    }
    async fn exists(&self, _: &str) -> Result<bool> {
        self.fail()
    }
    async fn clear_pattern(&self, _: &str) -> Result<u64> {
        self.fail()
    }
    async fn get_stats(&self) -> Result<CacheStats> {
        self.fail()
    }
    async fn get_with_ttl(&self, _: &str) -> Result<Option<WithTtl<u64>>> {
        self.fail()
    }
}
