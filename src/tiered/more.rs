//! The optional operations, if the far provider has them.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::operations::ended;
use super::provider::TieredCacheProvider;
use super::spans::{Span, Tier};
use crate::error::Result;
use crate::provider::{
    AtomicProvider, BoundedIncrement, CacheProvider, CounterProvider, Keys, KeysProvider, MaybeSend, TouchProvider,
};

/// Drops the near copy. The next read keeps one again.
impl<T, P> CounterProvider for TieredCacheProvider<T, P>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    P: CacheProvider<T> + CounterProvider + 'static,
{
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        let shared = &*self.shared;
        let _loads = shared.overtake(key).await;
        let write = shared.begin_write(key).await;
        shared.wrote(write, shared.far.increment(key, by, ttl).await, |_| None)
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> Result<BoundedIncrement> {
        let shared = &*self.shared;
        let _loads = shared.overtake(key).await;
        let write = shared.begin_write(key).await;
        shared.wrote(write, shared.far.increment_within(key, by, bounds, ttl).await, |_| None)
    }
}

/// The far provider answers: its entry gets the new ttl.
impl<T, P> TouchProvider<T> for TieredCacheProvider<T, P>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    P: CacheProvider<T> + TouchProvider<T> + 'static,
{
    async fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        self.shared.hub.prepare().await;
        self.shared.far.ttl(key).await
    }

    async fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        let shared = &*self.shared;
        let write = shared.begin_write(key).await;
        shared.wrote(write, shared.far.touch(key, ttl).await, |_| None)
    }

    async fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Option<T>> {
        let shared = &*self.shared;
        let write = shared.begin_write(key).await;
        let found = shared.wrote(write, shared.far.get_and_touch(key, ttl).await, |_| None)?;
        shared.count_far(found.is_some(), true);
        Ok(found)
    }
}

impl<T, P> AtomicProvider<T> for TieredCacheProvider<T, P>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    P: CacheProvider<T> + AtomicProvider<T> + 'static,
{
    async fn set_if_absent(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        let shared = &*self.shared;
        let _loads = shared.overtake(key).await;
        let copy = shared.copy(&value, ttl);
        let write = shared.begin_write(key).await;
        let stored = shared.put(shared.far.set_if_absent(key, value, ttl)).await;
        shared.wrote(write, stored, |stored| copy.filter(|_| *stored))
    }

    async fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        let shared = &*self.shared;
        let _loads = shared.overtake(key).await;
        let copy = shared.copy(&value, ttl);
        let write = shared.begin_write(key).await;
        let stored = shared.put(shared.far.replace(key, value, ttl)).await;
        shared.wrote(write, stored, |stored| copy.filter(|_| *stored))
    }

    async fn get_and_delete(&self, key: &str) -> Result<Option<T>> {
        let shared = &*self.shared;
        let _loads = shared.overtake(key).await;
        let write = shared.begin_write(key).await;
        let found = shared.wrote(write, shared.remove(shared.far.get_and_delete(key)).await, |_| None)?;
        shared.count_far(found.is_some(), true);
        Ok(found)
    }
}

/// The far provider lists its keys: it may have more than there are near copies.
impl<T, P> KeysProvider for TieredCacheProvider<T, P>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    P: CacheProvider<T> + KeysProvider + 'static,
{
    fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>> {
        self.shared.far.keys(pattern)
    }

    async fn exists_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let span = Span::get(&self.shared.hub, Some(keys.len()));
        let found = span.around(self.shared.far.exists_many(keys)).await?;
        span.found(found.iter().all(|exists| *exists), Tier::Far);
        Ok(found)
    }

    async fn delete_many_each(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let shared = &*self.shared;
        let _loads = shared.overtake_many(keys).await;
        let writes = shared.begin_writes(keys).await;
        let deleted = Span::remove(&shared.hub, Some(keys.len())).around(shared.far.delete_many_each(keys)).await;
        ended(writes, &deleted);
        deleted
    }
}
