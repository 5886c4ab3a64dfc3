//! What becomes of failing providers and of time limits.

use std::future::pending;
use std::sync::LazyLock;
use std::time::Duration;

use futures_util::future::join;
use isocache::{CacheError, MemoryCacheProvider, cached};

use crate::support::{Broken, called, calls};

static BROKEN: LazyLock<Broken> = LazyLock::new(Broken::default);

#[cached(provider = BROKEN)]
async fn bypassing(id: u64) -> u64 {
    called("bypassing") + id
}

#[cached(provider = BROKEN, on_error = bypass)]
async fn bypassing_by_name(id: u64) -> Result<u64, CacheError> {
    Ok(called("bypassing_by_name") + id)
}

#[cached(provider = BROKEN, on_error = propagate)]
async fn propagating(id: u64) -> Result<u64, CacheError> {
    Ok(called("propagating") + id)
}

#[tokio::test]
async fn a_failing_provider_is_passed_over_or_not() {
    assert_eq!((bypassing(10).await, bypassing(10).await), (11, 12));
    assert!(bypassing::stats().bypasses >= 2);
    assert_eq!(bypassing_by_name(10).await, Ok(11));
    let unreachable = CacheError::Connection("nobody there".to_owned());
    assert_eq!(propagating(10).await, Err(unreachable.clone()));
    assert_eq!(calls("propagating"), 0);
    assert_eq!(propagating::stats().bypasses, 0);
    assert_eq!(bypassing::invalidate(10).await, Err(unreachable));
}

static SMALL: LazyLock<MemoryCacheProvider<String>> = LazyLock::new(|| {
    MemoryCacheProvider::builder().max_bytes(1000).size_of(|_, value: &String| value.len() as u64).build().unwrap()
});

#[cached(key = "errors:large:{size}", provider = SMALL)]
async fn large(size: usize) -> String {
    called("large");
    "x".repeat(size)
}

#[cached(key = "errors:large_sync:{size}", provider = SMALL)]
fn large_sync(size: usize) -> String {
    called("large_sync");
    "x".repeat(size)
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_returned_all_the_same() {
    assert_eq!((large(5000).await.len(), large(5000).await.len()), (5000, 5000));
    assert_eq!(calls("large"), 2);
    assert_eq!((large(50).await.len(), large(50).await.len()), (50, 50));
    assert_eq!(calls("large"), 3);
    assert_eq!((large_sync(5000).len(), large_sync(5000).len()), (5000, 5000));
    assert_eq!(calls("large_sync"), 2);
}

#[cached(key = "errors:zero", ttl = Duration::ZERO)]
async fn no_ttl() -> u64 {
    called("no_ttl")
}

#[cached(key = "errors:zero", ttl = Duration::ZERO, on_error = propagate)]
async fn no_ttl_propagating() -> Result<u64, CacheError> {
    Ok(called("no_ttl_propagating"))
}

#[tokio::test]
async fn options_that_cannot_be_are_errors_only_where_asked_for() {
    assert_eq!((no_ttl().await, no_ttl().await), (1, 2));
    assert!(matches!(no_ttl_propagating().await, Err(CacheError::InvalidArgument { .. })));
    assert_eq!(calls("no_ttl_propagating"), 0);
}

#[derive(Clone, Debug, PartialEq)]
enum Failure {
    Cache(CacheError),
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        Self::Cache(error)
    }
}

#[cached(key = "errors:limited", timeout = "5s")]
async fn limited() -> Result<u64, Failure> {
    called("limited");
    pending().await
}

#[cached(key = "errors:by_default")]
async fn limited_by_default() -> Result<u64, Failure> {
    called("limited_by_default");
    pending().await
}

#[cached(key = "errors:unlimited")]
async fn unlimited() -> Result<u64, String> {
    tokio::time::sleep(Duration::from_secs(3600)).await;
    Ok(called("unlimited"))
}

#[cached(key = "errors:plain")]
async fn unlimited_plain() -> u64 {
    tokio::time::sleep(Duration::from_secs(3600)).await;
    called("unlimited_plain")
}

/// Tokio's clock stands, and jumps to the next timer when nothing else is to do.
#[tokio::test(start_paused = true)]
async fn a_limit_ends_in_an_error_where_there_is_one() {
    let begun = tokio::time::Instant::now();
    let (one, other) = join(limited(), limited()).await;
    let timed_out = CacheError::Timeout("loading key \"errors:limited\" took longer than the timeout of 5s".to_owned());
    assert_eq!((one, other), (Err(Failure::Cache(timed_out.clone())), Err(Failure::Cache(timed_out))));
    assert_eq!((calls("limited"), begun.elapsed().as_secs()), (1, 5));
    assert!(matches!(limited_by_default().await, Err(Failure::Cache(CacheError::Timeout(_)))));
    assert_eq!(begun.elapsed().as_secs(), 35);
    assert_eq!((unlimited().await, unlimited_plain().await), (Ok(1), 1));
    assert_eq!(begun.elapsed().as_secs(), 7235);
    // What has taken its time is kept as well.
    assert_eq!((unlimited().await, unlimited_plain().await), (Ok(1), 1));
    assert_eq!(begun.elapsed().as_secs(), 7235);
}
