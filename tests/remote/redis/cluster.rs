//! A cluster whose slots move and whose primaries die.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use isocache::{CacheError, CacheProvider, CounterProvider, KeysProvider, RedisCacheBuilder, RedisCacheProvider};

use super::{bounded, patient, recovers};
use servers::cluster::Cluster;

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("k{n}")).collect()
}

async fn fill(cache: &RedisCacheProvider<usize>, keys: &[String]) {
    cache.set_many(keys.iter().enumerate().map(|(own, key)| (key.as_str(), own, None)).collect()).await.unwrap();
}

/// Reads and writes until it is told to stop; how often it did, and which errors there were.
fn traffic(
    cache: &RedisCacheProvider<usize>,
    keys: Vec<String>,
    stop: &Arc<AtomicBool>,
) -> tokio::task::JoinHandle<(usize, Vec<CacheError>)> {
    let (cache, stop) = (cache.clone(), Arc::clone(stop));
    tokio::spawn(async move {
        let (mut rounds, mut errors) = (0, Vec::new());
        while !stop.load(Ordering::Relaxed) {
            for (own, key) in keys.iter().enumerate() {
                match bounded(cache.get(key)).await {
                    Ok(found) => assert!(found.is_none_or(|found| found == own), "{key}: {found:?}"),
                    Err(error) => errors.push(error),
                }
                errors.extend(bounded(cache.set(key, own, None)).await.err());
            }
            rounds += 1;
        }
        (rounds, errors)
    })
}

#[tokio::test]
async fn many_keys_over_all_nodes() {
    let cluster = Cluster::start(None);
    let cache: RedisCacheProvider<usize> = patient(&cluster.url()).namespace("a{*").build().unwrap();
    let other: RedisCacheProvider<usize> = patient(&cluster.url()).namespace("b").build().unwrap();
    let keys = keys(2000);
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    fill(&cache, &keys).await;
    fill(&other, &keys).await;
    for node in &cluster.nodes[..3] {
        assert!(node.cli(&["DBSIZE"]).parse::<u32>().unwrap() > 1000, "each node has its share");
    }
    let found: Vec<usize> = cache.get_many(&names).await.unwrap().into_iter().flatten().collect();
    assert_eq!(found, (0..2000).collect::<Vec<_>>());
    assert_eq!(cache.delete_many(&names[..500]).await.unwrap(), 500);
    assert_eq!(cache.clear_pattern("k1*5").await.unwrap(), 100, "k1005 to k1995: those below k500 had gone");
    assert_eq!(cache.clear_pattern("*").await.unwrap(), 1400);
    assert_eq!(other.clear_pattern("*").await.unwrap(), 2000);
    let numbers: RedisCacheProvider<i64> = cache.view();
    assert_eq!(numbers.increment("n", 1, None).await.unwrap(), 1);
    assert_eq!(cache.get_stats().await.unwrap().entries, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_under_load() {
    let cluster = Cluster::start(None);
    let cache: RedisCacheProvider<usize> = patient(&cluster.url()).build().unwrap();
    // All in one slot, which moves to and fro.
    let keys: Vec<String> = (0..100).map(|n| format!("{{tag}}{n}")).collect();
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    fill(&cache, &keys).await;
    let slot: u16 = cluster.nodes[0].cli(&["CLUSTER", "KEYSLOT", "{tag}"]).parse().unwrap();
    let owner = usize::from(slot) * 3 / 16_384;
    let stop = Arc::new(AtomicBool::new(false));
    let running = traffic(&cache, keys.clone(), &stop);
    let elsewhere = (owner + 1) % 3;
    tokio::task::block_in_place(|| {
        for _ in 0..3 {
            cluster.move_slot(slot, owner, elsewhere, || {});
            cluster.move_slot(slot, elsewhere, owner, || {});
        }
    });
    stop.store(true, Ordering::Relaxed);
    let (rounds, errors) = running.await.unwrap();
    assert!(rounds > 0 && errors.is_empty(), "{rounds} {errors:?}");
    assert_eq!(cache.get_many(&names).await.unwrap().into_iter().flatten().count(), 100, "nothing was lost");

    // A pattern, while one half of the keys is here and one half there.
    let handle = tokio::runtime::Handle::current();
    let (mut listed, mut cleared) = (Vec::new(), 0);
    tokio::task::block_in_place(|| {
        cluster.move_slot(slot, owner, elsewhere, || {
            listed = handle.block_on(async { cache.keys("{tag}*")?.collect().await }).unwrap();
            cleared = handle.block_on(cache.clear_pattern("{tag}*")).unwrap();
        });
    });
    listed.sort();
    listed.dedup();
    assert_eq!((listed.len(), cleared), (100, 100));
    assert_eq!(cache.get_many(&names).await.unwrap().into_iter().flatten().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_dies_under_load() {
    let mut cluster = Cluster::start(None);
    let cache: RedisCacheProvider<usize> = RedisCacheBuilder::new(&cluster.url()).build().unwrap();
    let keys = keys(300);
    recovers(|| cache.set("k", 1, None)).await;
    for (own, key) in keys.iter().enumerate() {
        recovers(|| cache.set(key, own, None)).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let running = traffic(&cache, keys.clone(), &stop);
    tokio::task::block_in_place(|| cluster.fail_over(1));
    for (own, key) in keys.iter().enumerate() {
        recovers(|| cache.set(key, own, None)).await;
        assert_eq!(recovers(|| cache.get(key)).await, Some(own));
    }
    stop.store(true, Ordering::Relaxed);
    let (_, errors) = running.await.unwrap();
    let fair = |error: &CacheError| {
        matches!(error, CacheError::Connection(_) | CacheError::Timeout(_) | CacheError::Unavailable(_))
    };
    assert!(errors.iter().all(fair), "{:?}", errors.iter().find(|error| !fair(error)));
    let patient: RedisCacheProvider<usize> = patient(&cluster.url()).build().unwrap();
    assert_eq!(patient.clear_pattern("k*").await, Ok(301));
}
