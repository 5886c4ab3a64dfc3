//! Namespaces of a memory cache: views of the entries whose keys have one prefix.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use isocache::{CacheAside, CacheError, CacheProvider, MAX_KEY_BYTES, MemoryCache, MemoryCacheProvider, RemovalReason};
use pollster::block_on;

fn cache() -> MemoryCache<i64> {
    MemoryCache::default()
}

#[test]
fn a_namespace_sees_its_own_entries_only() {
    let cache = cache();
    let (users, posts) = (cache.namespace("users").unwrap(), cache.namespace("posts").unwrap());
    users.set("1", 1, None).unwrap();
    posts.set("1", 10, None).unwrap();
    cache.set("1", 100, None).unwrap();
    assert_eq!((users.get("1"), posts.get("1"), cache.get("1")), (Ok(Some(1)), Ok(Some(10)), Ok(Some(100))));
    assert_eq!(cache.get("users:1"), Ok(Some(1)));
    assert_eq!(users.keys(), ["1"]);
    assert_eq!(users.keys_matching("?"), Ok(vec!["1".to_owned()]));
    assert_eq!(users.keys_matching("1"), Ok(vec!["1".to_owned()]));
    assert_eq!(users.keys_matching("users:1"), Ok(Vec::new()));
    assert_eq!(users.iter().collect::<Vec<_>>(), [("1".to_owned(), 1)]);
    assert_eq!((users.len(), cache.len()), (1, 3));
    assert!(!users.is_empty());
    assert_eq!(users.clear_pattern("*"), Ok(1));
    assert!(users.is_empty());
    assert_eq!(cache.len(), 2);
    posts.clear();
    assert_eq!(cache.keys(), ["1"]);
}

#[test]
fn every_method_has_the_prefix() {
    let cache = cache();
    let view = cache.namespace("a").unwrap();
    assert_eq!(view.set_many(vec![("1", 1, None), ("2", 2, None)]), Ok(()));
    assert_eq!(view.get_many(&["1", "2", "3"]), Ok(vec![Some(1), Some(2), None]));
    assert_eq!(cache.get_many(&["a:1", "1"]), Ok(vec![Some(1), None]));
    assert_eq!(view.exists_many(&["1", "a:1"]), Ok(vec![true, false]));
    assert_eq!((view.exists("2"), view.exists("3")), (Ok(true), Ok(false)));
    assert_eq!(view.delete_many_each(&["2", "3"]), Ok(vec![true, false]));
    assert_eq!(view.delete_many(&["1"]), Ok(1));
    assert_eq!(view.set_if_absent("1", 5, None), Ok(true));
    assert_eq!(view.replace("1", 6, None), Ok(true));
    assert_eq!(view.peek("1"), Ok(Some(6)));
    let hour = Duration::from_secs(3600);
    assert_eq!(view.touch("1", Some(hour)), Ok(true));
    assert!(view.ttl("1").unwrap() <= Some(hour));
    assert_eq!(view.get_and_touch("1", Some(Duration::MAX)), Ok(Some(6)));
    assert_eq!(view.get_with_ttl("1"), Ok(Some((6, None))));
    assert_eq!(view.increment("n", 2, None), Ok(2));
    assert!(view.increment_within("n", 2, 0..=4, None).unwrap().stored);
    assert_eq!(cache.get("a:n"), Ok(Some(4)));
    assert_eq!(view.get_and_delete("n"), Ok(Some(4)));
    assert_eq!(view.delete("1"), Ok(true));
    assert!(cache.is_empty());
}

#[test]
fn a_dump_of_a_namespace_can_be_loaded_into_another() {
    let cache = cache();
    let (a, b) = (cache.namespace("a").unwrap(), cache.namespace("b").unwrap());
    a.set_many(vec![("1", 1, None), ("2", 2, Some(Duration::from_secs(3600)))]).unwrap();
    cache.set("other", 3, None).unwrap();
    b.load(a.dump()).unwrap();
    assert_eq!(b.keys(), a.keys());
    assert_eq!(cache.get("b:2"), Ok(Some(2)));
    assert!(b.ttl("2").unwrap() <= Some(Duration::from_secs(3600)));
}

#[test]
fn namespaces_nest_and_their_names_are_no_patterns() {
    let cache = cache();
    let inner = cache.namespace("a").unwrap().namespace("b").unwrap();
    inner.set("1", 1, None).unwrap();
    assert_eq!(cache.get("a:b:1"), Ok(Some(1)));
    cache.set("xy:1", 2, None).unwrap();
    let odd = cache.namespace("x*").unwrap();
    odd.set("1", 3, None).unwrap();
    assert_eq!(odd.keys(), ["1"]);
    odd.clear();
    assert_eq!(cache.get("xy:1"), Ok(Some(2)));
    assert_eq!(cache.get("x*:1"), Ok(None));
}

