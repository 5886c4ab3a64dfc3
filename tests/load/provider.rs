//! A provider whose operations take several turns, as those of a remote store do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use isocache::{CacheError, CacheProvider, CacheStats, Flights, MemoryCacheProvider, Result, WithTtl};

use crate::executor::pause;

#[derive(Clone)]
pub struct Remote {
    pub store: MemoryCacheProvider<u64>,
    pub flights: Arc<Flights>,
    pub broken: Arc<AtomicBool>,
}

impl Default for Remote {
    fn default() -> Self {
        Self::over(MemoryCacheProvider::default())
    }
}

impl Remote {
    pub fn over(store: MemoryCacheProvider<u64>) -> Self {
        Self { store, flights: Arc::default(), broken: Arc::default() }
    }

    /// On its way there, and on its way back.
    async fn travel<R>(&self, operation: impl FnOnce() -> Result<R>) -> Result<R> {
        pause(1).await;
        let done = if self.broken.load(Ordering::SeqCst) {
            Err(CacheError::Connection("it is broken".into()))
        } else {
            operation()
        };
        pause(1).await;
        done
    }
}

impl CacheProvider<u64> for Remote {
    async fn get(&self, key: &str) -> Result<Option<u64>> {
        self.travel(|| self.store.get_sync(key)).await
    }

    async fn set(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<()> {
        let _write = self.flights.write(key).await;
        self.travel(|| self.store.set_sync(key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        let _write = self.flights.write(key).await;
        self.travel(|| self.store.delete_sync(key)).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.travel(|| self.store.exists_sync(key)).await
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        let _write = self.flights.write_pattern(pattern).await;
        self.travel(|| self.store.clear_pattern_sync(pattern)).await
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        self.travel(|| Ok(self.store.stats())).await
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<u64>>> {
        self.travel(|| self.store.get_with_ttl_sync(key)).await
    }

    fn flights(&self) -> Option<&Flights> {
        Some(&self.flights)
    }
}
