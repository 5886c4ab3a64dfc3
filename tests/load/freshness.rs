//! Freshness belongs to the entry, whoever reads it.

use std::convert::Infallible;
use std::time::Duration;

use isocache::{
    CacheAside, CacheProvider, DynCacheProvider, LoadOptions, ManualClock, MemoryCacheProvider, Monitor, OnError, Typed,
};

use crate::freshness_scenes::{self, minutes};

fn stale_for_a_minute() -> LoadOptions {
    LoadOptions::new().ttl(minutes(5)).stale_while_revalidate(minutes(1))
}

#[tokio::test]
async fn in_memory() {
    let clock = ManualClock::new();
    let cache = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
    freshness_scenes::all(&cache, &cache, |by| clock.advance(by)).await;
    assert!(cache.sync().is_empty() && cache.sync().keys().is_empty());
    assert_eq!(cache.sync().stats().entries, Some(0));

    // A stale entry is counted nowhere.
    cache.get_or_set("k", stale_for_a_minute(), || async { Ok::<u64, Infallible>(1) }).await.unwrap();
    clock.advance(minutes(5));
    assert_eq!(cache.sync().stats().entries, Some(0));
    assert_eq!(cache.clear_pattern("*").await.unwrap(), 0);

    let bytes = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
    let typed = Typed::<u64>::new(DynCacheProvider::new(bytes));
    freshness_scenes::all(&typed, &typed, |by| clock.advance(by)).await;
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
    let reported = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let listener = std::sync::Arc::clone(&reported);
    let monitor = Monitor::new("users::find")
        .key_pattern("user:{id}")
        .on_report(move |report| listener.lock().unwrap().push(report.to_string()));
    let monitor = std::sync::Arc::new(monitor);
    let options = LoadOptions::new().monitor(std::sync::Arc::clone(&monitor)).on_error(OnError::Bypass);
    for _ in 0..3 {
        broken.get_or_set("user:secret", &options, || async { Ok::<u64, Infallible>(1) }).await.unwrap();
    }
    assert_eq!((monitor.reports().len(), monitor.stats().bypasses), (1, 3));
    let text = reported.lock().unwrap().join("");
    assert!(text.contains("users::find") && text.contains("user:{id}") && !text.contains("secret"), "{text}");
    assert!(text.contains("check that the store can be reached"), "{text}");

    let memory = MemoryCacheProvider::<u64>::default();
    for key in 0..100 {
        memory.get_or_set(&format!("k{key}"), &options, || async { Ok::<u64, Infallible>(1) }).await.unwrap();
    }
    assert_eq!(monitor.reports().len(), 2, "a function that is never hit says so");
}
