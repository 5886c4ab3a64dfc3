//! Freshness belongs to the entry, whoever reads it.

use std::convert::Infallible;
use std::time::Duration;

use isocache::{CacheAside, DynCacheProvider, LoadOptions, ManualClock, MemoryCacheProvider, Monitor, OnError, Typed};

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

async fn ask(cache: &impl CacheAside<u64>, options: LoadOptions, value: u64) -> u64 {
    cache.get_or_set("price", options, || async { Ok::<u64, Infallible>(value) }).await.unwrap()
}

fn five_minutes() -> LoadOptions {
    LoadOptions::new().ttl(minutes(5))
}

async fn readers_of_an_entry(cache: &impl CacheAside<u64>, clock: &ManualClock) {
    // The window of the write counts, not that of the reader.
    let short = || five_minutes().stale_while_revalidate(minutes(1));
    let long = || five_minutes().stale_if_error(minutes(60));
    assert_eq!(ask(cache, long(), 1).await, 1);
    clock.advance(minutes(60));
    assert_eq!(ask(cache, short(), 2).await, 2, "an entry of 60 minutes is not fresh for anybody");

    // A plain write is fresh for readers with windows, too, until it expires.
    cache.set("price", 3, Some(minutes(5))).await.unwrap();
    assert_eq!(ask(cache, long(), 4).await, 3);
    clock.advance(minutes(5));
    assert_eq!(ask(cache, long(), 4).await, 4);

    // A stale entry is absent for plain reads, and counted nowhere.
    clock.advance(minutes(25));
    assert_eq!(cache.get("price").await.unwrap(), None);
    assert!(!cache.exists("price").await.unwrap());
    assert_eq!(cache.get_with_ttl("price").await.unwrap(), None);
    assert_eq!(cache.get_many(&["price"]).await.unwrap(), [None]);
    let failing = cache.get_or_set("price", long(), || async { Err::<u64, _>("down") }).await;
    assert_eq!(failing.unwrap(), 4, "the reader that tolerates it gets it");
    let strict = cache.get_or_set("price", five_minutes(), || async { Err::<u64, _>("down") }).await;
    assert!(strict.is_err(), "one without a window does not");
    assert_eq!(cache.get_stats().await.unwrap().entries.unwrap_or(0), 0);
    assert!(!cache.delete("price").await.unwrap(), "it was absent");
    assert!(cache.get_or_set("price", long(), || async { Err::<u64, _>("down") }).await.is_err(), "and is gone now");

    assert_eq!(ask(cache, long(), 5).await, 5);
    clock.advance(minutes(6));
    assert_eq!(cache.clear_pattern("*").await.unwrap(), 0);
}

#[tokio::test]
async fn in_memory() {
    let clock = ManualClock::new();
    let cache = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
    readers_of_an_entry(&cache, &clock).await;
    assert!(cache.sync().is_empty() && cache.sync().keys().is_empty());
    let bytes = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
    readers_of_an_entry(&Typed::<u64>::new(DynCacheProvider::new(bytes)), &clock).await;
}

#[tokio::test]
async fn a_window_needs_a_ttl() {
    let cache = MemoryCacheProvider::<u64>::default();
    let load = || async { Ok::<u64, Infallible>(1) };
    let options = LoadOptions::new().stale_while_revalidate(minutes(1));
    let error = cache.get_or_set("k", options, load).await.unwrap_err().to_string();
    assert!(error.contains("stale_while_revalidate") && error.contains("ttl"), "{error}");
    let error = cache.get_or_set("k", LoadOptions::new().timeout(Duration::ZERO), load).await.unwrap_err().to_string();
    assert!(error.contains("timeout") && error.contains("greater than 0"), "{error}");
}

#[tokio::test]
async fn problems_are_reported_once_for_each_cause() {
    let broken = crate::provider::Remote::<u64>::default();
    broken.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let listener = std::sync::Arc::clone(&told);
    let monitor = Monitor::new("users::find")
        .key_pattern("user:{id}")
        .on_report(move |report| listener.lock().unwrap().push(report.to_string()));
    let monitor = std::sync::Arc::new(monitor);
    let options = LoadOptions::new().monitor(std::sync::Arc::clone(&monitor)).on_error(OnError::Bypass);
    for _ in 0..3 {
        broken.get_or_set("user:secret", &options, || async { Ok::<u64, Infallible>(1) }).await.unwrap();
    }
    assert_eq!((monitor.reports().len(), monitor.stats().bypasses), (1, 3));
    let text = told.lock().unwrap().join("");
    assert!(text.contains("users::find") && text.contains("user:{id}") && !text.contains("secret"), "{text}");
    assert!(text.contains("check that the store can be reached"), "{text}");

    let memory = MemoryCacheProvider::<u64>::default();
    for key in 0..100 {
        memory.get_or_set(&format!("k{key}"), &options, || async { Ok::<u64, Infallible>(1) }).await.unwrap();
    }
    assert_eq!(monitor.reports().len(), 2, "a function that is never hit says so");
}