#[test]
fn limits_statistics_and_the_listener_are_those_of_the_cache() {
    let removed = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&removed);
    let listener = move |key: &str, value: i64, reason| log.lock().unwrap().push((key.to_owned(), value, reason));
    let cache = MemoryCache::builder().max_entries(2).on_removal(listener).build().unwrap();
    let view = cache.namespace("a").unwrap();
    cache.set("1", 1, None).unwrap();
    view.set("2", 2, None).unwrap();
    view.set("3", 3, None).unwrap();
    view.delete("2").unwrap();
    assert_eq!(
        *removed.lock().unwrap(),
        [("1".to_owned(), 1, RemovalReason::Evicted), ("a:2".to_owned(), 2, RemovalReason::Deleted)]
    );
    assert_eq!(view.get("3"), Ok(Some(3)));
    assert_eq!(view.get("4"), Ok(None));
    assert_eq!(view.stats(), cache.stats());
    assert_eq!((cache.stats().hits, cache.stats().misses), (1, 1));
}

#[test]
fn keys_and_names_out_of_range_are_refused() {
    let cache = cache();
    for name in [String::new(), "x".repeat(MAX_KEY_BYTES)] {
        let refused = cache.namespace(&name).unwrap_err();
        assert!(matches!(refused, CacheError::InvalidArgument { argument: "namespace", .. }), "{refused}");
    }
    let view = cache.namespace("a").unwrap();
    for key in [String::new(), "x".repeat(MAX_KEY_BYTES - 1)] {
        let refused = view.set(&key, 1, None).unwrap_err();
        assert!(matches!(refused, CacheError::InvalidArgument { argument: "key", .. }), "{refused}");
        assert_eq!(view.get(&key).unwrap_err(), refused);
    }
    assert!(view.clear_pattern("").is_err() && view.keys_matching("").is_err());
    assert!(view.set(&"x".repeat(MAX_KEY_BYTES - 2), 1, None).is_ok());
}

#[test]
fn a_write_through_any_view_wins_over_a_load() {
    type Write = fn(&MemoryCacheProvider<i64>, &MemoryCacheProvider<i64>);
    let writes: [Write; 5] = [
        |cache, _| cache.sync().set("users:1", 7, None).unwrap(),
        |_, users| users.sync().set("1", 7, None).unwrap(),
        |cache, _| assert_eq!(cache.sync().clear_pattern("users:*"), Ok(0)),
        |_, users| users.sync().clear(),
        |cache, _| cache.sync().clear(),
    ];
    for (at, write) in writes.into_iter().enumerate() {
        let cache = MemoryCacheProvider::<i64>::default();
        let users = cache.namespace("users").unwrap();
        let loaded = block_on(users.get_or_set("1", None, || async {
            write(&cache, &users);
            Ok::<_, String>(1)
        }));
        assert_eq!(loaded.unwrap(), 1, "write {at}");
        let expected = if at < 2 { Some(7) } else { None };
        assert_eq!(block_on(users.get("1")), Ok(expected), "write {at}");
    }
    // Those of other namespaces do not.
    let cache = MemoryCacheProvider::<i64>::default();
    let [users, posts] = ["users", "posts"].map(|name| cache.namespace(name).unwrap());
    let loaded = block_on(users.get_or_set("1", None, || async {
        posts.sync().set("1", 7, None).unwrap();
        posts.sync().clear();
        cache.sync().set("1", 7, None).unwrap();
        Ok::<_, String>(1)
    }));
    assert_eq!(loaded.unwrap(), 1);
    assert_eq!(block_on(cache.get("users:1")), Ok(Some(1)));
}

#[test]
fn namespaces_share_loads_by_the_whole_key() {
    let cache = MemoryCacheProvider::<i64>::default();
    let [users, posts] = ["users", "posts"].map(|name| cache.namespace(name).unwrap());
    let (a, b) = block_on(async {
        // A load of the same key in another namespace, within the loader, is one of its own.
        let nested = users.get_or_set("1", None, || async {
            let other = posts.get_or_set("1", None, || async { Ok::<_, String>(2) }).await.unwrap();
            assert_eq!(cache.get("posts:1").await, Ok(Some(2)));
            Ok::<_, String>(other - 1)
        });
        (
            nested.await.unwrap(),
            users.namespace("x").unwrap().get_or_set("1", None, || async { Ok::<_, String>(3) }).await,
        )
    });
    assert_eq!((a, b.unwrap()), (1, 3));
    assert_eq!(cache.sync().get("users:x:1"), Ok(Some(3)));
}
