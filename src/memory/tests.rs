//! Tests of the options of a memory cache.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::clock::ManualClock;
use crate::engine::{Policy, RemovalReason};
use crate::error::CacheError;

// Tests pass it where a ttl is optional.
#[allow(clippy::unnecessary_wraps)]
fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

fn measured() -> MemoryCacheBuilder<String, MemoryCache<String>> {
    MemoryCache::builder().size_of(|_, value: &String| value.len() as u64)
}

#[test]
#[cfg_attr(miri, ignore = "thousands of entries take minutes there")]
fn bytes_alone_bound_a_cache() {
    let cache = measured().max_bytes(5000).build().unwrap();
    for number in 0..6000 {
        cache.set(&number.to_string(), "x".into(), None).unwrap();
    }
    assert_eq!((cache.len(), cache.stats().bytes), (5000, Some(5000)), "not the 1000 of a cache without limits");
    let both = measured().max_bytes(5000).max_entries(10).build().unwrap();
    for number in 0..20 {
        both.set(&number.to_string(), "x".into(), None).unwrap();
    }
    assert_eq!(both.len(), 10);
}

#[test]
#[cfg_attr(miri, ignore = "thousands of entries take minutes there")]
fn only_a_word_removes_the_limit_on_entries() {
    let [default, unbounded] = [MemoryCache::builder(), MemoryCache::builder().unbounded()].map(|builder| {
        let cache = builder.build().unwrap();
        (0..3000).for_each(|number| cache.set(&number.to_string(), number, None).unwrap());
        cache.len()
    });
    assert_eq!((default, unbounded), (1000, 3000));
    // `size_of` without a limit only counts.
    let counted = measured().build().unwrap();
    (0..3000).for_each(|number| counted.set(&number.to_string(), "xx".into(), None).unwrap());
    assert_eq!((counted.len(), counted.stats().bytes), (1000, Some(2000)));
}

#[test]
fn limits_that_cannot_be_are_refused() {
    let name = |error: CacheError| match error {
        CacheError::InvalidArgument { argument, .. } => argument,
        other => panic!("{other}"),
    };
    assert_eq!(name(MemoryCache::<u8>::builder().max_bytes(9).build().unwrap_err()), "max_bytes");
    assert_eq!(name(MemoryCache::<u8>::builder().max_entry_bytes(9).build().unwrap_err()), "max_entry_bytes");
    assert_eq!(name(measured().max_entry_bytes(0).build().unwrap_err()), "max_entry_bytes");
    assert_eq!(name(measured().max_bytes(0).build().unwrap_err()), "max_bytes");
    assert_eq!(name(measured().max_entries(0).build().unwrap_err()), "max_entries");
}

#[test]
fn a_value_that_is_too_large_leaves_no_older_one() {
    type Write = fn(&MemoryCache<String>) -> crate::Result<bool>;
    let writes: [(Write, &[&str]); 4] = [
        (|cache| cache.set("a", "xxxx".into(), None).map(|()| true), &["a"]),
        (|cache| cache.replace("a", "xxxx".into(), None), &["a"]),
        (|cache| cache.set_many(vec![("a", "xxxx".into(), None)]).map(|()| true), &["a"]),
        (|cache| cache.set_many(vec![("b", "y".into(), None), ("a", "xxxx".into(), None)]).map(|()| true), &["a", "b"]),
    ];
    for (write, keys) in writes {
        let fill = |on_oversize, max_entry_bytes, max_bytes| {
            let builder = measured().max_entry_bytes(max_entry_bytes).max_bytes(max_bytes).on_oversize(on_oversize);
            let cache = builder.build().unwrap();
            for key in ["a", "b", "c"] {
                cache.set(key, "v".into(), None).unwrap();
            }
            cache
        };
        for (entry, all, option) in [(3, 100, "max_entry_bytes, 3"), (100, 3, "max_bytes, 3")] {
            let cache = fill(OnOversize::Error, entry, all);
            let error = write(&cache).unwrap_err().to_string();
            assert!(error.contains("key \"a\"") && error.contains("4 bytes") && error.contains(option), "{error}");
            let left: Vec<_> = ["a", "b", "c"].into_iter().filter(|key| !keys.contains(key)).collect();
            let mut kept = cache.keys();
            kept.sort();
            assert_eq!(kept, left);
            assert_eq!(cache.stats().evictions, 0);

            let cache = fill(OnOversize::Skip, entry, all);
            write(&cache).unwrap();
            assert_eq!(cache.get("a").unwrap(), None);
            assert_eq!(cache.get("b").unwrap().unwrap(), if keys.contains(&"b") { "y" } else { "v" });

            let cache = fill(OnOversize::Keep, entry, all);
            write(&cache).unwrap();
            assert_eq!(cache.get("a").unwrap().unwrap(), "v");
            assert_eq!(cache.get("b").unwrap().unwrap(), if keys.contains(&"b") { "y" } else { "v" });
        }
    }
    let cache = measured().max_entry_bytes(3).on_oversize(OnOversize::Skip).build().unwrap();
    assert_eq!(cache.set_if_absent("a", "xxxx".into(), None), Ok(false));
    assert_eq!(cache.set_if_absent("a", "xxx".into(), None), Ok(true));
    assert_eq!(cache.set_if_absent("a", "xxxx".into(), None), Ok(false));
    assert_eq!(cache.get("a").unwrap().unwrap(), "xxx", "it was not to be overwritten");
}

