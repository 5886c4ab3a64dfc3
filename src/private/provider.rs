//! The providers of cached functions.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::IntoKey;
use super::shape::Shape;
use crate::{
    CacheError, CacheProvider, CounterProvider, Glob, Kept, Lookup, MaybeSend, MemoryCache, MemoryCacheProvider,
    Tagged, TaggedView, Typed, default_cache,
};

/// Finds the provider in the type of an expression: itself, a reference, a `LazyLock`, an `Arc`. For other types, the
/// compiler reports a missing method of this name.
pub trait AsProvider<T> {
    fn as_a_provider_for_an_async_function(&self) -> Found<'_, Self, T>;
}
impl<T: MaybeSend, P: CacheProvider<T>> AsProvider<T> for P {
    fn as_a_provider_for_an_async_function(&self) -> Found<'_, Self, T> {
        Found(self, PhantomData)
    }
}

/// A provider of values of `T`.
pub struct Found<'a, P: ?Sized, T>(&'a P, PhantomData<fn() -> T>);

/// A provider whose values are those of the function.
#[diagnostic::on_unimplemented(
    message = "the function stores values of type `{V}`, and this provider has values of another type",
    label = "not a provider of `{V}`",
    note = "choose a provider of the type that the function returns, without its `Result` or `Option`; with `cache_none`, \
            without its `Result` only"
)]
pub trait ProviderOf<'a, V: MaybeSend> {
    type Provider: CacheProvider<V>;
    fn provider(self) -> &'a Self::Provider;
}
#[diagnostic::do_not_recommend]
impl<'a, P: CacheProvider<V>, V: MaybeSend> ProviderOf<'a, V> for Found<'a, P, V> {
    type Provider = P;
    fn provider(self) -> &'a P {
        self.0
    }
}

/// The provider, if its values are those of the function.
pub fn provider_for<'a, S, F>(_: &S, found: F) -> &'a F::Provider
where
    S: Shape<Value: MaybeSend>,
    F: ProviderOf<'a, S::Value>,
{
    found.provider()
}

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

/// A value of the default cache.
#[diagnostic::on_unimplemented(
    message = "the default cache stores values as JSON, and `{Self}` does not implement both `Serialize` and `Deserialize`",
    label = "cannot be stored",
    note = "derive `serde::Serialize` and `serde::Deserialize` for the type, or choose a cache that stores values as they \
            are, as in `#[cached(provider = CACHE)]` with a `MemoryCacheProvider`"
)]
pub trait Storable: Serialize + DeserializeOwned {}
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Storable for T {}

/// The default cache, typed for the values of one function. The type that it returns is always a provider, so that the
/// compiler reports one error for a value that is not [`Storable`].
#[must_use]
pub fn default_provider<S>(shape: &S, function: &str) -> impl CacheProvider<S::Value> + Clone + use<S>
where
    S: Shape<Value: Storable + MaybeSend>,
{
    let _ = shape;
    Typed::new(default_cache()).owner(function)
}

/// [`default_provider`] for a function whose return type may be generic: each type of value has its own owner.
#[must_use]
pub fn default_provider_of_generic<S>(shape: &S, function: &str) -> impl CacheProvider<S::Value> + Clone + use<S>
where
    S: Shape<Value: Storable + MaybeSend>,
{
    default_provider(shape, &format!("{function}<{}>", std::any::type_name::<S::Value>()))
}

/// The memory caches of a synchronous function without a provider: one for each type of its values.
pub struct Memories {
    /// The only one, unless the function is generic.
    first: OnceLock<Box<dyn Any + Send + Sync>>,
    others: Mutex<Vec<&'static (dyn Any + Send + Sync)>>,
}

impl Memories {
    #[must_use]
    #[allow(clippy::new_without_default, reason = "it is for statics")]
    pub const fn new() -> Self {
        Self { first: OnceLock::new(), others: Mutex::new(Vec::new()) }
    }
}

/// The memory cache of a synchronous function without a provider.
#[must_use]
pub fn memory<S: Shape<Value: Send + Sync + 'static>>(
    memories: &'static Memories,
    _: &S,
) -> &'static MemoryCache<S::Value> {
    let first = memories.first.get_or_init(|| Box::new(MemoryCache::<S::Value>::default()));
    if let Some(memory) = first.downcast_ref() {
        return memory;
    }
    let mut others = memories.others.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(memory) = others.iter().find_map(|memory| memory.downcast_ref()) {
        return memory;
    }
    // It is kept as long as the function, like the first one.
    let memory: &'static MemoryCache<S::Value> = Box::leak(Box::default());
    others.push(memory);
    memory
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
