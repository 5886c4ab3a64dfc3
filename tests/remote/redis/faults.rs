//! Servers that die, stand still and come back; networks that cut, swallow, delay and truncate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use isocache::{CacheError, CacheProvider, CounterProvider, RedisCacheBuilder, RedisCacheProvider};

use super::{bounded, patient, recovers};
use servers::proxy::Proxy;
use servers::redis::RedisServer;

const TASKS: usize = 1000;

fn with_default_limits(url: &str) -> RedisCacheProvider<usize> {
    RedisCacheBuilder::new(url).build().unwrap()
}

/// What a lookup may come to while the server is unwell: never another key's value.
fn is_fair(found: &isocache::Result<Option<usize>>, own: usize) -> bool {
    match found {
        Ok(found) => found.is_none_or(|found| found == own),
        Err(error) => {
            matches!(error, CacheError::Connection(_) | CacheError::Timeout(_) | CacheError::Unavailable(_))
        }
    }
}

/// `TASKS` tasks that write and read their own key again and again, each once at least, until they are told to stop; how
/// many operations succeeded and failed.
async fn storm(cache: &RedisCacheProvider<usize>, done: &Arc<AtomicUsize>, stop: &Arc<AtomicBool>) -> (usize, usize) {
    let tasks: Vec<_> = (0..TASKS)
        .map(|own| {
            let (cache, done, stop) = (cache.clone(), Arc::clone(done), Arc::clone(stop));
            tokio::spawn(async move {
                let key = format!("k{own}");
                let (mut succeeded, mut failed) = (0, 0);
                loop {
                    let set = bounded(cache.set(&key, own, None)).await.map(|()| Some(own));
                    let got = bounded(cache.get(&key)).await;
                    for outcome in [set, got] {
                        assert!(is_fair(&outcome, own), "{key}: {outcome:?}");
                        *(if outcome.is_ok() { &mut succeeded } else { &mut failed }) += 1;
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                    if stop.load(Ordering::Relaxed) {
                        return (succeeded, failed);
                    }
                    // While the server is away, an operation fails at once.
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let (mut succeeded, mut failed) = (0, 0);
    for task in tasks {
        let (good, bad) = task.await.unwrap();
        succeeded += good;
        failed += bad;
    }
    (succeeded, failed)
}

/// Waits until this many more rounds are done.
async fn goes_on(done: &AtomicUsize, rounds: usize) {
    let until = done.load(Ordering::Relaxed) + rounds;
    bounded(async {
        while done.load(Ordering::Relaxed) < until {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_a_thousand_operations_and_restarted() {
    let mut server = RedisServer::plain();
    let cache: RedisCacheProvider<usize> = patient(&server.url()).build().unwrap();
    let (done, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let running = tokio::spawn({
        let (cache, done, stop) = (cache.clone(), Arc::clone(&done), Arc::clone(&stop));
        async move { storm(&cache, &done, &stop).await }
    });
    goes_on(&done, TASKS / 2).await;
    server.kill();
    // More rounds than there are tasks: some have begun after the end of the server.
    goes_on(&done, TASKS + TASKS / 2).await;
    server.restart();
    recovers(|| cache.set("k", 1, None)).await;
    goes_on(&done, TASKS).await;
    stop.store(true, Ordering::Relaxed);
    let (succeeded, failed) = running.await.unwrap();
    assert_eq!(succeeded + failed, done.load(Ordering::Relaxed) * 2);
    assert!(succeeded > 0 && failed > 0, "{succeeded} {failed}");
    // The same provider works again, for all.
    let (_, failed) = storm(&cache, &done, &stop).await;
    assert_eq!(failed, 0);
    assert_eq!(cache.get("k7").await.unwrap(), Some(7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still() {
    let server = RedisServer::plain();
    let cache = with_default_limits(&server.url());
    recovers(|| cache.set("k", 7, None)).await;
    server.freeze();
    for _ in 0..5 {
        let found = bounded(cache.get("k")).await;
        assert!(matches!(found, Err(CacheError::Timeout(_))), "{found:?}");
    }
    let many = cache.clear_pattern("*");
    assert!(matches!(bounded(many).await, Err(CacheError::Timeout(_))));
    server.thaw();
    assert_eq!(recovers(|| cache.get("k")).await, Some(7), "nothing was removed, or all of it");
}

#[tokio::test]
async fn connections_that_are_cut() {
    let server = RedisServer::plain();
    let proxy = Proxy::start(server.port);
    let cache: RedisCacheProvider<i64> = patient(&proxy.url()).build().unwrap();
    cache.set("k", 7, None).await.unwrap();
    for _ in 0..5 {
        proxy.cut();
        assert_eq!(cache.get("k").await.unwrap(), Some(7), "tried once more");
    }
    assert!(proxy.connections() >= 6);
    proxy.refuse();
    let error = bounded(cache.get("k")).await.unwrap_err();
    assert!(matches!(error, CacheError::Connection(_)), "{error}");
    proxy.pass();
    assert_eq!(recovers(|| cache.get("k")).await, Some(7));
}

/// A counter must not count twice, and a lookup may well be made twice.
#[tokio::test]
async fn only_what_may_be_repeated_is_repeated() {
    let server = RedisServer::plain();
    let proxy = Proxy::start(server.port);
    let cache: RedisCacheProvider<i64> = patient(&proxy.url()).build().unwrap();
    cache.increment("n", 1, None).await.unwrap();
    proxy.truncate_after(0);
    let error = bounded(cache.increment("n", 1, None)).await.unwrap_err();
    assert!(matches!(error, CacheError::Connection(_)), "{error}");
    assert_eq!(server.cli(&["GET", "n"]), "2", "it was carried out once, and the answer was lost");
    assert_eq!(cache.get("n").await.unwrap(), Some(2));
    proxy.truncate_after(3);
    assert_eq!(cache.get("n").await.unwrap(), Some(2));
    proxy.truncate_after(2);
    cache.set("n", 5, None).await.unwrap();
    proxy.truncate_after(1);
    cache.delete("n").await.unwrap();
    assert_eq!(cache.get("n").await.unwrap(), None);
}

#[tokio::test]
async fn replies_cut_at_every_byte() {
    let server = RedisServer::plain();
    let proxy = Proxy::start(server.port);
    let cache: RedisCacheProvider<String> = patient(&proxy.url()).build().unwrap();
    for (key, value) in [("a", "first value"), ("b", "second value")] {
        cache.set(key, value.into(), None).await.unwrap();
    }
    for bytes in 0..45 {
        proxy.truncate_after(bytes);
        let both = cache.get_many(&["a", "b"]).await.unwrap();
        assert_eq!(both, [Some("first value".into()), Some("second value".into())]);
        let (value, left) = cache.get_with_ttl("b").await.unwrap().unwrap();
        assert_eq!((value.as_str(), left), ("second value", None));
    }
    assert!(proxy.connections() > 40, "{}", proxy.connections());
}

/// A network that has gone without telling: what is sent is lost, and nobody closes the connection.
#[tokio::test]
async fn a_network_that_swallows() {
    let server = RedisServer::plain();
    let proxy = Proxy::start(server.port);
    let cache = with_default_limits(&proxy.url());
    recovers(|| cache.set("k", 7, None)).await;
    proxy.swallow();
    for _ in 0..3 {
        let found = bounded(cache.get("k")).await;
        assert!(matches!(found, Err(CacheError::Timeout(_))), "{found:?}");
    }
    let before = proxy.connections();
    proxy.pass();
    assert_eq!(recovers(|| cache.get("k")).await, Some(7));
    assert!(proxy.connections() > before, "the old connection has lost its place in the stream");
}

#[tokio::test]
async fn a_network_that_delays() {
    let server = RedisServer::plain();
    let proxy = Proxy::start(server.port);
    let cache: RedisCacheProvider<usize> =
        RedisCacheBuilder::new(&proxy.url()).operation_timeout(Duration::from_millis(50)).build().unwrap();
    let keys: Vec<String> = (0..20).map(|n| format!("k{n}")).collect();
    for (own, key) in keys.iter().enumerate() {
        recovers(|| cache.set(key, own, None)).await;
    }
    proxy.delay(Duration::from_millis(40));
    // Answers that come too late belong to whoever asked, and reach nobody else.
    for (own, key) in keys.iter().enumerate().cycle().take(100) {
        let found = bounded(cache.get(key)).await;
        assert!(is_fair(&found, own), "{key}: {found:?}");
    }
    proxy.pass();
    for (own, key) in keys.iter().enumerate() {
        assert_eq!(recovers(|| cache.get(key)).await, Some(own));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_that_are_given_up_shift_nothing() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<usize> = patient(&server.url()).build().unwrap();
    let keys: Vec<String> = (0..500).map(|n| format!("k{n}")).collect();
    cache.set_many(keys.iter().enumerate().map(|(own, key)| (key.as_str(), own, None)).collect()).await.unwrap();
    let mut tasks = Vec::new();
    for round in 0..20 {
        for (own, key) in keys.iter().enumerate() {
            let (cache, key) = (cache.clone(), key.clone());
            tasks.push(tokio::spawn(async move {
                if (own + round) % 3 == 0 {
                    // Polled some times, so that the command is on its way, and dropped.
                    tokio::select! {
                        biased;
                        found = cache.get(&key) => assert_eq!(found.unwrap(), Some(own)),
                        () = async { for _ in 0..own % 4 { tokio::task::yield_now().await; } } => {}
                    }
                } else if own % 7 == 0 {
                    let found = cache.get_with_ttl(&key).await.unwrap();
                    assert_eq!(found, Some((own, None)));
                } else {
                    assert_eq!(cache.get(&key).await.unwrap(), Some(own));
                }
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
}
