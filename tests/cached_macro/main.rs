//! What `#[cached]` makes of functions.
#![cfg(not(target_arch = "wasm32"))]
#![warn(clippy::pedantic)]
#![allow(clippy::unused_async, reason = "it is asynchronous functions that are cached, whatever they do")]
#![deny(missing_docs)]

#[path = "../load/cached_scenes.rs"]
mod cached_scenes;
mod companions;
mod compile_errors;
mod errors;
#[allow(dead_code, reason = "the tests of loading use all of it")]
#[path = "../load/executor.rs"]
mod executor;
mod keys;
mod leases;
mod loads;
mod methods;
mod programs;
#[allow(dead_code, reason = "the tests of loading use all of it")]
#[path = "../load/provider.rs"]
mod provider;
mod shapes;
mod stale;
mod support;
mod sync;
mod types;

#[tokio::test]
async fn the_scenes_in_memory() {
    cached_scenes::all(isocache::MemoryCacheProvider::default()).await;
    cached_scenes::all(isocache::Typed::<u64>::new(isocache::default_cache())).await;
}
