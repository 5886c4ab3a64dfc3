//! The providers of cached functions.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::key::IntoKey;
use super::shape::Shape;
use crate::{
    CacheError, CacheProvider, CounterProvider, Glob, Kept, Lookup, MaybeSend, MemoryCache, MemoryCacheProvider,
    Tagged, TaggedView, Typed, default_cache,
};

/// Finds the provider in the type of an expression: itself, a reference, a `LazyLock`, an `Arc`.
pub trait AsProvider<T> {
    fn as_provider_of_this_value(&self, _: PhantomData<fn() -> T>) -> &Self {
        self
    }
}
impl<T: MaybeSend, P: CacheProvider<T>> AsProvider<T> for P {}

/// [`AsProvider`] for memory providers. For other types, the compiler reports a missing method of this name.
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

/// The default cache, typed for the values of one function.
#[must_use]
pub fn default_provider<S: Shape>(_: &S, function: &str) -> Typed<S::Value> {
    Typed::new(default_cache()).owner(function)
}

/// The memory cache of a synchronous function without a provider, stored in a slot of the function.
///
/// # Panics
/// If the slot has been used for another type.
#[must_use]
pub fn memory<S: Shape<Value: Send + Sync + 'static>>(
    slot: &'static OnceLock<Box<dyn Any + Send + Sync>>,
    _: &S,
) -> &'static MemoryCache<S::Value> {
    let memory = slot.get_or_init(|| Box::new(MemoryCache::<S::Value>::default()));
    memory.downcast_ref().expect("a function returns one type")
}

/// Removes the value under a key.
///
/// # Errors
/// Any error of [`CacheProvider::delete`], or of making the key.
pub async fn invalidate<S: Shape<Value: MaybeSend>>(
    provider: &impl CacheProvider<S::Value>,
    _: &S,
    key: impl IntoKey,
) -> Result<bool, CacheError> {
    provider.delete(&key.into_key()?).await
}

/// [`invalidate`] for memory providers.
///
/// # Errors
/// As for [`invalidate`].
pub fn invalidate_sync<S: Shape<Value: Clone>>(
    provider: &MemoryCache<S::Value>,
    _: &S,
    key: impl IntoKey,
) -> Result<bool, CacheError> {
    provider.delete(&key.into_key()?)
}

/// The value that a call would return for a key.
///
/// # Errors
/// Any error of [`CacheProvider::get`], or of making the key.
pub async fn peek<S: Shape<Value: MaybeSend>>(
    provider: &impl CacheProvider<S::Value>,
    _: &S,
    key: impl IntoKey,
) -> Result<Option<S::Returned>, CacheError> {
    let key = key.into_key()?;
    let value = match provider.loading().and_then(|loading| loading.look_now(&key, Lookup::Peek)) {
        Some(known) => known?.filter(Kept::is_fresh).map(Kept::into_value),
        None => provider.get(&key).await?,
    };
    Ok(value.and_then(|value| S::join(Ok(Some(value)))))
}

/// [`peek`] for memory providers.
///
/// # Errors
/// As for [`peek`].
pub fn peek_sync<S: Shape<Value: Clone>>(
    provider: &MemoryCache<S::Value>,
    _: &S,
    key: impl IntoKey,
) -> Result<Option<S::Returned>, CacheError> {
    Ok(provider.peek(&key.into_key()?)?.and_then(|value| S::join(Ok(Some(value)))))
}

/// Removes all values of a function.
///
/// # Errors
/// Any error of [`CacheProvider::clear_pattern`], or of making the glob.
pub async fn clear<S: Shape<Value: MaybeSend>>(
    provider: &impl CacheProvider<S::Value>,
    _: &S,
    glob: impl IntoKey,
) -> Result<u64, CacheError> {
    provider.clear_pattern(&glob.into_key()?).await
}

/// [`clear`] for memory providers.
///
/// # Errors
/// As for [`clear`].
pub fn clear_sync<S: Shape<Value: Clone>>(
    provider: &MemoryCache<S::Value>,
    _: &S,
    glob: impl IntoKey,
) -> Result<u64, CacheError> {
    provider.clear_pattern(&glob.into_key()?)
}

/// The number of values of a function.
///
/// # Errors
/// Any error of making the glob.
pub fn len_sync<S: Shape<Value: Clone>>(
    provider: &MemoryCache<S::Value>,
    _: &S,
    glob: impl IntoKey,
) -> Result<u64, CacheError> {
    let glob = Glob::new(glob.into_key()?);
    Ok(provider.keys().iter().filter(|key| glob.matches(key)).count() as u64)
}

/// A view with tags, or the error of creating it.
///
/// # Errors
/// As for [`Tagged::with_tags`].
pub async fn tagged<P, C>(tagged: &Tagged<P, C>, tags: &[&str]) -> Result<TaggedView<P, C>, CacheError>
where
    P: Clone,
    C: CacheProvider<i64> + CounterProvider + Clone + 'static,
{
    tagged.with_tags(tags).await
}
