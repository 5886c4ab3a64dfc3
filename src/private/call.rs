//! Calls of cached functions.

use std::future::{Future, poll_fn};
use std::ops::DerefMut;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::errors::{Policy, Sharing};
use super::key::IntoKey;
use super::options::Options;
use super::shape::Shape;
use crate::load::{get, get_or_refresh};
use crate::{CacheError, CacheProvider, LoadError, Loaded, MaybeSend, MemoryCache};

/// The body of a function, and its return value if it ended within this call.
struct Body<V, E, F> {
    future: F,
    finished: Option<Result<Option<V>, E>>,
}

/// The outcome of a load: a value to store, or an error to share with other callers.
type Load<S, H> = Result<Option<<S as Shape>::Value>, <H as Sharing<<S as Shape>::Error>>::SharedError>;

fn share<S: Shape<Value: Clone>, H: Sharing<S::Error>>(finished: &Result<Option<S::Value>, S::Error>) -> Load<S, H> {
    match finished {
        Ok(value) => Ok(value.clone()),
        Err(error) => Err(H::share(error)),
    }
}

/// The result of the call; `None` if the body has to run for it.
fn answer<S: Shape, H: Sharing<S::Error>>(
    outcome: Result<Option<S::Value>, LoadError<H::SharedError>>,
    finished: Option<Result<Option<S::Value>, S::Error>>,
    policy: &Policy<S::Error>,
    options: &Options,
) -> Option<S::Returned> {
    if let Err(LoadError::Cache(error)) = &outcome {
        options.passed_over(error, policy);
    }
    let failed = match outcome {
        Ok(found) => {
            if let Some(answer) = S::join(Ok(found)) {
                return Some(answer);
            }
            None
        }
        Err(LoadError::Loader(shared)) => match finished {
            Some(own) => return S::join(own),
            None => return H::take(&shared).and_then(|error| S::join(Err(error))),
        },
        Err(LoadError::TimedOut { key, limit }) => {
            Some(CacheError::Timeout(format!("loading key {key:?} took longer than the timeout of {limit:?}")))
        }
        Err(LoadError::Cache(error)) => policy.propagate.then_some(error),
    };
    if let (Some(error), Some(convert)) = (failed, policy.convert) {
        return S::join(Err(convert(error)));
    }
    finished.and_then(S::join)
}

impl<V: Clone, E, F> Body<V, E, Pin<F>>
where
    F: DerefMut<Target: Future>,
{
    fn poll<S, H>(&mut self, context: &mut Context<'_>) -> Poll<Load<S, H>>
    where
        S: Shape<Value = V, Error = E>,
        H: Sharing<E>,
        F::Target: Future<Output = S::Returned>,
    {
        self.future.as_mut().poll(context).map(|returned| share::<S, H>(self.finished.insert(S::split(returned))))
    }
}

/// A call of a cached function whose body may borrow.
pub async fn call<S, H, P, F>(
    provider: &P,
    key: impl IntoKey,
    options: &Options,
    policy: Policy<S::Error>,
    _: H,
    _: S,
    body: F,
) -> S::Returned
where
    S: Shape<Value: Clone + MaybeSend + Send + Sync + 'static>,
    H: Sharing<S::Error>,
    P: CacheProvider<S::Value>,
    F: Future<Output = S::Returned>,
{
    let key = match key.into_key() {
        Ok(key) => key,
        Err(error) => match answer::<S, H>(Err(LoadError::Cache(error)), None, &policy, options) {
            Some(answer) => return answer,
            None => return body.await,
        },
    };
    let mut body = Body { future: pin!(body), finished: None };
    let running = &mut body;
    let load = move || poll_fn(move |context| running.poll::<S, H>(context));
    let load = || async { Ok(load().await?.map(Loaded::from)) };
    let outcome = get(provider, &key, options.of(&policy), !S::IS_OPTIONAL, load).await;
    match answer::<S, H>(outcome, body.finished, &policy, options) {
        Some(answer) => answer,
        None => body.future.await,
    }
}

/// [`call`] with a body that owns its data, so that it can run in the background.
pub async fn call_in_background<S, H, P, F>(
    provider: P,
    key: impl IntoKey,
    options: &Options,
    policy: Policy<S::Error>,
    _: H,
    _: S,
    body: F,
) -> S::Returned
where
    S: Shape<Returned: 'static, Value: Clone + MaybeSend + Send + Sync + 'static, Error: MaybeSend + 'static> + 'static,
    H: Sharing<S::Error> + 'static,
    P: CacheProvider<S::Value> + Clone + 'static,
    F: Future<Output = S::Returned> + MaybeSend + 'static,
{
    let key = match key.into_key() {
        Ok(key) => key,
        Err(error) => match answer::<S, H>(Err(LoadError::Cache(error)), None, &policy, options) {
            Some(answer) => return answer,
            None => return body.await,
        },
    };
    // Locked by the load while it is polled, and by this call only when the load is gone.
    #[allow(clippy::arc_with_non_send_sync)]
    let body = Arc::new(Mutex::new(Body { future: Box::pin(body), finished: None }));
    let loaded = Arc::clone(&body);
    let load = move || poll_fn(move |context| lock(&loaded).poll::<S, H>(context));
    let load = || async { Ok(load().await?.map(Loaded::from)) };
    let outcome = get_or_refresh(&provider, &key, options.of(&policy), !S::IS_OPTIONAL, load).await;
    let finished = lock(&body).finished.take();
    match answer::<S, H>(outcome, finished, &policy, options) {
        Some(answer) => answer,
        None => poll_fn(|context| lock(&body).future.as_mut().poll(context)).await,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call of a synchronous cached function.
///
/// # Panics
/// If the body panics.
pub fn call_sync<S, H>(
    provider: &MemoryCache<S::Value>,
    key: impl IntoKey,
    options: &Options,
    policy: &Policy<S::Error>,
    _: H,
    _: S,
    body: impl FnOnce() -> S::Returned,
) -> S::Returned
where
    S: Shape<Value: Clone + MaybeSend + Send + Sync + 'static>,
    H: Sharing<S::Error>,
{
    let (mut body, mut finished) = (Some(body), None);
    let outcome = key.into_key().map_err(LoadError::Cache).and_then(|key| {
        let load = || match body.take() {
            Some(body) => share::<S, H>(finished.insert(S::split(body()))).map(|value| value.map(Loaded::from)),
            None => Ok(None),
        };
        provider.get_or_load(&key, options.of(policy), !S::IS_OPTIONAL, load)
    });
    match (answer::<S, H>(outcome, finished, policy, options), body) {
        (Some(answer), _) => answer,
        (None, Some(body)) => body(),
        (None, None) => unreachable!("a body that ran to its end has an answer"),
    }
}

/// [`call`] through a view with tags, if the view could be created.
pub async fn call_tagged<S, H, P, F>(
    view: Result<P, CacheError>,
    key: impl IntoKey,
    options: &Options,
    policy: Policy<S::Error>,
    sharing: H,
    shape: S,
    body: F,
) -> S::Returned
where
    S: Shape<Value: Clone + MaybeSend + Send + Sync + 'static>,
    H: Sharing<S::Error>,
    P: CacheProvider<S::Value>,
    F: Future<Output = S::Returned>,
{
    match view {
        Ok(view) => call(&view, key, options, policy, sharing, shape, body).await,
        Err(error) => match answer::<S, H>(Err(LoadError::Cache(error)), None, &policy, options) {
            Some(answer) => answer,
            None => body.await,
        },
    }
}
