//! A rate limiter as axum middleware: ten requests per minute from one address to one route, counted in Redis, so that
//! all servers count together.
//!
//! `cargo run --example rate_limiter --features redis -- redis://127.0.0.1`, then `curl -i localhost:3000/` a few times.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use isocache::{OnStoreError, RateLimiter, RedisCacheProvider};

type Limiter = RateLimiter<RedisCacheProvider<i64>>;

async fn limit(
    State(limiter): State<Limiter>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(checked) = limiter.check(address.ip(), request.uri().path()).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if let Some(error) = &checked.error {
        eprintln!("rate limiter: {error}");
    }
    let mut response =
        if checked.allowed { next.run(request).await } else { StatusCode::TOO_MANY_REQUESTS.into_response() };
    let headers = response.headers_mut();
    headers.insert("ratelimit-remaining", HeaderValue::from(checked.remaining));
    if !checked.allowed {
        // In whole seconds, and never too few.
        headers.insert("retry-after", HeaderValue::from(checked.reset_after.as_secs() + 1));
    }
    response
}

/// A service whose one route is limited.
pub fn app(limiter: Limiter) -> Router {
    // Only routes are counted: otherwise a client that invents paths would get a limit for each.
    Router::new().route("/", get(|| async { "hello\n" })).route_layer(from_fn_with_state(limiter, limit))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1".into());
    // While Redis is away, nothing is counted and every request is allowed.
    let limiter = RateLimiter::fixed_window(RedisCacheProvider::new(&url)?, 10, Duration::from_secs(60))?
        .on_store_error(OnStoreError::Allow);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app(limiter).into_make_service_with_connect_info::<SocketAddr>()).await?)
}
