//! Limits and eviction.

use isocache::CacheError;
use isocache_bridge::store::memory::{ENTRY_WEIGHT, MemoryStore, MemoryStoreOptions};
use isocache_protocol::Reply;

use super::support::{Random, run, sorted_strings, store_with};

fn keys(store: &MemoryStore) -> Vec<String> {
    sorted_strings(run(store, "KEYS *")).into_iter().map(|key| String::from_utf8(key).unwrap()).collect()
}

fn info(store: &MemoryStore, name: &str) -> u64 {
    let Reply::Bulk(text) = run(store, "INFO") else { panic!("no INFO") };
    let text = String::from_utf8(text.to_vec()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.parse().unwrap()
}

#[test]
fn the_least_recently_used_leaves_first() {
    // Commands that use the oldest of three entries, and commands that do not.
    for (line, uses) in [
        ("GET a", true),
        ("MGET a", true),
        ("SET a 1", true),
        ("APPEND a 1", true),
        ("INCR a", true),
        ("TOUCH a", true),
        ("GETEX a", true),
        ("STRLEN a", true),
        ("EXPIRE a 100", true),
        ("EXISTS a", false),
        ("TTL a", false),
        ("TYPE a", false),
        ("KEYS *", false),
        ("SCAN 0", false),
        ("SETNX a 1", false),
    ] {
        let (store, _clock) = store_with(MemoryStoreOptions { max_entries: 3, ..Default::default() });
        for key in ["a", "b", "c"] {
            run(&store, &format!("SET {key} 1"));
        }
        run(&store, line);
        run(&store, "SET d 1");
        let expected = if uses { ["a", "c", "d"] } else { ["b", "c", "d"] };
        assert_eq!(keys(&store), expected, "{line}");
        assert_eq!(info(&store, "evicted_keys"), 1);
    }
}

#[test]
fn the_weight_is_that_of_keys_and_values_and_stays_under_the_limit() {
    let max_bytes = 50 * (ENTRY_WEIGHT + 20);
    let options = MemoryStoreOptions { max_bytes, max_entries: 45, ..Default::default() };
    let (store, clock) = store_with(options);
    let mut random = Random(7);
    for _ in 0..5000 {
        let (key, other, size) = (random.below(80), random.below(80), random.below(900));
        let value = "v".repeat(size);
        let line = match random.below(8) {
            0 => format!("APPEND k{key} {value}"),
            1 => format!("SETRANGE k{key} {size} xyz"),
            2 => format!("RENAME k{key} k{other}"),
            3 => format!("COPY k{key} k{other} REPLACE"),
            4 => format!("DEL k{key}"),
            5 => format!("SET k{key} {value} PX {}", 1 + random.below(50)),
            6 => format!("GETRANGE k{key} 0 {size}"),
            _ => format!("SET k{key} {value}"),
        };
        run(&store, &line);
        clock.advance(std::time::Duration::from_millis(random.next() % 3));
        let weight = |key: &String| {
            let Reply::Integer(length) = run(&store, &format!("STRLEN {key}")) else { panic!("no length") };
            key.len() as u64 + length.unsigned_abs() + ENTRY_WEIGHT
        };
        let present = keys(&store);
        assert_eq!(info(&store, "used_memory"), present.iter().map(weight).sum::<u64>(), "{line}");
        assert!(info(&store, "used_memory") <= max_bytes && present.len() <= 45, "{line}");
    }
    assert!(info(&store, "evicted_keys") > 100 && info(&store, "expired_keys") > 100);
}

#[test]
fn oversized_entries_are_refused_and_change_nothing() {
    let too_long = Reply::error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    let too_heavy = Reply::error("OOM command not allowed when used memory > 'maxmemory'.");
    for (max_value_bytes, expected) in [(100, too_long), (512 << 20, too_heavy)] {
        let options = MemoryStoreOptions { max_bytes: ENTRY_WEIGHT + 120, max_value_bytes, ..Default::default() };
        let (store, _clock) = store_with(options);
        let (most, more) = ("v".repeat(100), "v".repeat(130));
        assert_eq!(run(&store, &format!("SET k {most}")), Reply::OK);
        for line in [
            format!("SET k {more}"),
            format!("SET k {more} GET"),
            format!("SETEX k 5 {more}"),
            format!("GETSET k {more}"),
            format!("MSET k x l {more}"),
            format!("MSETNX l x m {more}"),
            format!("SETNX l {more}"),
            format!("APPEND k {more}"),
            format!("APPEND l {more}"),
            "SETRANGE k 120 xyz".into(),
            "SETRANGE l 536870900 xyz".into(),
        ] {
            assert_eq!(run(&store, &line), expected, "{line}");
            assert_eq!(run(&store, "GET k"), Reply::bulk(most.clone()), "{line}");
            assert_eq!(keys(&store), ["k"], "{line}");
        }
    }
}

#[test]
fn options_out_of_range_are_named() {
    let default = MemoryStoreOptions::default;
    for (options, name) in [
        (MemoryStoreOptions { max_entries: 0, ..default() }, "max_entries"),
        (MemoryStoreOptions { max_entries: usize::MAX, ..default() }, "max_entries"),
        (MemoryStoreOptions { max_bytes: ENTRY_WEIGHT, ..default() }, "max_bytes"),
        (MemoryStoreOptions { max_value_bytes: (512 << 20) + 1, ..default() }, "max_value_bytes"),
        (MemoryStoreOptions { subscriber_queue: 0, ..default() }, "subscriber_queue"),
    ] {
        match MemoryStore::new(options) {
            Err(CacheError::InvalidArgument { argument, .. }) => assert_eq!(argument, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_store_says_what_it_would_hit_at_other_sizes() {
    let options = MemoryStoreOptions { max_entries: 100, advise: true, ..MemoryStoreOptions::default() };
    let store = MemoryStore::new(options).unwrap();
    for at in 0..6000 {
        // A loop over 150 keys: LRU evicts each just before it is needed.
        let key = at % 150;
        if run(&store, &format!("GET key:{key}")) == Reply::Nil {
            run(&store, &format!("SET key:{key} value"));
        }
    }
    let advice = store.advise();
    assert!((90..=100).contains(&advice[2].max_entries), "{advice:?}");
    assert!(advice[2].lru < 0.01 && advice[3].lru > 0.9, "{advice:?}");
    assert!(MemoryStore::new(MemoryStoreOptions::default()).unwrap().advise().is_empty());
}
