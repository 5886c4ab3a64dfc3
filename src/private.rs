//! What the expansion of `#[cached]` calls. Not for other code: it changes without notice.

#![allow(missing_docs)]

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::ops::DerefMut;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

pub use std::sync::{Arc, LazyLock};

use crate::{CacheAside, DynCacheProvider, LoadError, MaybeSend};
pub use crate::{
    CacheError, CacheProvider, KeyPart, KeyPattern, LoadOptions, LoadStats, MemoryCacheProvider, Monitor, OnError,
    Typed, default_cache, key_of,
};

/// How what a function returns is made of a value to keep, nothing, or an error.
pub trait Shape<R> {
    type Value;
    type Error;
    fn split(returned: R) -> Result<Option<Self::Value>, Self::Error>;
    /// `None` where the function has no way to say that there is nothing.
    fn join(outcome: Result<Option<Self::Value>, Self::Error>) -> Option<R>;
}

/// Returns the value.
pub struct Plain;
/// Returns the value or nothing.
pub struct Optional;
/// Returns the value or an error.
pub struct Fallible;
/// Returns the value, nothing or an error.
pub struct FallibleOptional;

impl<T> Shape<T> for Plain {
    type Value = T;
    type Error = Infallible;
    fn split(returned: T) -> Result<Option<T>, Infallible> {
        Ok(Some(returned))
    }
    fn join(outcome: Result<Option<T>, Infallible>) -> Option<T> {
        match outcome {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }
}

impl<T> Shape<Option<T>> for Optional {
    type Value = T;
    type Error = Infallible;
    fn split(returned: Option<T>) -> Result<Option<T>, Infallible> {
        Ok(returned)
    }
    fn join(outcome: Result<Option<T>, Infallible>) -> Option<Option<T>> {
        match outcome {
            Ok(value) => Some(value),
            Err(never) => match never {},
        }
    }
}

impl<T, E> Shape<Result<T, E>> for Fallible {
    type Value = T;
    type Error = E;
    fn split(returned: Result<T, E>) -> Result<Option<T>, E> {
        returned.map(Some)
    }
    fn join(outcome: Result<Option<T>, E>) -> Option<Result<T, E>> {
        outcome.transpose()
    }
}

impl<T, E> Shape<Result<Option<T>, E>> for FallibleOptional {
    type Value = T;
    type Error = E;
    fn split(returned: Result<Option<T>, E>) -> Result<Option<T>, E> {
        returned
    }
    fn join(outcome: Result<Option<T>, E>) -> Option<Result<Option<T>, E>> {
        Some(outcome)
    }
}

/// How those who wait for a load get its error.
pub trait Sharing<E> {
    type Shared: Send + Sync + 'static;
    fn share(error: &E) -> Self::Shared;
    fn take(shared: &Self::Shared) -> Option<E>;
}

/// As clones.
pub struct Clones;
/// Not at all: they load themselves.
pub struct Apart;

impl<E: Clone + Send + Sync + 'static> Sharing<E> for Clones {
    type Shared = E;
    fn share(error: &E) -> E {
        error.clone()
    }
    fn take(shared: &E) -> Option<E> {
        Some(shared.clone())
    }
}

impl<E> Sharing<E> for Apart {
    type Shared = ();
    fn share(_: &E) {}
    fn take((): &()) -> Option<E> {
        None
    }
}

/// Asks what an error type can do: the methods of [`ProbeClone`] and [`ProbeFrom`] on it are found where it can, those of
/// the traits for its reference where it cannot, because the compiler takes a method that needs no reference first.
pub struct Probe<E>(PhantomData<fn() -> E>);

