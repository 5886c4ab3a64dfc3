//! A rate limiter in front of an axum service: ten requests per minute from one address, counted in Redis, so that all
//! servers count together.
//!
//! `cargo run --example rate_limiter --features redis,tower -- redis://127.0.0.1`, then `curl -i localhost:3000/` a few
//! times.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::routing::get;
use isocache::{OnStoreError, RateLimitLayer, RateLimiter, RedisCacheProvider, keys};

type Limiter = RateLimiter<RedisCacheProvider<i64>>;

/// The key under which a request is counted: the address of the client, and the route.
fn client(request: &Request) -> String {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = address.map_or_else(|| "unknown".into(), |ConnectInfo(address)| address.ip().to_string());
    keys::rate(address, "/")
}

/// A service whose one route is limited.
pub fn app(limiter: Limiter) -> Router {
    let limit = RateLimitLayer::new(limiter, |request: &Request| Some(client(request)));
    // Only the route is limited. What does not exist is not counted.
    Router::new().route("/", get(|| async { "hello\n" })).route_layer(limit)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1".into());
    // While Redis is away, nothing is counted and every request is allowed.
    let limiter = RateLimiter::token_bucket(RedisCacheProvider::new(&url)?, 10, Duration::from_secs(60))?
        .on_store_error(OnStoreError::Allow);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app(limiter).into_make_service_with_connect_info::<SocketAddr>()).await?)
}
