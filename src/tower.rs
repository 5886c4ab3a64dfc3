//! A [`tower`](https://docs.rs/tower) layer that limits the requests of each client.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::{CacheError, Result};
use crate::limiter::{DEFAULT_POLICY, RateLimit, RateLimiter, quoted};
use crate::provider::{BoxFuture, CacheProvider, CounterProvider};

/// Passes requests on to a service if a [`RateLimiter`] allows them, and responds to the others itself. All responses
/// get the [headers](RateLimit::headers) of the limit.
///
/// | | response |
/// |---|---|
/// | allowed | that of the service |
/// | refused | 429 Too Many Requests |
/// | the store fails, with [`OnStoreError::Allow`](crate::OnStoreError::Allow) | that of the service |
/// | the store fails, with [`Refuse`](crate::OnStoreError::Refuse) or [`Fail`](crate::OnStoreError::Fail) | 503 Service Unavailable |
/// | the key is not a valid key | 400 Bad Request |
/// | the cost is above the limit, or the provider cannot count | 500 Internal Server Error |
///
/// The function returns the key under which a request is counted, or `None` for a request that is not limited. Do not
/// build it from anything that a client can choose freely, and use the route, not the path: a client that can choose
/// the name of its counter has no limit. In axum, use `route_layer`.
///
/// ```
/// use axum::{Router, routing::get};
/// use isocache::{MemoryCacheProvider, OnStoreError, RateLimitLayer, RateLimiter, keys};
/// use std::{net::SocketAddr, time::Duration};
///
/// let counters = MemoryCacheProvider::<i64>::builder().max_entries(100_000).build()?;
/// let limiter = RateLimiter::token_bucket(counters, 10, Duration::from_secs(60))?.on_store_error(OnStoreError::Allow);
/// let limit = RateLimitLayer::new(limiter, |request: &axum::extract::Request| {
///     let address = request.extensions().get::<axum::extract::ConnectInfo<SocketAddr>>();
///     Some(keys::rate(address.map_or("unknown".into(), |address| address.0.ip().to_string()), "/"))
/// });
/// let app: Router = Router::new().route("/", get(|| async { "hello" })).route_layer(limit);
/// # Ok::<(), isocache::CacheError>(())
/// ```
pub struct RateLimitLayer<P, K> {
    counted: Arc<Counted<P, K>>,
    cost: u64,
    policy: Arc<str>,
}

/// The limiter, and the function that returns the key of a request.
struct Counted<P, K> {
    limiter: RateLimiter<P>,
    key: K,
}

impl<P, K> RateLimitLayer<P, K> {
    /// Makes a layer that counts requests under the key that a function returns.
    pub fn new(limiter: RateLimiter<P>, key: K) -> Self {
        Self { counted: Arc::new(Counted { limiter, key }), cost: 1, policy: DEFAULT_POLICY.into() }
    }

    /// Sets the number of requests that each request counts as. The default is 1.
    #[must_use]
    pub fn cost(self, cost: u64) -> Self {
        Self { cost, ..self }
    }

    /// Sets the name of the limit in the headers. The default is `default`.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a name that is empty or not printable ASCII.
    pub fn policy(self, policy: &str) -> Result<Self> {
        quoted(policy)?;
        Ok(Self { policy: policy.into(), ..self })
    }
}

impl<P, K> Clone for RateLimitLayer<P, K> {
    fn clone(&self) -> Self {
        Self { counted: Arc::clone(&self.counted), cost: self.cost, policy: Arc::clone(&self.policy) }
    }
}

impl<P, K> fmt::Debug for RateLimitLayer<P, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RateLimitLayer");
        shown.field("limiter", &self.counted.limiter).field("cost", &self.cost).field("policy", &self.policy);
        shown.finish_non_exhaustive()
    }
}

impl<S, P, K> Layer<S> for RateLimitLayer<P, K> {
    type Service = RateLimitService<S, P, K>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimitService { inner, layer: self.clone() }
    }
}

/// A service behind a [`RateLimitLayer`].
pub struct RateLimitService<S, P, K> {
    inner: S,
    layer: RateLimitLayer<P, K>,
}

impl<S: Clone, P, K> Clone for RateLimitService<S, P, K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S: fmt::Debug, P, K> fmt::Debug for RateLimitService<S, P, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitService").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}

impl<S, P, K, B, R> Service<Request<B>> for RateLimitService<S, P, K>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    P: CounterProvider + CacheProvider<i64> + 'static,
    K: Fn(&Request<B>) -> Option<String> + Send + Sync + 'static,
    B: Send + 'static,
    R: Default + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<R>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that is ready is called; the clone may not be.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let RateLimitLayer { counted, cost, policy } = self.layer.clone();
        Box::pin(async move {
            let Some(key) = (counted.key)(&request) else { return inner.call(request).await };
            let limit = match counted.limiter.check_cost(&key, cost).await {
                Ok(limit) => limit,
                Err(error) => return Ok(answer(status_of(&error))),
            };
            let mut response = match &limit {
                RateLimit { allowed: true, .. } => inner.call(request).await?,
                RateLimit { error: None, .. } => answer(StatusCode::TOO_MANY_REQUESTS),
                RateLimit { error: Some(_), .. } => answer(StatusCode::SERVICE_UNAVAILABLE),
            };
            add_headers(response.headers_mut(), &limit, &policy);
            Ok(response)
        })
    }
}

fn answer<R: Default>(status: StatusCode) -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = status;
    response
}

fn status_of(error: &CacheError) -> StatusCode {
    match error {
        CacheError::InvalidArgument { argument: "key", .. } => StatusCode::BAD_REQUEST,
        CacheError::InvalidArgument { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn add_headers(headers: &mut HeaderMap, limit: &RateLimit, policy: &str) {
    // The policy has been checked, and all values are printable ASCII.
    for (name, value) in limit.headers(policy).unwrap_or_default() {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
