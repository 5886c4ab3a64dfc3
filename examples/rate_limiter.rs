//! A rate limiter: so many requests in a minute from one address to one endpoint, counted in Redis, so that all servers
//! count together.
//!
//! `cargo run --example rate_limiter --features redis -- redis://127.0.0.1`, then `curl -i localhost:3000/` some times.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use isocache::{CounterProvider, RedisCacheProvider};

const WINDOW: Duration = Duration::from_secs(60);

/// Who may still ask.
#[derive(Clone)]
pub struct Limiter {
    /// One counter for each address and endpoint.
    pub counters: RedisCacheProvider<i64>,
    /// The limit.
    pub requests_per_window: i64,
}

impl Limiter {
    /// How many requests are left in this window after this one; `None` if it is one too many.
    async fn admit(&self, address: &SocketAddr, endpoint: &str) -> isocache::Result<Option<i64>> {
        // A colon belongs to the pattern of the key, and an IPv6 address has some.
        let address = address.ip().to_string().replace(':', "%3A");
        let key = format!("rate:{address}:{}", endpoint.replace(':', "%3A"));
        // The first request makes the counter and its life; the window ends with it.
        let count = self.counters.increment(&key, 1, Some(WINDOW)).await?;
        Ok((count <= self.requests_per_window).then(|| self.requests_per_window - count))
    }
}

async fn limit(
    State(limiter): State<Limiter>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match limiter.admit(&address, request.uri().path()).await {
        Ok(Some(left)) => {
            let mut response = next.run(request).await;
            response.headers_mut().insert("ratelimit-remaining", HeaderValue::from(left));
            response
        }
        Ok(None) => StatusCode::TOO_MANY_REQUESTS.into_response(),
        // Without Redis nobody is counted, and everybody is served.
        Err(error) => {
            eprintln!("rate limiter: {error}");
            next.run(request).await
        }
    }
}

/// A service that answers so many times.
pub fn app(limiter: Limiter) -> Router {
    Router::new().route("/", get(|| async { "hello\n" })).layer(from_fn_with_state(limiter, limit))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1".into());
    let limiter = Limiter { counters: RedisCacheProvider::new(&url)?, requests_per_window: 10 };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app(limiter).into_make_service_with_connect_info::<SocketAddr>()).await?)
}