#[test]
fn a_counter_that_no_longer_fits_stays_as_it_is() {
    let digits = |_: &str, count: &i64| count.to_string().len() as u64;
    for on_oversize in [OnOversize::Error, OnOversize::Skip, OnOversize::Keep] {
        let cache = MemoryCache::<i64>::builder().size_of(digits).max_entry_bytes(1).on_oversize(on_oversize);
        let cache = cache.build().unwrap();
        assert_eq!(cache.increment("n", 9, None), Ok(9));
        assert!(matches!(cache.increment("n", 1, None), Err(CacheError::InvalidArgument { argument: "value", .. })));
        assert_eq!(cache.get("n"), Ok(Some(9)));
    }
}

#[test]
fn a_hit_starts_the_ttl_again_where_that_is_asked() {
    let clock = ManualClock::new();
    let cache = MemoryCache::builder().touch_on_get(true).clock(clock.clone()).build().unwrap();
    for key in ["read", "listed", "told", "touched", "peeked", "left"] {
        cache.set(key, 1, ms(100)).unwrap();
    }
    cache.set("ever", 1, None).unwrap();
    for _ in 0..3 {
        clock.advance(Duration::from_millis(60));
        assert_eq!(cache.get("read"), Ok(Some(1)));
        assert_eq!(cache.get_many(&["listed"]), Ok(vec![Some(1)]));
        assert_eq!(cache.get_with_ttl("told"), Ok(Some((1, ms(100)))));
        assert_eq!(cache.get("ever"), Ok(Some(1)));
        let _ = (cache.peek("peeked"), cache.exists("left"), cache.ttl("left"), cache.iter().count());
    }
    assert_eq!(cache.exists_many(&["touched", "peeked", "left"]), Ok(vec![false; 3]));
    // The restarted ttl is that of the last write or touch.
    assert_eq!(cache.touch("read", ms(1000)), Ok(true));
    cache.set("listed", 2, ms(10)).unwrap();
    clock.advance(Duration::from_millis(5));
    assert_eq!((cache.get("read"), cache.ttl("read")), (Ok(Some(1)), Ok(ms(1000))));
    assert_eq!((cache.get("listed"), cache.ttl("listed")), (Ok(Some(2)), Ok(ms(10))));
    // A new entry in the same slot has its own ttl.
    cache.delete("read").unwrap();
    cache.set("new", 3, None).unwrap();
    clock.advance(Duration::from_secs(10));
    assert_eq!((cache.get("new"), cache.ttl("new")), (Ok(Some(3)), Ok(Some(Duration::MAX))));
}

#[test]
fn what_is_replaced_is_reported_before_what_is_evicted_for_it() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let cache = measured().max_bytes(4).on_removal(move |key, value, reason| {
        log.lock().unwrap().push((key.to_owned(), value, reason));
    });
    let cache = cache.build().unwrap();
    for key in ["a", "b", "c"] {
        cache.set(key, "1".into(), None).unwrap();
    }
    cache.set("c", "333".into(), None).unwrap();
    let of = |key: &str, value: &str, reason| (key.to_owned(), value.to_owned(), reason);
    assert_eq!(*seen.lock().unwrap(), [of("c", "1", RemovalReason::Replaced), of("a", "1", RemovalReason::Evicted)],);
}

#[test]
fn entries_are_visited_from_the_most_recent_and_may_change_meanwhile() {
    let cache = MemoryCache::default();
    for (key, value) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        cache.set(key, value, None).unwrap();
    }
    cache.get("b").unwrap();
    assert_eq!(cache.iter().map(|(key, _)| key).collect::<String>(), "bdca");
    assert_eq!(cache.values().collect::<Vec<_>>(), [2, 4, 3, 1]);
    let mut seen = Vec::new();
    cache.for_each(|key, value| {
        // The cache is not locked.
        cache.delete("c").unwrap();
        cache.set("new", 9, None).unwrap();
        seen.push((key.to_owned(), value));
    });
    assert_eq!(seen, [("b".to_owned(), 2), ("d".to_owned(), 4), ("a".to_owned(), 1)]);
    assert_eq!(cache.find(|_, value| value % 2 == 0), Some(("b".to_owned(), 2)));
    assert_eq!(cache.find(|key, _| key == "c"), None);
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses), (1, 0));
}

