//! Where values are kept.

use std::marker::PhantomData;

use bytes::Bytes;

use super::key::IntoKey;
use crate::{
    CacheError, CacheProvider, DynCacheProvider, MaybeSend, MemoryCache, MemoryCacheProvider, Typed, default_cache,
};

/// Finds the provider in what an expression is: itself, a reference, a `LazyLock`, an `Arc`.
pub trait AsProvider<T> {
    fn as_provider_of_this_value(&self, _: PhantomData<fn() -> T>) -> &Self {
        self
    }
}
impl<T: MaybeSend, P: CacheProvider<T>> AsProvider<T> for P {}

/// As [`AsProvider`], where it must be memory. Where it is not, the compiler says that there is no method of this name.
pub trait AsMemory {
    type Value;
    fn as_memory_for_a_function_that_is_not_async(&self) -> &MemoryCache<Self::Value>;
}

impl<T> AsMemory for MemoryCache<T> {
    type Value = T;

    fn as_memory_for_a_function_that_is_not_async(&self) -> &MemoryCache<T> {
        self
    }
}

impl<T> AsMemory for MemoryCacheProvider<T> {
    type Value = T;

    fn as_memory_for_a_function_that_is_not_async(&self) -> &MemoryCache<T> {
        self.sync()
    }
}

/// The cache of the process, for values of `T`.
#[must_use]
pub fn default_provider<T>() -> Typed<T> {
    Typed::new(default_cache())
}

/// Removes what is kept under a key.
///
/// # Errors
/// As for [`CacheProvider::delete`], and for making the key.
pub async fn invalidate<T: MaybeSend>(provider: &impl CacheProvider<T>, key: impl IntoKey) -> Result<bool, CacheError> {
    provider.delete(&key.into_key()?).await
}

/// As [`invalidate`], in the cache of the process.
///
/// # Errors
/// As for [`invalidate`].
pub async fn invalidate_default(key: impl IntoKey) -> Result<bool, CacheError> {
    let provider: DynCacheProvider<Bytes> = default_cache();
    invalidate(&provider, key).await
}

/// As [`invalidate`], in memory.
///
/// # Errors
/// As for [`invalidate`].
pub fn invalidate_sync<T: Clone>(provider: &MemoryCache<T>, key: impl IntoKey) -> Result<bool, CacheError> {
    provider.delete(&key.into_key()?)
}
