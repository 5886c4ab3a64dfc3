//! `HttpCacheProvider` natively, against the bridge over each store, a server of another kind, and servers that misbehave.

mod balanced;
mod balancer;
mod faults;
pub mod foreign;
mod invalidations;
mod loading;
mod operations;
mod polling;
mod protocol;
mod rules;
mod scenario;
mod scripted;
pub mod serving;
mod tiered;

use isocache::HttpCacheProvider;

/// A builder whose limits a busy machine does not reach: for tests that are not about limits.
pub fn patient<T>(url: &str) -> isocache::HttpCacheBuilder<T> {
    HttpCacheProvider::builder(url).timeout(servers::PATIENCE)
}

/// Fails the test if something hangs.
///
/// # Panics
/// If it does.
pub async fn bounded<F: Future>(operation: F) -> F::Output {
    tokio::time::timeout(servers::PATIENCE, operation).await.expect("it hangs")
}
