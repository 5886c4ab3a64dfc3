//! Arguments outside the limits, through every method: an error that names the argument, and nothing changed.
#![cfg(not(target_arch = "wasm32"))]

use std::time::Duration;

use isocache::engine::MAX_SLOTS;
use isocache::{
    CacheError, CacheProvider, CacheStats, MAX_KEY_BYTES, MAX_TTL_MS, ManualClock, MemoryCacheProvider, Result,
};
use pollster::block_on;

/// A cache with three entries, weighed by their length, and a clock that stands still.
fn cache() -> MemoryCacheProvider<String> {
    let builder = MemoryCacheProvider::builder().max_entries(10).clock(ManualClock::new());
    let cache = builder.max_bytes(100, |_, value: &String| value.len() as u64).build().unwrap();
    cache.set_sync("a", "one".to_owned(), None).unwrap();
    cache.set_sync("b", "two".to_owned(), Some(Duration::from_secs(1))).unwrap();
    cache.set_sync("c", "three".to_owned(), None).unwrap();
    cache
}

/// Everything that can be seen of a cache.
fn seen(cache: &MemoryCacheProvider<String>) -> (CacheStats, Vec<String>, Vec<Option<String>>) {
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
            refused(cache.get_sync(key), "key"),
            refused(cache.get_with_ttl_sync(key), "key"),
            refused(cache.peek(key), "key"),
            refused(cache.set_sync(key, one(), None), "key"),
            refused(cache.delete_sync(key), "key"),
            refused(cache.exists_sync(key), "key"),
            refused(cache.get_many_sync(&many), "key"),
            refused(cache.set_many_sync(entries()), "key"),
            refused(cache.delete_many_sync(&many), "key"),
        ];
        messages.extend(block_on(async {
            [
                refused(cache.get(key).await, "key"),
                refused(cache.get_with_ttl(key).await, "key"),
                refused(cache.set(key, one(), None).await, "key"),
                refused(cache.delete(key).await, "key"),
                refused(cache.exists(key).await, "key"),
                refused(cache.get_many(&many).await, "key"),
                refused(cache.set_many(entries()).await, "key"),
                refused(cache.delete_many(&many).await, "key"),
                refused(cache.get_now(key).expect("memory answers at once"), "key"),
            ]
        }));
        let limit = if key.is_empty() { "empty" } else { "65536" };
        assert!(messages.iter().all(|message| message.contains(limit)), "{messages:?}");
    }
    assert_eq!(seen(&cache), before);
}

#[test]
fn lives_outside_the_limits_are_refused() {
    let cache = cache();
    let before = seen(&cache);
    let longer = Duration::from_millis(MAX_TTL_MS) + Duration::from_nanos(1);
    for ttl in [Duration::ZERO, longer, Duration::from_secs(u64::MAX), Duration::new(u64::MAX, 999_999_998)] {
        refused(MemoryCacheProvider::<u8>::builder().default_ttl(ttl).build(), "ttl");
        let ttl = Some(ttl);
        refused(cache.set_sync("a", one(), ttl), "ttl");
        refused(cache.set_sync("new", one(), ttl), "ttl");
        refused(cache.set_many_sync(vec![("a", one(), None), ("new", one(), ttl)]), "ttl");
        refused(block_on(cache.set("a", one(), ttl)), "ttl");
        refused(block_on(cache.set_many(vec![("a", one(), None), ("b", one(), ttl)])), "ttl");
    }
    assert_eq!(seen(&cache), before);
}

#[test]
fn the_longest_lives_are_kept() {
    let clock = ManualClock::new();
    let cache = MemoryCacheProvider::builder().default_ttl(Duration::MAX).clock(clock.clone()).build().unwrap();
    cache.set_sync("longest", 1, Some(Duration::from_millis(MAX_TTL_MS))).unwrap();
    cache.set_sync("ever", 2, Some(Duration::MAX)).unwrap();
    cache.set_sync("default", 3, None).unwrap();
    cache.set_sync("shortest", 4, Some(Duration::from_nanos(1))).unwrap();
    assert_eq!(cache.get_with_ttl_sync("longest").unwrap(), Some((1, Some(Duration::from_millis(MAX_TTL_MS)))));
    assert_eq!(cache.get_with_ttl_sync("ever").unwrap(), Some((2, None)));
    assert_eq!(cache.get_with_ttl_sync("default").unwrap(), Some((3, None)));
    assert_eq!(cache.get_with_ttl_sync("shortest").unwrap(), Some((4, Some(Duration::from_millis(1)))));
    clock.set_ms(MAX_TTL_MS - 1);
    assert_eq!(
        cache.get_many_sync(&["longest", "ever", "default", "shortest"]).unwrap(),
        [Some(1), Some(2), Some(3), None]
    );
    clock.set_ms(MAX_TTL_MS);
    assert_eq!(cache.get_sync("longest").unwrap(), None);
    // The end of what the clock can show.
    clock.set_ms(u64::MAX);
    cache.set_sync("late", 5, Some(Duration::from_millis(MAX_TTL_MS))).unwrap();
    assert_eq!(cache.get_many_sync(&["late", "ever", "default"]).unwrap(), [Some(5), Some(2), Some(3)]);
}

