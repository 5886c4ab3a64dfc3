//! `HttpCacheProvider` natively, against the bridge over each store, a server of another kind, and servers that misbehave.
#![cfg(all(unix, not(target_arch = "wasm32")))]
// The futures of a whole bridge, one within the other.
#![recursion_limit = "256"]

#[path = "../load/cached_scenes.rs"]
mod cached_scenes;
#[path = "../conformance/mod.rs"]
mod conformance;
#[path = "../conformance/counter.rs"]
mod counter;
mod faults;
mod foreign;
#[path = "../load/lease_scenes.rs"]
mod lease_scenes;
#[path = "../load/scenarios.rs"]
mod load_scenarios;
mod loading;
mod operations;
mod protocol;
mod rules;
mod scenario;
mod scripted;
mod serving;
#[path = "../load/tag_scenes.rs"]
mod tag_scenes;

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