impl<E> Probe<E> {
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> Default for Probe<E> {
    fn default() -> Self {
        Self::new()
    }
}

pub trait ProbeClone<E> {
    fn isocache_sharing(&self) -> Clones {
        Clones
    }
}
impl<E: Clone + Send + Sync + 'static> ProbeClone<E> for Probe<E> {}

pub trait ProbeNoClone<E> {
    fn isocache_sharing(&self) -> Apart {
        Apart
    }
}
impl<E> ProbeNoClone<E> for &Probe<E> {}

pub trait ProbeFrom<E> {
    fn isocache_converter(&self) -> Converter<E>;
}
impl<E: From<CacheError>> ProbeFrom<E> for Probe<E> {
    fn isocache_converter(&self) -> Converter<E> {
        converter()
    }
}

pub trait ProbeNoFrom<E> {
    fn isocache_converter(&self) -> Converter<E> {
        None
    }
}
impl<E> ProbeNoFrom<E> for &Probe<E> {}

/// Makes the error of the cache one of the function, where it can be one.
pub type Converter<E> = Option<fn(CacheError) -> E>;

#[must_use]
pub fn converter<E: From<CacheError>>() -> Converter<E> {
    Some(E::from)
}

/// Finds the provider in what an expression is: itself, a reference, a `LazyLock`, an `Arc`.
pub trait AsProvider<T> {
    fn isocache_provider(&self, _: PhantomData<fn() -> T>) -> &Self {
        self
    }
}
impl<T: MaybeSend, P: CacheProvider<T>> AsProvider<T> for P {}

/// As [`AsProvider`], where it must be memory.
pub trait AsMemory {
    fn isocache_memory(&self) -> &Self {
        self
    }
}
impl<T> AsMemory for MemoryCacheProvider<T> {}

/// The cache of the process, for values of `T`.
#[must_use]
pub fn default_provider<T>() -> Typed<T> {
    Typed::new(default_cache())
}

/// An argument that a load behind its caller takes along.
#[diagnostic::on_unimplemented(
    message = "with `stale` or `early`, the load may run longer than the call, and cannot take `&{Self}` along",
    label = "cannot be cloned for the load",
    note = "take the argument by value, as an `Arc` or another handle that is `Clone`, or derive `Clone` for it"
)]
pub trait Taken {
    type Owned: 'static;
    fn taken(&self) -> Self::Owned;
}

impl<T: ToOwned<Owned: 'static> + ?Sized> Taken for T {
    type Owned = T::Owned;
    fn taken(&self) -> T::Owned {
        self.to_owned()
    }
}

#[must_use]
pub fn duration(duration: Duration) -> Duration {
    duration
}

/// An argument that counts for the key.
#[must_use]
pub fn keyed<T: serde::Serialize + ?Sized>(argument: &T) -> &T {
    argument
}

/// The key that a closure makes.
pub fn key_from<K: Into<String>>(key: impl FnOnce() -> K) -> String {
    key().into()
}

/// The key of a pattern, for its values in their order.
#[must_use]
pub fn key_in_order(pattern: &KeyPattern, values: &[&dyn KeyPart]) -> String {
    pattern.key_in_order(values)
}

/// A key, wherever one is made: making one of all arguments may fail.
pub trait IntoKey {
    #[allow(clippy::missing_errors_doc)]
    fn into_key(self) -> Result<String, CacheError>;
}
impl IntoKey for String {
    fn into_key(self) -> Result<String, CacheError> {
        Ok(self)
    }
}
impl IntoKey for Result<String, CacheError> {
    fn into_key(self) -> Self {
        self
    }
}

/// What is to be done with the errors of the cache.
pub struct Policy<E> {
    pub convert: Converter<E>,
    pub propagate: bool,
}

/// The body of a function, and what it has brought to its end with this call.
struct Body<V, E, F> {
    future: F,
    brought: Option<Result<Option<V>, E>>,
}

/// What the loader of a flight makes of the body's end: what is kept, or an error that others can have too.
type Load<S, R, H> = Result<Option<<S as Shape<R>>::Value>, <H as Sharing<<S as Shape<R>>::Error>>::Shared>;

fn share<S: Shape<R, Value: Clone>, R, H: Sharing<S::Error>>(
    brought: &Result<Option<S::Value>, S::Error>,
) -> Load<S, R, H> {
    brought.as_ref().map(Clone::clone).map_err(H::share)
}

/// What the call returns of what it got from the cache; `None` where the body must tell.
fn answer<S: Shape<R>, R, H: Sharing<S::Error>>(
    outcome: Result<Option<S::Value>, LoadError<H::Shared>>,
    brought: Option<Result<Option<S::Value>, S::Error>>,
    policy: &Policy<S::Error>,
) -> Option<R> {
    let failed = match outcome {
        Ok(found) => {
            if let Some(answer) = S::join(Ok(found)) {
                return Some(answer);
            }
            None
        }
        Err(LoadError::Loader(shared)) => match brought {
            Some(own) => return S::join(own),
            None => return H::take(&shared).and_then(|error| S::join(Err(error))),
        },
        Err(LoadError::TimedOut { key, limit }) => {
            Some(CacheError::Timeout(format!("the loader of key {key:?} took longer than {limit:?}")))
        }
        Err(LoadError::Cache(error)) => policy.propagate.then_some(error),
    };
    if let (Some(error), Some(convert)) = (failed, policy.convert) {
        return S::join(Err(convert(error)));
    }
    brought.and_then(S::join)
}

fn limited<E>(options: LoadOptions, policy: &Policy<E>) -> LoadOptions {
    // There must be an error to end with.
    if policy.convert.is_none() { options.timeout(None) } else { options }
}