#[test]
fn an_empty_pattern_is_refused() {
    let cache = cache();
    let before = seen(&cache);
    refused(cache.clear_pattern_sync(""), "pattern");
    refused(block_on(cache.clear_pattern("")), "pattern");
    assert_eq!(seen(&cache), before);
}

#[test]
fn a_pattern_longer_than_any_key_matches_nothing() {
    let cache = cache();
    let before = seen(&cache);
    for text in ["k", "?", "\\", "[", "é"] {
        assert_eq!(cache.clear_pattern_sync(&text.repeat(MAX_KEY_BYTES + 1)), Ok(0), "{text}");
    }
    assert_eq!(seen(&cache), before);
}

#[test]
fn limits_out_of_range_are_refused_when_the_cache_is_built() {
    let builder = MemoryCacheProvider::<String>::builder;
    for max_entries in [0, MAX_SLOTS as usize + 1, usize::MAX] {
        refused(builder().max_entries(max_entries).build(), "max_entries");
    }
    refused(builder().max_bytes(0, |_, _| 0).build(), "max_bytes");
    // Memory is taken as entries come.
    let roomy = builder().max_entries(MAX_SLOTS as usize).max_bytes(u64::MAX, |_, _| 1).build().unwrap();
    roomy.set_sync("a", one(), None).unwrap();
    assert_eq!(roomy.stats().bytes, Some(1));
}

#[test]
fn limits_out_of_range_are_refused_when_the_cache_is_resized() {
    let cache = cache();
    let before = seen(&cache);
    for max_entries in [0, MAX_SLOTS as usize + 1, usize::MAX] {
        refused(cache.resize(max_entries, None), "max_entries");
        refused(cache.resize(max_entries, Some(1)), "max_entries");
    }
    refused(cache.resize(2, Some(0)), "max_bytes");
    let unweighed = MemoryCacheProvider::<u8>::default();
    refused(unweighed.resize(5, Some(10)), "max_bytes");
    assert_eq!(seen(&cache), before);
}

#[test]
fn a_value_over_the_limit_is_refused_by_every_method() {
    let cache = cache();
    let before = seen(&cache);
    let heavy = || "x".repeat(101);
    let entries = || vec![("a", one(), None), ("new", one(), None), ("b", heavy(), None), ("c", one(), None)];
    let messages = [
        refused(cache.set_sync("b", heavy(), None), "value"),
        refused(cache.set_sync("b", heavy(), Some(Duration::from_secs(9))), "value"),
        refused(block_on(cache.set("b", heavy(), None)), "value"),
        refused(cache.set_many_sync(entries()), "value"),
        refused(block_on(cache.set_many(entries())), "value"),
    ];
    for message in messages {
        assert!(message.contains(r#""b""#) && message.contains("101") && message.contains("100"), "{message}");
    }
    assert_eq!(seen(&cache), before);
    let long = "k".repeat(MAX_KEY_BYTES);
    refused(cache.set_sync(&long, heavy(), None), "value");
    assert_eq!(seen(&cache), before);
}

#[test]
fn weighers_may_say_anything() {
    let cache = MemoryCacheProvider::builder().max_bytes(u64::MAX, |_, weight: &u64| *weight).build().unwrap();
    for (key, weight) in
        [("a", 1), ("b", u64::MAX - 1), ("a", u64::MAX), ("b", u64::MAX), ("c", 0), ("b", 1), ("a", u64::MAX - 1)]
    {
        cache.set_sync(key, weight, None).unwrap();
        assert_eq!(cache.peek(key).unwrap(), Some(weight));
        let keys = cache.keys();
        let sum: u128 = keys.iter().map(|key| u128::from(cache.peek(key).unwrap().unwrap())).sum();
        assert_eq!(cache.stats().bytes.map(u128::from), Some(sum));
    }
}
