//! A provider whose store goes by the clock of a case, although it is elsewhere.

use std::future::Future;
use std::time::Duration;

use isocache::{
    AtomicProvider, CacheProvider, CacheStats, Clock, CounterProvider, Keys, KeysProvider, ManualClock, MaybeSend,
    Result, TouchProvider, WithTtl,
};

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
    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: std::ops::RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> Result<isocache::BoundedIncrement> {
        self.at().await.increment_within(key, by, bounds, ttl).await
    }
}

impl<T: Send, P: TouchProvider<T>, C: StoreTime> TouchProvider<T> for Following<P, C> {
    async fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        self.at().await.ttl(key).await
    }
    async fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        self.at().await.touch(key, ttl).await
    }
    async fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Option<T>> {
        self.at().await.get_and_touch(key, ttl).await
    }
}

impl<T: Send, P: AtomicProvider<T>, C: StoreTime> AtomicProvider<T> for Following<P, C> {
    async fn set_if_absent(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.at().await.set_if_absent(key, value, ttl).await
    }
    async fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.at().await.replace(key, value, ttl).await
    }
    async fn get_and_delete(&self, key: &str) -> Result<Option<T>> {
        self.at().await.get_and_delete(key).await
    }
}

impl<P: KeysProvider, C: StoreTime> KeysProvider for Following<P, C> {
    fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>> {
        Ok(Keys::unfold(Some(self.inner.keys(pattern)?), async move |keys: Option<Keys<'a>>| {
            let Some(keys) = keys else { return Ok(None) };
            self.at().await;
            Ok(Some((keys.collect().await?, None)))
        }))
    }
    async fn exists_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.at().await.exists_many(keys).await
    }
    async fn delete_many_each(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.at().await.delete_many_each(keys).await
    }
}
