//! A primary that dies, and the Sentinels that name another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use isocache::{CacheError, CacheProvider, CounterProvider, RedisCacheBuilder, RedisCacheProvider};

use super::{bounded, patient, recovers};
use servers::free_port;
use servers::proxy::Proxy;
use servers::sentinel::SentinelSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_new_primary_is_found() {
    let mut set = SentinelSet::start(None, None);
    let cache: RedisCacheProvider<i64> = RedisCacheBuilder::new(&set.url()).build().unwrap();
    recovers(|| cache.set("k", 7, None)).await;
    assert_eq!(set.servers[0].cli(&["GET", "k"]), "7");
    servers::eventually("the replica to follow", || (set.servers[1].cli(&["GET", "k"]) == "7").then_some(()));
    let stop = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn({
        let (cache, stop) = (cache.clone(), Arc::clone(&stop));
        async move {
            let mut errors = Vec::new();
            loop {
                match bounded(cache.increment("n", 1, None)).await {
                    Ok(_) if stop.load(Ordering::Relaxed) => return errors,
                    Ok(_) => {}
                    Err(error) => errors.push(error),
                }
            }
        }
    });
    tokio::task::block_in_place(|| set.fail_over());
    assert_eq!(recovers(|| cache.get("k")).await, Some(7));
    recovers(|| cache.set("k", 8, None)).await;
    assert_eq!(set.servers[1].cli(&["GET", "k"]), "8", "on the new primary");
    stop.store(true, Ordering::Relaxed);
    let errors = bounded(watching).await.unwrap();
    let fair = |error: &CacheError| {
        matches!(error, CacheError::Connection(_) | CacheError::Timeout(_) | CacheError::Unavailable(_))
    };
    assert!(errors.iter().all(fair), "{:?}", errors.iter().find(|error| !fair(error)));
}

/// The connection stays open, and what it leads to has become a replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_made_a_replica() {
    let set = SentinelSet::start(None, None);
    let cache: RedisCacheProvider<i64> = patient(&set.url()).build().unwrap();
    cache.set("k", 1, None).await.unwrap();
    tokio::task::block_in_place(|| set.hand_over());
    assert_eq!(recovers(|| cache.increment("k2", 1, None)).await, 1);
    recovers(|| cache.set("k", 2, None)).await;
    assert_eq!(set.servers[1].cli(&["GET", "k"]), "2");
}

/// The redis crate has a limit of half a second for what Sentinels answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_on_connecting_is_that_of_asking_sentinels() {
    let set = SentinelSet::start(None, None);
    let slow = Proxy::start(set.ports()[0]);
    slow.delay(Duration::from_millis(800));
    let cache: RedisCacheProvider<i64> =
        patient(&format!("redis-sentinel://127.0.0.1:{}/main", slow.port)).build().unwrap();
    cache.set("k", 7, None).await.unwrap();
    assert_eq!(set.servers[0].cli(&["GET", "k"]), "7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_that_cannot_be_reached_or_do_not_answer() {
    let set = SentinelSet::start(None, None);
    let silent = Proxy::start(set.ports()[0]);
    silent.swallow();
    let nobody = free_port();
    let both = format!("127.0.0.1:{nobody},127.0.0.1:{}", silent.port);
    let builder = |url: &str| RedisCacheBuilder::<i64>::new(url).connect_timeout(Duration::from_secs(1));
    // The third answers.
    let cache = builder(&format!("redis-sentinel://{both},127.0.0.1:{}/main", set.ports()[1]));
    let cache = cache.operation_timeout(servers::PATIENCE).build().unwrap();
    recovers(|| cache.set("k", 7, None)).await;
    assert_eq!(set.servers[0].cli(&["GET", "k"]), "7");
    servers::eventually("the silent one to have been asked", || (silent.connections() > 0).then_some(()));
    // Nobody answers.
    let cache = builder(&format!("redis-sentinel://{both}/main"));
    let cache = cache.operation_timeout(servers::PATIENCE).build().unwrap();
    let error = bounded(cache.get("k")).await.unwrap_err();
    assert!(matches!(error, CacheError::Timeout(_)), "{error}");
}
