//! Arguments outside the limits, through every method: an error that names the argument, and nothing changed.

use std::time::Duration;

use isocache::engine::MAX_SLOTS;
use isocache::{
    CacheError, CacheProvider, CacheStats, Lookup, MAX_KEY_BYTES, MAX_TTL_MS, ManualClock, MemoryCache,
    MemoryCacheProvider, Result,
};
use pollster::block_on;

/// A cache with three entries, weighed by their length, and a clock that stands still.
fn cache() -> MemoryCache<String> {
    let builder = MemoryCache::builder().max_entries(10).clock(ManualClock::new());
    let cache = builder.max_bytes(100).size_of(|_, value: &String| value.len() as u64).build().unwrap();
    cache.set("a", "one".to_owned(), None).unwrap();
    cache.set("b", "two".to_owned(), Some(Duration::from_secs(1))).unwrap();
    cache.set("c", "three".to_owned(), None).unwrap();
    cache
}

/// Everything that can be seen of a cache.
fn seen(cache: &MemoryCache<String>) -> (CacheStats, Vec<String>, Vec<Option<String>>) {
    let keys = cache.keys();
    let values = keys.iter().map(|key| cache.peek(key).unwrap()).collect();
    (cache.stats(), keys, values)
}

#[track_caller]
fn refused<T>(result: Result<T>, argument: &str) -> String {
    let error = result.err().expect("refused");
    let message = error.to_string();
    let CacheError::InvalidArgument { argument: named, .. } = error else { panic!("{message}") };
    assert_eq!(named, argument);
    assert!(message.starts_with(&format!("invalid argument {argument}: ")) && message.len() < 300, "{message}");
    message
}

fn one() -> String {
    "1".to_owned()
}

#[test]
fn keys_outside_the_limits_are_refused_by_every_method() {
    let cache = cache();
    let before = seen(&cache);
    for key in [String::new(), "k".repeat(MAX_KEY_BYTES + 1), "\u{1f600}".repeat(MAX_KEY_BYTES), "é".repeat(1 << 20)] {
        let key = key.as_str();
        let many = ["a", key];
        let entries = || vec![("new", one(), None), (key, one(), None)];
        let mut messages = vec![
            refused(cache.get(key), "key"),
            refused(cache.get_with_ttl(key), "key"),
            refused(cache.peek(key), "key"),
            refused(cache.set(key, one(), None), "key"),
            refused(cache.delete(key), "key"),
            refused(cache.exists(key), "key"),
            refused(cache.get_many(&many), "key"),
            refused(cache.set_many(entries()), "key"),
            refused(cache.delete_many(&many), "key"),
        ];
        let provider = MemoryCacheProvider::from(cache.clone());
        messages.extend(block_on(async {
            [
                refused(provider.get(key).await, "key"),
                refused(provider.get_with_ttl(key).await, "key"),
                refused(provider.set(key, one(), None).await, "key"),
                refused(provider.delete(key).await, "key"),
                refused(provider.exists(key).await, "key"),
                refused(provider.get_many(&many).await, "key"),
                refused(provider.set_many(entries()).await, "key"),
                refused(provider.delete_many(&many).await, "key"),
                refused(
                    provider.loading().unwrap().look_now(key, Lookup::Fresh).expect("memory answers at once"),
                    "key",
                ),
            ]
        }));
        let limit = if key.is_empty() { "empty" } else { "65536" };
        assert!(messages.iter().all(|message| message.contains(limit)), "{messages:?}");
    }
    assert_eq!(seen(&cache), before);
}

#[test]
fn ttls_outside_the_limits_are_refused() {
    let cache = cache();
    let provider = MemoryCacheProvider::from(cache.clone());
    let before = seen(&cache);
    let longer = Duration::from_millis(MAX_TTL_MS) + Duration::from_nanos(1);
    for ttl in [Duration::ZERO, longer, Duration::from_secs(u64::MAX), Duration::new(u64::MAX, 999_999_998)] {
        refused(MemoryCache::<u8>::builder().default_ttl(ttl).build(), "ttl");
        let ttl = Some(ttl);
        refused(cache.set("a", one(), ttl), "ttl");
        refused(cache.set("new", one(), ttl), "ttl");
        refused(cache.set_many(vec![("a", one(), None), ("new", one(), ttl)]), "ttl");
        refused(block_on(provider.set("a", one(), ttl)), "ttl");
        refused(block_on(provider.set_many(vec![("a", one(), None), ("b", one(), ttl)])), "ttl");
    }
    assert_eq!(seen(&cache), before);
}

