//! Loading through Redis.

use std::time::Duration;

use isocache::{CacheProvider, RedisCacheProvider, Tagged};

use super::patient;
use crate::{cached_scenes, lease_scenes, load_scenarios, tag_scenes};
use servers::cluster::Cluster;
use servers::redis::RedisServer;

#[tokio::test]
async fn the_scenes_of_loading() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<u64> = patient(&server.url()).namespace("scenes").build().unwrap();
    load_scenarios::all(&cache).await;
}

#[tokio::test]
async fn the_scenes_of_leases() {
    let server = RedisServer::plain();
    let process = || -> RedisCacheProvider<u64> { patient(&server.url()).namespace("leases").build().unwrap() };
    lease_scenes::all(&process(), &process()).await;
    // It ends by itself.
    assert!(
        process()
            .loading()
            .unwrap()
            .lease_provider()
            .unwrap()
            .acquire("left", "we", Duration::from_secs(3600))
            .await
            .unwrap()
    );
    let left: u64 = server.cli(&["PTTL", "leases:left:isocache-lease"]).trim().parse().unwrap();
    assert!((3_000_000..=3_600_000).contains(&left), "{left}");
}

#[tokio::test]
async fn the_scenes_of_a_cluster() {
    let cluster = Cluster::start(None);
    let process = || -> RedisCacheProvider<u64> { patient(&cluster.url()).namespace("scenes").build().unwrap() };
    Box::pin(load_scenarios::all(&process())).await;
    lease_scenes::all(&process(), &process()).await;
    let cache: RedisCacheProvider<i64> = patient(&cluster.url()).namespace("tags").build().unwrap();
    Box::pin(tag_scenes::all(cache.view(), cache)).await;
}

#[tokio::test]
async fn the_scenes_of_cached_functions() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<u64> = patient(&server.url()).namespace("shop").build().unwrap();
    cached_scenes::all(cache).await;
    // Plain JSON, as any other client reads it.
    assert_eq!(server.cli(&["GET", "shop:cached:a%3Ab:7"]).trim(), "607");
}

#[tokio::test]
async fn the_scenes_of_tags() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<i64> = patient(&server.url()).namespace("tags").build().unwrap();
    tag_scenes::all(cache.view(), cache).await;
}

#[tokio::test]
async fn a_tagged_value_is_json_and_an_untagged_one_has_no_tags() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<i64> = patient(&server.url()).build().unwrap();
    let tags = Tagged::new(cache.view(), cache.clone());
    tags.with_tags(&["org:7"]).await.unwrap().set("user:1", "Ada".to_owned(), None).await.unwrap();
    let generation = cache.get("tag:org%3A7").await.unwrap().unwrap();
    let stored = server.cli(&["GET", "user:1"]);
    assert_eq!(stored.trim(), format!(r#"{{"value":"Ada","tags":{{"org:7":{generation}}}}}"#));
}
