//! Loading over HTTP: through a bridge over the embedded store, a bridge over Redis, and a server of another kind.

use std::time::Duration;

use isocache::{CacheProvider, HttpCacheProvider, ManualClock};

use super::foreign::foreign;
use super::patient;
use super::serving::{TOKEN, memory_bridge, redis_bridge};
use crate::{cached_scenes, lease_scenes, load_scenarios, tag_scenes};
use servers::redis::RedisServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scenes_of_loading_tags_and_cached_functions() {
    let redis = RedisServer::plain();
    let time = ManualClock::new();
    for url in [memory_bridge(&time).await, redis_bridge(&redis.url()).await, foreign(&time).await] {
        let cache: HttpCacheProvider<u64> = patient(&url).token(TOKEN).namespace("scenes").build().unwrap();
        load_scenarios::all(&cache).await;
        tag_scenes::all(cache.view(), cache.view()).await;
        cached_scenes::all(cache).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scenes_of_leases() {
    let redis = RedisServer::plain();
    let time = ManualClock::new();
    for url in [memory_bridge(&time).await, redis_bridge(&redis.url()).await, foreign(&time).await] {
        let process = || -> HttpCacheProvider<u64> { patient(&url).token(TOKEN).namespace("leases").build().unwrap() };
        lease_scenes::all(&process(), &process()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_ends_by_itself() {
    let time = ManualClock::new();
    for url in [memory_bridge(&time).await, foreign(&time).await] {
        let cache: HttpCacheProvider<u64> = patient(&url).token(TOKEN).build().unwrap();
        let leases = cache.loading().unwrap().lease_provider().unwrap();
        assert!(leases.acquire("k", "they", Duration::from_millis(500)).await.unwrap());
        time.advance(Duration::from_millis(499));
        assert!(!leases.acquire("k", "we", Duration::from_millis(500)).await.unwrap());
        time.advance(Duration::from_millis(1));
        assert!(leases.acquire("k", "we", Duration::from_millis(500)).await.unwrap());
    }
}
