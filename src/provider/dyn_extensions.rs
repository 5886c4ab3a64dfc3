//! The extension traits of a [`DynCacheProvider`].

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::{
    AtomicProvider, BoundedIncrement, BoxFuture, CounterProvider, DynCacheProvider, Keys, KeysProvider, MaybeSend,
    TouchProvider,
};
use crate::error::{CacheError, Result};

/// The object-safe form of the extension traits that depend on the type of the values, and of [`KeysProvider`].
pub(super) trait ErasedExtensions<T>: Send + Sync {
    fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>>;
    fn exists_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<bool>>>;
    fn delete_many_each<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<bool>>>;
    fn ttl<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Duration>>>;
    fn touch<'a>(&'a self, key: &'a str, ttl: Option<Duration>) -> BoxFuture<'a, Result<bool>>;
    fn get_and_touch<'a>(&'a self, key: &'a str, ttl: Option<Duration>) -> BoxFuture<'a, Result<Option<T>>>;
    fn set_if_absent<'a>(&'a self, key: &'a str, value: T, ttl: Option<Duration>) -> BoxFuture<'a, Result<bool>>;
    fn replace<'a>(&'a self, key: &'a str, value: T, ttl: Option<Duration>) -> BoxFuture<'a, Result<bool>>;
    fn get_and_delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<T>>>;
}

impl<T, P> ErasedExtensions<T> for P
where
    T: MaybeSend + 'static,
    P: KeysProvider + TouchProvider<T> + AtomicProvider<T>,
{
    fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>> {
        KeysProvider::keys(self, pattern)
    }

    fn exists_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(KeysProvider::exists_many(self, keys))
    }

    fn delete_many_each<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(KeysProvider::delete_many_each(self, keys))
    }

    fn ttl<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Duration>>> {
        Box::pin(TouchProvider::ttl(self, key))
    }

    fn touch<'a>(&'a self, key: &'a str, ttl: Option<Duration>) -> BoxFuture<'a, Result<bool>> {
        Box::pin(TouchProvider::touch(self, key, ttl))
    }

    fn get_and_touch<'a>(&'a self, key: &'a str, ttl: Option<Duration>) -> BoxFuture<'a, Result<Option<T>>> {
        Box::pin(TouchProvider::get_and_touch(self, key, ttl))
    }

    fn set_if_absent<'a>(&'a self, key: &'a str, value: T, ttl: Option<Duration>) -> BoxFuture<'a, Result<bool>> {
        Box::pin(AtomicProvider::set_if_absent(self, key, value, ttl))
    }

    fn replace<'a>(&'a self, key: &'a str, value: T, ttl: Option<Duration>) -> BoxFuture<'a, Result<bool>> {
        Box::pin(AtomicProvider::replace(self, key, value, ttl))
    }

    fn get_and_delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<T>>> {
        Box::pin(AtomicProvider::get_and_delete(self, key))
    }
}

/// The object-safe form of [`CounterProvider`].
pub(super) trait ErasedCounters: Send + Sync {
    fn increment<'a>(&'a self, key: &'a str, by: i64, ttl: Option<Duration>) -> BoxFuture<'a, Result<i64>>;
    fn increment_within<'a>(
        &'a self,
        key: &'a str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> BoxFuture<'a, Result<BoundedIncrement>>;
}

impl<P: CounterProvider> ErasedCounters for P {
    fn increment<'a>(&'a self, key: &'a str, by: i64, ttl: Option<Duration>) -> BoxFuture<'a, Result<i64>> {
        Box::pin(CounterProvider::increment(self, key, by, ttl))
    }

    fn increment_within<'a>(
        &'a self,
        key: &'a str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> BoxFuture<'a, Result<BoundedIncrement>> {
        Box::pin(CounterProvider::increment_within(self, key, by, bounds, ttl))
    }
}

/// The abilities of a provider beyond those of every provider, if they were erased with it.
pub(super) struct Extensions<T> {
    pub(super) values: Option<Arc<dyn ErasedExtensions<T>>>,
    pub(super) counters: Option<Arc<dyn ErasedCounters>>,
}

impl<T> Clone for Extensions<T> {
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), counters: self.counters.clone() }
    }
}

impl<T> Extensions<T> {
    fn values(&self) -> Result<&dyn ErasedExtensions<T>> {
        self.values.as_deref().ok_or_else(|| {
            let reason = "was erased without its extension traits: create it with DynCacheProvider::with_extensions";
            CacheError::invalid("provider", reason)
        })
    }

    fn counters(&self) -> Result<&dyn ErasedCounters> {
        self.counters.as_deref().ok_or_else(|| {
            let reason = "was erased without its counters: add them with DynCacheProvider::with_counters";
            CacheError::invalid("provider", reason)
        })
    }
}

/// Every method fails with [`CacheError::InvalidArgument`] unless the provider was erased by
/// [`with_extensions`](DynCacheProvider::with_extensions).
impl<T: MaybeSend + 'static> TouchProvider<T> for DynCacheProvider<T> {
    async fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        self.extensions.values()?.ttl(key).await
    }

    async fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        self.extensions.values()?.touch(key, ttl).await
    }

    async fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Option<T>> {
        self.extensions.values()?.get_and_touch(key, ttl).await
    }
}

/// Every method fails with [`CacheError::InvalidArgument`] unless the provider was erased by
/// [`with_extensions`](DynCacheProvider::with_extensions).
impl<T: MaybeSend + 'static> AtomicProvider<T> for DynCacheProvider<T> {
    async fn set_if_absent(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.extensions.values()?.set_if_absent(key, value, ttl).await
    }

    async fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.extensions.values()?.replace(key, value, ttl).await
    }

    async fn get_and_delete(&self, key: &str) -> Result<Option<T>> {
        self.extensions.values()?.get_and_delete(key).await
    }
}

/// Every method fails with [`CacheError::InvalidArgument`] unless the provider was erased by
/// [`with_extensions`](DynCacheProvider::with_extensions).
impl<T: MaybeSend + 'static> KeysProvider for DynCacheProvider<T> {
    fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>> {
        self.extensions.values()?.keys(pattern)
    }

    async fn exists_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.extensions.values()?.exists_many(keys).await
    }

    async fn delete_many_each(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.extensions.values()?.delete_many_each(keys).await
    }
}

/// Every method fails with [`CacheError::InvalidArgument`] unless counters were added by
/// [`with_counters`](DynCacheProvider::with_counters).
impl<T: MaybeSend + 'static> CounterProvider for DynCacheProvider<T> {
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        self.extensions.counters()?.increment(key, by, ttl).await
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> Result<BoundedIncrement> {
        self.extensions.counters()?.increment_within(key, by, bounds, ttl).await
    }
}
