//! A provider whose store goes by the clock of a case, although it is elsewhere.

use std::future::Future;
use std::time::Duration;

use isocache::{CacheProvider, CacheStats, Clock, CounterProvider, ManualClock, MaybeSend, Result, WithTtl};

/// The time of a store.
pub trait StoreTime: Send + Sync {
    /// Sets it.
    fn set_ms(&self, ms: u64) -> impl Future<Output = ()> + MaybeSend;
}

/// A store in this process.
impl StoreTime for ManualClock {
    async fn set_ms(&self, ms: u64) {
        Self::set_ms(self, ms);
    }
}

/// Sets the time of the store to that of the case before each operation.
pub struct Following<P, C> {
    pub inner: P,
    pub case: ManualClock,
    pub time: C,
}

impl<P, C: StoreTime> Following<P, C> {
    async fn at(&self) -> &P {
        self.time.set_ms(self.case.now_ms()).await;
        &self.inner
    }
}

impl<T: Send, P: CacheProvider<T>, C: StoreTime> CacheProvider<T> for Following<P, C> {
    async fn get(&self, key: &str) -> Result<Option<T>> {
        self.at().await.get(key).await
    }
    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        self.at().await.set(key, value, ttl).await
    }
    async fn delete(&self, key: &str) -> Result<bool> {
        self.at().await.delete(key).await
    }
    async fn exists(&self, key: &str) -> Result<bool> {
        self.at().await.exists(key).await
    }
    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        self.at().await.clear_pattern(pattern).await
    }
    async fn get_stats(&self) -> Result<CacheStats> {
        self.at().await.get_stats().await
    }
    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        self.at().await.get_with_ttl(key).await
    }
    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
        self.at().await.get_many(keys).await
    }
    async fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
        self.at().await.set_many(entries).await
    }
    async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        self.at().await.delete_many(keys).await
    }
}

impl<P: CounterProvider, C: StoreTime> CounterProvider for Following<P, C> {
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        self.at().await.increment(key, by, ttl).await
    }
}
