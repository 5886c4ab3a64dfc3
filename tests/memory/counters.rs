//! Counters in memory.

use std::sync::Arc;
use std::time::Duration;

use crate::counter::counters;
use bytes::Bytes;
use isocache::{CacheError, ManualClock, MemoryCache, MemoryCacheProvider};
use serde_json::{Value, json};

#[test]
fn memory_counts_as_every_provider_does() {
    let clock = ManualClock::new();
    let cache = MemoryCache::builder().max_entries(10).clock(clock.clone()).build().unwrap();
    pollster::block_on(counters(&MemoryCacheProvider::from(cache), &clock));
}

#[test]
fn no_increment_is_lost_between_threads() {
    const THREADS: i64 = 4;
    const EACH: i64 = if cfg!(miri) { 50 } else { 10_000 };
    let cache = Arc::new(MemoryCache::<i64>::default());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..EACH).for_each(|_| assert!(cache.increment("n", 1, None).is_ok())));
        }
    });
    assert_eq!(cache.get("n").unwrap(), Some(THREADS * EACH));
}

#[test]
fn what_is_no_number_is_an_error_that_names_the_key() {
    let bytes = MemoryCache::<Bytes>::default();
    for text in ["", "1.5", "+1", "007", "-0", " 1", "9223372036854775808", "a"] {
        bytes.set("user", Bytes::from(text), None).unwrap();
        let error = bytes.increment("user", 1, None).unwrap_err();
        assert!(matches!(&error, CacheError::Deserialize { key, .. } if key == "user"), "{text}: {error}");
        assert_eq!(bytes.get("user").unwrap().unwrap(), text);
    }
    bytes.set("n", Bytes::from("-7"), None).unwrap();
    assert_eq!(bytes.increment("n", 2, None).unwrap(), -5);
    assert_eq!(bytes.get("n").unwrap().unwrap(), "-5");

    let json = MemoryCache::<Value>::default();
    json.set("n", json!(1.5), None).unwrap();
    assert!(json.increment("n", 1, None).is_err());
    assert_eq!(json.increment("m", 4, None).unwrap(), 4);
    assert_eq!(json.get("m").unwrap(), Some(json!(4)));
}

/// The limits hold for counters too, and a counter that is used stays.
#[test]
fn counters_are_weighed_and_evicted_like_other_entries() {
    let weigh = |_: &str, value: &Bytes| value.len() as u64;
    let cache = MemoryCache::builder().max_entries(2).max_bytes(3).size_of(weigh).build().unwrap();
    assert_eq!(cache.increment("a", 9, None).unwrap(), 9);
    assert_eq!(cache.increment("b", 9, None).unwrap(), 9);
    assert_eq!(cache.stats().bytes, Some(2));
    assert_eq!(cache.increment("a", 1, None).unwrap(), 10);
    assert_eq!(cache.stats().bytes, Some(3));
    assert_eq!(cache.increment("a", 90, None).unwrap(), 100, "the other one leaves");
    assert_eq!(cache.keys(), ["a"]);
    let heavy = cache.increment("a", 900, None).unwrap_err();
    assert!(matches!(heavy, CacheError::InvalidArgument { argument: "value", .. }));
    assert_eq!(cache.get("a").unwrap().unwrap(), "100");
    let ttl = Some(Duration::from_secs(3600));
    assert_eq!(cache.increment("c", 1, ttl).unwrap(), 1);
    assert_eq!(cache.keys(), ["c"]);
}