impl<V: Clone, E, F> Body<V, E, Pin<F>>
where
    F: DerefMut<Target: Future>,
{
    fn poll<S, R, H>(&mut self, context: &mut Context<'_>) -> Poll<Load<S, R, H>>
    where
        S: Shape<R, Value = V, Error = E>,
        H: Sharing<E>,
        F::Target: Future<Output = R>,
    {
        self.future.as_mut().poll(context).map(|returned| share::<S, R, H>(self.brought.insert(S::split(returned))))
    }
}

/// A call of a cached function whose body may borrow.
pub async fn call<S, R, H, P, F>(
    provider: &P,
    key: impl IntoKey,
    options: LoadOptions,
    policy: Policy<S::Error>,
    _: H,
    body: F,
) -> R
where
    S: Shape<R, Value: Clone + MaybeSend + Send + Sync + 'static, Error: MaybeSend>,
    H: Sharing<S::Error>,
    P: CacheProvider<S::Value>,
    F: Future<Output = R> + MaybeSend,
{
    let key = match key.into_key() {
        Ok(key) => key,
        Err(error) => match answer::<S, R, H>(Err(LoadError::Cache(error)), None, &policy) {
            Some(answer) => return answer,
            None => return body.await,
        },
    };
    let mut body = Body { future: pin!(body), brought: None };
    let options = limited(options, &policy);
    let running = &mut body;
    let load = move || poll_fn(move |context| running.poll::<S, R, H>(context));
    let outcome = provider.get_or_set_optional(&key, options, load).await;
    match answer::<S, R, H>(outcome, body.brought, &policy) {
        Some(answer) => answer,
        None => body.future.await,
    }
}

/// As [`call`], with a body that owns what it needs, so that it may run behind a caller that was answered.
pub async fn call_behind<S, R, H, P, F>(
    provider: P,
    key: impl IntoKey,
    options: LoadOptions,
    policy: Policy<S::Error>,
    _: H,
    body: F,
) -> R
where
    S: Shape<R, Value: Clone + MaybeSend + Send + Sync + 'static, Error: MaybeSend + 'static> + 'static,
    R: 'static,
    H: Sharing<S::Error> + 'static,
    P: CacheProvider<S::Value> + Clone + 'static,
    F: Future<Output = R> + MaybeSend + 'static,
{
    let key = match key.into_key() {
        Ok(key) => key,
        Err(error) => match answer::<S, R, H>(Err(LoadError::Cache(error)), None, &policy) {
            Some(answer) => return answer,
            None => return body.await,
        },
    };
    // Locked by the load while it is polled, and by this call only when there is no load any more.
    #[allow(clippy::arc_with_non_send_sync)]
    let body = Arc::new(Mutex::new(Body { future: Box::pin(body), brought: None }));
    let options = limited(options, &policy);
    let loaded = Arc::clone(&body);
    let load = move || poll_fn(move |context| lock(&loaded).poll::<S, R, H>(context));
    let outcome = provider.get_or_refresh(&key, options, load).await;
    let brought = lock(&body).brought.take();
    match answer::<S, R, H>(outcome, brought, &policy) {
        Some(answer) => answer,
        None => poll_fn(|context| lock(&body).future.as_mut().poll(context)).await,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call of a cached function that is not asynchronous.
///
/// # Panics
/// Where the body does.
pub fn call_sync<S, R, H>(
    provider: &MemoryCacheProvider<S::Value>,
    key: impl IntoKey,
    options: LoadOptions,
    policy: &Policy<S::Error>,
    _: H,
    body: impl FnOnce() -> R,
) -> R
where
    S: Shape<R, Value: Clone + MaybeSend + Send + Sync + 'static>,
    H: Sharing<S::Error>,
{
    let (mut body, mut brought) = (Some(body), None);
    let outcome = key.into_key().map_err(LoadError::Cache).and_then(|key| {
        let load = || match body.take() {
            Some(body) => share::<S, R, H>(brought.insert(S::split(body()))),
            None => Ok(None),
        };
        provider.get_or_set_optional_sync(&key, limited(options, policy), load)
    });
    match (answer::<S, R, H>(outcome, brought, policy), body) {
        (Some(answer), _) => answer,
        (None, Some(body)) => body(),
        (None, None) => unreachable!("a body that ran to its end has an answer"),
    }
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
pub fn invalidate_sync<T: Clone>(provider: &MemoryCacheProvider<T>, key: impl IntoKey) -> Result<bool, CacheError> {
    provider.delete_sync(&key.into_key()?)
}

/// A monitor of that name.
#[must_use]
pub fn monitor(name: &'static str) -> Arc<Monitor> {
    Arc::new(Monitor::new(name))
}