#[test]
fn a_counter_has_its_own_ttl_where_hits_restart_it() {
    let clock = ManualClock::new();
    let cache = MemoryCache::<i64>::builder().touch_on_get(true).clock(clock.clone()).build().unwrap();
    // The slot had another ttl before.
    cache.set("old", 1, ms(10_000)).unwrap();
    cache.delete("old").unwrap();
    assert_eq!(cache.increment("n", 1, ms(100)), Ok(1));
    clock.advance(Duration::from_millis(90));
    assert_eq!((cache.increment("n", 1, ms(5000)), cache.ttl("n")), (Ok(2), Ok(ms(10))));
    assert_eq!((cache.get("n"), cache.ttl("n")), (Ok(Some(2)), Ok(ms(100))));
    assert!(cache.increment_within("n", 1, 0..=9, ms(30)).unwrap().stored);
    clock.advance(Duration::from_millis(20));
    assert_eq!((cache.get("n"), cache.ttl("n")), (Ok(Some(3)), Ok(ms(30))));
}

#[test]
fn entries_that_make_room_for_one_leave_in_their_order() {
    for policy in [Policy::Lru, Policy::S3Fifo] {
        let left = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&left);
        let cache = MemoryCache::builder().max_entries(3).max_bytes(30).size_of(|_: &str, size: &u64| *size);
        let cache = cache.policy(policy).on_removal(move |key, _, _| list.lock().unwrap().push(key.to_owned()));
        let cache = cache.build().unwrap();
        for (key, size) in [("a", 10), ("b", 11), ("c", 9), ("d", 20)] {
            cache.set(key, size, None).unwrap();
        }
        assert_eq!(*left.lock().unwrap(), ["a", "b"], "{policy:?}");
    }
}

#[test]
fn a_dump_keeps_order_and_ttls() {
    let clock = ManualClock::new();
    let old = MemoryCache::builder().max_entries(3).clock(clock.clone()).build().unwrap();
    for (key, ttl) in [("gone", None), ("short", ms(1500)), ("ever", None), ("long", ms(7_200_000))] {
        old.set(key, key.len(), ttl).unwrap();
    }
    old.get("short").unwrap();
    clock.advance(Duration::from_millis(400));
    let dump = old.dump();
    assert_eq!(old.stats().hits, 1, "it is no lookup");
    let later = ManualClock::new();
    later.set_ms(77);
    let new = MemoryCache::builder().max_entries(3).default_ttl(Duration::from_secs(9)).clock(later.clone());
    let new = new.build().unwrap();
    new.set("stays", 0, None).unwrap();
    new.load(dump.clone()).unwrap();
    assert_eq!(new.keys(), ["short", "long", "ever"]);
    let left = |key| new.ttl(key).unwrap().unwrap();
    assert_eq!(left("short"), Duration::from_millis(1100));
    assert_eq!(left("long"), Duration::from_millis(7_199_600));
    assert_eq!(left("ever"), Duration::MAX);
    let smaller = MemoryCache::builder().max_entries(1).build().unwrap();
    smaller.load(dump).unwrap();
    assert_eq!(smaller.keys(), ["short"], "the most recent one stays");
}

#[cfg(feature = "serde")]
#[test]
fn a_dump_is_the_json_of_the_npm_package() {
    let cache = MemoryCache::builder().clock(ManualClock::new()).build().unwrap();
    cache.set("a", 1, ms(1500)).unwrap();
    cache.set("b", 2, None).unwrap();
    let text = serde_json::to_string(&cache.dump()).unwrap();
    assert_eq!(text, r#"[{"key":"a","value":1,"ttl":"1500ms"},{"key":"b","value":2,"ttl":null}]"#);
    let theirs = r#"[{"key":"x","value":5,"ttl":"2h"},{"key":"y","value":6,"ttl":30},{"key":"z","value":7}]"#;
    cache.load(serde_json::from_str::<Vec<DumpedEntry<i32>>>(theirs).unwrap()).unwrap();
    assert_eq!(cache.ttl("x"), Ok(Some(Duration::from_secs(7200))));
    assert_eq!(cache.ttl("y"), Ok(Some(Duration::from_secs(30))));
    assert_eq!(cache.ttl("z"), Ok(Some(Duration::MAX)));
    for bad in [r#"[{"key":"x","value":5,"ttl":"soon"}]"#, r#"[{"key":"x","value":5,"ttl":-1}]"#, r#"[{"value":5}]"#] {
        assert!(serde_json::from_str::<Vec<DumpedEntry<i32>>>(bad).is_err(), "{bad}");
    }
    let empty_key = vec![DumpedEntry { key: String::new(), value: 1, ttl: None }];
    assert!(cache.load(empty_key).is_err());
}
