//! A memory cache whose writes are announced, as a shared store does it.

use std::ops::RangeInclusive;
use std::time::Duration;

use isocache::{
    AtomicProvider, BoundedIncrement, CacheProvider, CacheStats, Count, CounterProvider, InvalidationChannel, Keys,
    KeysProvider, Loading, MemoryCacheProvider, NewEntry, Result, SingleFlight, Storing, TouchProvider, WithTtl,
};

/// A store in memory. Its clones are one store.
#[derive(Clone)]
pub struct Watched<T> {
    pub store: MemoryCacheProvider<T>,
    pub channel: InvalidationChannel,
    /// Whether it says that it answers without waiting.
    pub single_flight: SingleFlight,
}

impl<T> Watched<T> {
    pub fn new(store: MemoryCacheProvider<T>, channel: InvalidationChannel) -> Self {
        Self { store, channel, single_flight: SingleFlight::default() }
    }

    fn changed<R>(&self, keys: &[&str], result: Result<R>) -> Result<R> {
        if !keys.is_empty() {
            self.channel.keys(keys.iter().copied());
        }
        result
    }
}

impl<T: Clone + Send + Sync + 'static> CacheProvider<T> for Watched<T> {
    async fn get(&self, key: &str) -> Result<Option<T>> {
        self.store.get(key).await
    }

    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        let _write = self.single_flight.write(key).await;
        self.changed(&[key], self.store.set(key, value, ttl).await)
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        let _write = self.single_flight.write(key).await;
        self.changed(&[key], self.store.delete(key).await)
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.store.exists(key).await
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        let _write = self.single_flight.write_pattern(pattern).await;
        let cleared = self.store.clear_pattern(pattern).await;
        self.channel.all();
        cleared
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        self.store.get_stats().await
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        self.store.get_with_ttl(key).await
    }

    async fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
        let keys: Vec<&str> = entries.iter().map(|(key, ..)| *key).collect();
        let _write = self.single_flight.write_many(keys.clone()).await;
        self.changed(&keys, self.store.set_many(entries).await)
    }

    async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        let _write = self.single_flight.write_many(keys.to_vec()).await;
        self.changed(keys, self.store.delete_many(keys).await)
    }

    fn loading(&self) -> Option<&dyn Loading<T>> {
        Some(self)
    }
}

impl<T: Clone + Send + Sync + 'static> Loading<T> for Watched<T> {
    fn single_flight(&self) -> &SingleFlight {
        &self.single_flight
    }

    fn keeps_stale(&self) -> bool {
        true
    }

    fn look<'a>(&'a self, key: &'a str) -> Option<isocache::BoxFuture<'a, Result<Option<isocache::Kept<T>>>>> {
        self.store.loading()?.look(key)
    }

    fn store(&self, key: &str, entry: NewEntry<T>) -> Storing<T> {
        let (this, key) = (self.clone(), key.to_owned());
        Storing::Later(Box::pin(async move {
            let loading = this.store.loading().unwrap();
            let Storing::Done(stored) = loading.store(&key, entry) else { unreachable!("memory never waits") };
            this.changed(&[&key], stored)
        }))
    }
}

impl<T: Count + Clone + Send + Sync + 'static> CounterProvider for Watched<T> {
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        let _write = self.single_flight.write(key).await;
        self.changed(&[key], self.store.increment(key, by, ttl).await)
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> Result<BoundedIncrement> {
        let _write = self.single_flight.write(key).await;
        self.changed(&[key], self.store.increment_within(key, by, bounds, ttl).await)
    }
}

impl<T: Clone + Send + Sync + 'static> TouchProvider<T> for Watched<T> {
    async fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        self.store.ttl(key).await
    }

    async fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        self.changed(&[key], self.store.touch(key, ttl).await)
    }

    async fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Option<T>> {
        self.changed(&[key], self.store.get_and_touch(key, ttl).await)
    }
}

impl<T: Clone + Send + Sync + 'static> AtomicProvider<T> for Watched<T> {
    async fn set_if_absent(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.changed(&[key], self.store.set_if_absent(key, value, ttl).await)
    }

    async fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.changed(&[key], self.store.replace(key, value, ttl).await)
    }

    async fn get_and_delete(&self, key: &str) -> Result<Option<T>> {
        let _write = self.single_flight.write(key).await;
        self.changed(&[key], self.store.get_and_delete(key).await)
    }
}

impl<T: Clone + Send + Sync + 'static> KeysProvider for Watched<T> {
    fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>> {
        self.store.keys(pattern)
    }

    async fn exists_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.store.exists_many(keys).await
    }

    async fn delete_many_each(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let _write = self.single_flight.write_many(keys.to_vec()).await;
        self.changed(keys, self.store.delete_many_each(keys).await)
    }
}