#[test]
fn the_longest_ttls_are_kept() {
    let clock = ManualClock::new();
    let cache = MemoryCache::builder().default_ttl(Duration::MAX).clock(clock.clone()).build().unwrap();
    cache.set("longest", 1, Some(Duration::from_millis(MAX_TTL_MS))).unwrap();
    cache.set("ever", 2, Some(Duration::MAX)).unwrap();
    cache.set("default", 3, None).unwrap();
    cache.set("shortest", 4, Some(Duration::from_nanos(1))).unwrap();
    assert_eq!(cache.get_with_ttl("longest").unwrap(), Some((1, Some(Duration::from_millis(MAX_TTL_MS)))));
    assert_eq!(cache.get_with_ttl("ever").unwrap(), Some((2, None)));
    assert_eq!(cache.get_with_ttl("default").unwrap(), Some((3, None)));
    assert_eq!(cache.get_with_ttl("shortest").unwrap(), Some((4, Some(Duration::from_millis(1)))));
    clock.set_ms(MAX_TTL_MS - 1);
    assert_eq!(cache.get_many(&["longest", "ever", "default", "shortest"]).unwrap(), [Some(1), Some(2), Some(3), None]);
    clock.set_ms(MAX_TTL_MS);
    assert_eq!(cache.get("longest").unwrap(), None);
    // The end of what the clock can show.
    clock.set_ms(u64::MAX);
    cache.set("late", 5, Some(Duration::from_millis(MAX_TTL_MS))).unwrap();
    assert_eq!(cache.get_many(&["late", "ever", "default"]).unwrap(), [Some(5), Some(2), Some(3)]);
}

#[test]
fn an_empty_pattern_is_refused() {
    let cache = cache();
    let before = seen(&cache);
    refused(cache.clear_pattern(""), "pattern");
    refused(block_on(MemoryCacheProvider::from(cache.clone()).clear_pattern("")), "pattern");
    assert_eq!(seen(&cache), before);
}

#[test]
fn a_pattern_longer_than_any_key_matches_nothing() {
    let cache = cache();
    let before = seen(&cache);
    for text in ["k", "?", "\\", "[", "é"] {
        assert_eq!(cache.clear_pattern(&text.repeat(MAX_KEY_BYTES + 1)), Ok(0), "{text}");
    }
    assert_eq!(seen(&cache), before);
}

#[test]
fn limits_out_of_range_are_refused_when_the_cache_is_built() {
    let builder = MemoryCache::<String>::builder;
    for max_entries in [0, MAX_SLOTS as usize + 1, usize::MAX] {
        refused(builder().max_entries(max_entries).build(), "max_entries");
    }
    refused(builder().max_bytes(0).size_of(|_, _| 0).build(), "max_bytes");
    // Memory is taken as entries come.
    let roomy = builder().max_entries(MAX_SLOTS as usize).max_bytes(u64::MAX).size_of(|_, _| 1).build().unwrap();
    roomy.set("a", one(), None).unwrap();
    assert_eq!(roomy.stats().bytes, Some(1));
}

#[test]
fn limits_out_of_range_are_refused_when_the_cache_is_resized() {
    let cache = cache();
    let before = seen(&cache);
    for max_entries in [0, MAX_SLOTS as usize + 1, usize::MAX] {
        refused(cache.resize(Some(max_entries), None), "max_entries");
        refused(cache.resize(Some(max_entries), Some(1)), "max_entries");
    }
    refused(cache.resize(Some(2), Some(0)), "max_bytes");
    let unweighed = MemoryCache::<u8>::default();
    refused(unweighed.resize(Some(5), Some(10)), "max_bytes");
    assert_eq!(seen(&cache), before);
}

#[test]
fn a_value_over_the_limit_is_refused_by_every_method() {
    let cache = cache();
    let provider = MemoryCacheProvider::from(cache.clone());
    let heavy = || "x".repeat(101);
    let entries = || vec![("a", one(), None), ("new", one(), None), ("b", heavy(), None), ("c", one(), None)];
    let messages = [
        refused(cache.set("b", heavy(), None), "value"),
        refused(cache.set("b", heavy(), Some(Duration::from_secs(9))), "value"),
        refused(block_on(provider.set("b", heavy(), None)), "value"),
    ];
    assert_eq!(cache.keys(), ["c", "a"], "the older value under the key is gone, and nothing else");
    let many = [refused(cache.set_many(entries()), "value"), refused(block_on(provider.set_many(entries())), "value")];
    for message in messages.iter().chain(&many) {
        assert!(message.contains(r#""b""#) && message.contains("101") && message.contains("100"), "{message}");
    }
    assert_eq!(cache.keys(), [""; 0], "what was to be overwritten is gone");
    let long = "k".repeat(MAX_KEY_BYTES);
    refused(cache.set(&long, heavy(), None), "value");
}

#[test]
fn size_of_may_return_anything() {
    let cache = MemoryCache::builder().max_bytes(u64::MAX).size_of(|_, size: &u64| *size).build().unwrap();
    for (key, weight) in
        [("a", 1), ("b", u64::MAX - 1), ("a", u64::MAX), ("b", u64::MAX), ("c", 0), ("b", 1), ("a", u64::MAX - 1)]
    {
        cache.set(key, weight, None).unwrap();
        assert_eq!(cache.peek(key).unwrap(), Some(weight));
        let keys = cache.keys();
        let sum: u128 = keys.iter().map(|key| u128::from(cache.peek(key).unwrap().unwrap())).sum();
        assert_eq!(cache.stats().bytes.map(u128::from), Some(sum));
    }
}
