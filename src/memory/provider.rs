//! [`MemoryCacheProvider`]: the memory cache as a [`CacheProvider`]. None of its methods waits.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::builder::MemoryCacheBuilder;
use super::cache::MemoryCache;
use super::counter::Count;
use crate::error::Result;
use crate::load::Loading;
use crate::provider::{
    AtomicProvider, BoundedIncrement, CacheProvider, CounterProvider, Keys, KeysProvider, MaybeSend, TouchProvider,
    WithTtl,
};
use crate::stats::CacheStats;

/// A [`MemoryCache`] as an asynchronous [`CacheProvider`].
///
/// Cloning the provider is cheap, and the clones share its entries. [`sync`](Self::sync) returns the cache itself, with
/// synchronous methods and those that other providers do not have.
///
/// ```
/// use isocache::{CacheProvider, MemoryCacheProvider};
///
/// # pollster::block_on(async {
/// let provider = MemoryCacheProvider::builder().max_entries(10_000).build()?;
/// provider.set("user:1", "Ada".to_string(), None).await?;
/// assert_eq!(provider.sync().get("user:1")?.as_deref(), Some("Ada"));
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
pub struct MemoryCacheProvider<T> {
    pub(crate) cache: MemoryCache<T>,
}

impl<T> MemoryCacheProvider<T> {
    /// Starts a builder, for options other than the defaults.
    pub fn builder() -> MemoryCacheBuilder<T> {
        MemoryCacheBuilder::new()
    }

    /// Returns the cache itself, with its synchronous methods.
    pub fn sync(&self) -> &MemoryCache<T> {
        &self.cache
    }
}

impl<T> Clone for MemoryCacheProvider<T> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone() }
    }
}

impl<T> Default for MemoryCacheProvider<T> {
    /// Creates a cache of at most 1000 entries, which expire only if they are written with a ttl.
    fn default() -> Self {
        Self { cache: MemoryCache::default() }
    }
}

impl<T> std::fmt::Debug for MemoryCacheProvider<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryCacheProvider").field("cache", &self.cache).finish()
    }
}

impl<T> From<MemoryCache<T>> for MemoryCacheProvider<T> {
    fn from(cache: MemoryCache<T>) -> Self {
        Self { cache }
    }
}

impl<T> From<MemoryCacheProvider<T>> for MemoryCache<T> {
    fn from(provider: MemoryCacheProvider<T>) -> Self {
        provider.cache
    }
}

impl<T: Clone + Send + MaybeSend> CacheProvider<T> for MemoryCacheProvider<T> {
    async fn get(&self, key: &str) -> Result<Option<T>> {
        self.cache.get(key)
    }

    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        self.cache.set(key, value, ttl)
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        self.cache.delete(key)
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.cache.exists(key)
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        self.cache.clear_pattern(pattern)
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        Ok(self.cache.stats())
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        self.cache.get_with_ttl(key)
    }

    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
        self.cache.get_many(keys)
    }

    async fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
        self.cache.set_many(entries)
    }

    async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        self.cache.delete_many(keys)
    }

    #[inline]
    fn loading(&self) -> Option<&dyn Loading<T>> {
        Some(self)
    }
}

impl<T: Count + Send + MaybeSend> CounterProvider for MemoryCacheProvider<T> {
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        self.cache.increment(key, by, ttl)
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> Result<BoundedIncrement> {
        self.cache.increment_within(key, by, bounds, ttl)
    }
}

impl<T: Clone + Send + MaybeSend> TouchProvider<T> for MemoryCacheProvider<T> {
    async fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        self.cache.ttl(key)
    }

    async fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        self.cache.touch(key, ttl)
    }

    async fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Option<T>> {
        self.cache.get_and_touch(key, ttl)
    }
}

impl<T: Clone + Send + MaybeSend> AtomicProvider<T> for MemoryCacheProvider<T> {
    async fn set_if_absent(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.cache.set_if_absent(key, value, ttl)
    }

    async fn get_and_delete(&self, key: &str) -> Result<Option<T>> {
        self.cache.get_and_delete(key)
    }

    async fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.cache.replace(key, value, ttl)
    }
}

impl<T: Send> KeysProvider for MemoryCacheProvider<T> {
    fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>> {
        self.cache.keys_matching(pattern).map(Keys::of)
    }

    async fn exists_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.cache.exists_many(keys)
    }

    async fn delete_many_each(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.cache.delete_many_each(keys)
    }
}
