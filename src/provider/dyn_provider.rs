//! A provider whose type is known only at run time.

use std::sync::Arc;
use std::time::Duration;

use super::dyn_extensions::Extensions;
use super::{
    AtomicProvider, BoxFuture, CacheProvider, CounterProvider, KeysProvider, MaybeSend, TouchProvider, WithTtl,
};
use crate::error::Result;
use crate::load::{Loading, get_now};
use crate::stats::CacheStats;

/// The object-safe form of [`CacheProvider`]: the same methods with boxed futures. Every provider implements it.
trait ErasedCacheProvider<T>: Send + Sync {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<T>>>;
    fn set<'a>(&'a self, key: &'a str, value: T, ttl: Option<Duration>) -> BoxFuture<'a, Result<()>>;
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>>;
    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>>;
    fn clear_pattern<'a>(&'a self, pattern: &'a str) -> BoxFuture<'a, Result<u64>>;
    fn get_stats(&self) -> BoxFuture<'_, Result<CacheStats>>;
    fn get_with_ttl<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<WithTtl<T>>>>;
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Option<T>>>>;
    fn set_many<'a>(&'a self, entries: Vec<(&'a str, T, Option<Duration>)>) -> BoxFuture<'a, Result<()>>;
    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, Result<u64>>;
    fn loading(&self) -> Option<&dyn Loading<T>>;
}

impl<T: MaybeSend + 'static, P: CacheProvider<T>> ErasedCacheProvider<T> for P {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<T>>> {
        Box::pin(CacheProvider::get(self, key))
    }

    fn set<'a>(&'a self, key: &'a str, value: T, ttl: Option<Duration>) -> BoxFuture<'a, Result<()>> {
        Box::pin(CacheProvider::set(self, key, value, ttl))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(CacheProvider::delete(self, key))
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(CacheProvider::exists(self, key))
    }

    fn clear_pattern<'a>(&'a self, pattern: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(CacheProvider::clear_pattern(self, pattern))
    }

    fn get_stats(&self) -> BoxFuture<'_, Result<CacheStats>> {
        Box::pin(CacheProvider::get_stats(self))
    }

    fn get_with_ttl<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<WithTtl<T>>>> {
        Box::pin(CacheProvider::get_with_ttl(self, key))
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Option<T>>>> {
        Box::pin(CacheProvider::get_many(self, keys))
    }

    fn set_many<'a>(&'a self, entries: Vec<(&'a str, T, Option<Duration>)>) -> BoxFuture<'a, Result<()>> {
        Box::pin(CacheProvider::set_many(self, entries))
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, Result<u64>> {
        Box::pin(CacheProvider::delete_many(self, keys))
    }

    fn loading(&self) -> Option<&dyn Loading<T>> {
        CacheProvider::loading(self)
    }
}

/// Any provider of `T` behind one type. Cloning it is cheap, and the clones share the cache.
///
/// Each call allocates one future, except a `get` that the provider answers without waiting.
///
/// ```
/// use isocache::{CacheProvider, DynCacheProvider, MemoryCacheProvider};
///
/// # pollster::block_on(async {
/// let cache: DynCacheProvider<String> = DynCacheProvider::new(MemoryCacheProvider::default());
/// cache.set("greeting", "hello".to_string(), None).await?;
/// assert_eq!(cache.get("greeting").await?.as_deref(), Some("hello"));
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
pub struct DynCacheProvider<T> {
    provider: Arc<dyn ErasedCacheProvider<T>>,
    pub(super) extensions: Extensions<T>,
}

impl<T: MaybeSend + 'static> DynCacheProvider<T> {
    /// Erases the type of a provider. The methods of the extension traits then return an error.
    pub fn new(provider: impl CacheProvider<T> + 'static) -> Self {
        Self { provider: Arc::new(provider), extensions: Extensions { values: None, counters: None } }
    }

    /// Erases the type of a provider that has the extension traits [`KeysProvider`], [`TouchProvider`] and
    /// [`AtomicProvider`], as those of isocache do, and keeps them.
    ///
    /// ```
    /// use isocache::{AtomicProvider, CounterProvider, DynCacheProvider, MemoryCacheProvider};
    ///
    /// # pollster::block_on(async {
    /// let memory = MemoryCacheProvider::<i64>::default();
    /// let cache = DynCacheProvider::with_extensions(memory.clone()).with_counters(memory);
    /// assert!(cache.set_if_absent("visits", 1, None).await?);
    /// assert_eq!(cache.increment("visits", 1, None).await?, 2);
    /// # Ok::<(), isocache::CacheError>(()) }).unwrap();
    /// ```
    pub fn with_extensions<P>(provider: P) -> Self
    where
        P: CacheProvider<T> + KeysProvider + TouchProvider<T> + AtomicProvider<T> + 'static,
    {
        let provider = Arc::new(provider);
        let values = Some(Arc::clone(&provider) as _);
        Self { provider, extensions: Extensions { values, counters: None } }
    }

    /// Adds the [`CounterProvider`] of the same provider, or of a view of it for counters.
    #[must_use]
    pub fn with_counters(mut self, counters: impl CounterProvider + 'static) -> Self {
        self.extensions.counters = Some(Arc::new(counters));
        self
    }
}

impl<T> Clone for DynCacheProvider<T> {
    fn clone(&self) -> Self {
        Self { provider: Arc::clone(&self.provider), extensions: self.extensions.clone() }
    }
}

impl<T> std::fmt::Debug for DynCacheProvider<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DynCacheProvider")
    }
}

impl<T: MaybeSend + 'static> CacheProvider<T> for DynCacheProvider<T> {
    async fn get(&self, key: &str) -> Result<Option<T>> {
        match get_now(self, key) {
            Some(known) => known,
            None => self.provider.get(key).await,
        }
    }

    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        self.provider.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        self.provider.delete(key).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.provider.exists(key).await
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        self.provider.clear_pattern(pattern).await
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        self.provider.get_stats().await
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        self.provider.get_with_ttl(key).await
    }

    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
        self.provider.get_many(keys).await
    }

    async fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
        self.provider.set_many(entries).await
    }

    async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        self.provider.delete_many(keys).await
    }

    fn loading(&self) -> Option<&dyn Loading<T>> {
        self.provider.loading()
    }
}
