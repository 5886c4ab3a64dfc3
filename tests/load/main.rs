//! Loading: one load for all who ask, and writes that win over it.
#![cfg(not(target_arch = "wasm32"))]

mod age;
mod background_interleavings;
mod behaviour;
mod blocking;
mod executor;
mod freshness;
mod freshness_scenes;
mod interleavings;
mod leases;
#[cfg(feature = "metrics")]
mod monitoring;
mod processes;
mod provider;
mod scenarios;
mod stale;
mod tag_interleavings;
mod tag_scenes;
mod tag_vectors;
mod trace_runner;
mod traces;
mod unpolled;

#[tokio::test]
async fn the_scenes_in_memory() {
    scenarios::all(&isocache::MemoryCacheProvider::default()).await;
    scenarios::all(&isocache::Typed::<u64>::new(isocache::default_cache())).await;
}

#[tokio::test]
async fn the_scenes_of_tags_in_memory() {
    tag_scenes::all(isocache::MemoryCacheProvider::default(), isocache::MemoryCacheProvider::default()).await;
}
