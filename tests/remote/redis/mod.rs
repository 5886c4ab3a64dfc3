//! `RedisCacheProvider` against real servers, which the tests start and stop.

mod at_clock;
mod bad_input;
mod clearing;
mod cluster;
mod connections;
mod errors;
mod examples;
mod faults;
mod foreign;
mod interop;
mod loading;
mod moving_slots;
mod operations;
mod permissions;
mod protocol;
mod rules;
mod sentinel;
mod tiered;
mod tiered_rules;

use std::future::Future;
use std::time::Duration;

use isocache::RedisCacheBuilder;
use servers::PATIENCE;

/// A builder whose limits a busy machine does not reach: for tests that are not about limits.
pub fn patient<T>(url: &str) -> RedisCacheBuilder<T> {
    RedisCacheBuilder::new(url).connect_timeout(PATIENCE).operation_timeout(PATIENCE)
}

/// Fails the test if something takes much longer than its limit, of a second at most.
///
/// # Panics
/// If it does.
pub async fn bounded<F: Future>(operation: F) -> F::Output {
    tokio::time::timeout(PATIENCE, operation).await.expect("it hangs")
}

/// Tries until it succeeds.
///
/// # Panics
/// If it does not in good time; the message tells of the last error.
pub async fn recovers<R, F: Future<Output = isocache::Result<R>>>(mut operation: impl FnMut() -> F) -> R {
    let started = std::time::Instant::now();
    loop {
        match bounded(operation()).await {
            Ok(answer) => return answer,
            Err(error) => assert!(started.elapsed() < PATIENCE, "it does not work again: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
