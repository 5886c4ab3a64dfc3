//! The layer of tower: its responses and headers, and what it does if the store fails.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use isocache::{
    CacheError, CacheProvider, CounterProvider, ManualClock, MemoryCacheProvider, OnStoreError, RateLimitLayer,
    RateLimiter,
};
use tower_layer::Layer;
use tower_service::Service;

const MINUTE: Duration = Duration::from_secs(60);

fn key(request: &Request) -> Option<String> {
    request.headers().get("x-user").map(|user| format!("rate:{}", user.to_str().unwrap()))
}

#[derive(Clone)]
struct Hello;

impl Service<Request> for Hello {
    type Response = Response;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        std::future::ready(Ok(Response::new(Body::from("hello"))))
    }
}

/// The status, and the headers of the limit.
fn ask<P, K>(layer: &RateLimitLayer<P, K>, user: Option<&str>) -> (StatusCode, Vec<String>)
where
    P: CounterProvider + CacheProvider<i64> + 'static,
    K: Fn(&Request) -> Option<String> + Send + Sync + 'static,
{
    let mut request = Request::new(Body::empty());
    if let Some(user) = user {
        request.headers_mut().insert("x-user", user.parse().unwrap());
    }
    let response = pollster::block_on(layer.layer(Hello).call(request)).unwrap();
    let names = ["ratelimit-policy", "ratelimit", "retry-after"];
    let headers = names.iter().filter_map(|name| response.headers().get(*name));
    (response.status(), headers.map(|value| value.to_str().unwrap().to_owned()).collect())
}

#[test]
fn requests_over_the_limit_get_429_and_all_headers() {
    let limiter = RateLimiter::token_bucket(MemoryCacheProvider::<i64>::default(), 2, MINUTE).unwrap();
    let layer = RateLimitLayer::new(limiter.clock(ManualClock::new()), key).policy("a \"b\"").unwrap();
    let policy = r#""a \"b\"";q=2;w=60"#;
    assert_eq!(ask(&layer, Some("7")), (StatusCode::OK, vec![policy.into(), r#""a \"b\"";r=1;t=30"#.into()]));
    assert_eq!(ask(&layer, Some("7")).0, StatusCode::OK);
    let refused = vec![policy.into(), r#""a \"b\"";r=0;t=30"#.into(), "30".into()];
    assert_eq!(ask(&layer, Some("7")), (StatusCode::TOO_MANY_REQUESTS, refused));
    assert_eq!(ask(&layer, Some("8")).0, StatusCode::OK, "another client");
    assert_eq!(ask(&layer, None), (StatusCode::OK, vec![]), "without a key it is not limited");
    let long = "x".repeat(40_000);
    assert_eq!(ask(&layer, Some(&long)), (StatusCode::BAD_REQUEST, vec![]));
    let costly = layer.clone().cost(3);
    assert_eq!(ask(&costly, Some("9")).0, StatusCode::INTERNAL_SERVER_ERROR, "it would never be allowed");
    assert_eq!(ask(&layer.clone().cost(2), Some("9")).1[1], r#""a \"b\"";r=0;t=60"#);
    assert!(matches!(layer.policy("é"), Err(CacheError::InvalidArgument { argument: "policy", .. })));
}

#[test]
fn if_the_store_fails_the_option_of_the_limiter_decides() {
    let layer = |choice| {
        let limiter = RateLimiter::fixed_window(crate::limiter::Down, 2, MINUTE).unwrap().on_store_error(choice);
        RateLimitLayer::new(limiter.clock(ManualClock::new()), key)
    };
    let policy = r#""default";q=2;w=60"#.to_owned();
    assert_eq!(ask(&layer(OnStoreError::Allow), Some("7")), (StatusCode::OK, vec![policy.clone()]));
    let refused = (StatusCode::SERVICE_UNAVAILABLE, vec![policy, "60".into()]);
    assert_eq!(ask(&layer(OnStoreError::Refuse), Some("7")), refused);
    assert_eq!(ask(&layer(OnStoreError::Fail), Some("7")), (StatusCode::SERVICE_UNAVAILABLE, vec![]));
}
