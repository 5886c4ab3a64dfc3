//! What each operation sends, and what namespaces and views share.

use std::time::Duration;

use bytes::Bytes;
use isocache::{
    BytesSerializer, CacheError, CacheProvider, CounterProvider, DynCacheProvider, MessagePackSerializer,
    RedisCacheProvider,
};

use super::patient;
use servers::redis::RedisServer;

/// The calls of a command that the server has counted.
fn calls(server: &RedisServer, command: &str) -> u64 {
    let stats = server.cli(&["INFO", "commandstats"]);
    let head = format!("cmdstat_{command}:calls=");
    let line = stats.lines().find_map(|line| line.strip_prefix(&head));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn each_operation_sends_what_it_says() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<u32> = patient(&server.url()).namespace("n").build().unwrap();
    let keys: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();

    cache.set("a", 1, Some(Duration::from_millis(3_600_500))).await.unwrap();
    assert_eq!((calls(&server, "set"), calls(&server, "pexpire"), calls(&server, "expire")), (1, 0, 0));
    cache.set_many(keys.iter().map(|&key| (key, 7, None)).collect()).await.unwrap();
    assert_eq!(calls(&server, "set"), 101);
    assert_eq!(cache.get_many(&keys).await.unwrap(), vec![Some(7); 100]);
    assert_eq!((calls(&server, "mget"), calls(&server, "get")), (1, 0));
    assert_eq!(cache.delete_many(&keys).await.unwrap(), 100);
    // The values tell which entries were stale.
    assert_eq!((calls(&server, "unlink"), calls(&server, "del"), calls(&server, "mget")), (1, 0, 2));
    let (value, left) = cache.get_with_ttl("a").await.unwrap().unwrap();
    assert!(value == 1 && left.unwrap() <= Duration::from_millis(3_600_500));
    assert_eq!((calls(&server, "multi"), calls(&server, "get"), calls(&server, "pttl")), (0, 1, 1));
    assert!(cache.delete("a").await.unwrap() && !cache.delete("a").await.unwrap());
    assert_eq!(cache.clear_pattern("user:1").await.unwrap(), 0);
    assert_eq!((calls(&server, "unlink"), calls(&server, "scan")), (4, 0), "a literal pattern is one key");
    assert_eq!(cache.get_many(&[]).await.unwrap(), []);
    assert_eq!((calls(&server, "mget"), calls(&server, "keys"), calls(&server, "dbsize")), (5, 0, 0));
}

#[tokio::test]
async fn a_namespace_is_closed_whatever_its_name() {
    let server = RedisServer::plain();
    let all: RedisCacheProvider<u32> = patient(&server.url()).build().unwrap();
    let spaces: Vec<RedisCacheProvider<u32>> = ["a", "a*", "[ab]", "a:b", r"a\", "?"]
        .map(|name| patient(&server.url()).namespace(name).build().unwrap())
        .into();
    for (number, space) in (0..).zip(&spaces) {
        space.set_many(vec![("x", number, None), ("y", number, None)]).await.unwrap();
    }
    assert_eq!(all.get("a*:x").await.unwrap(), Some(1));
    assert_eq!(all.get("[ab]:y").await.unwrap(), Some(2));
    // "a" holds what "a:b" holds, as its name says.
    for (cleared, space) in [(2, &spaces[1]), (2, &spaces[2]), (2, &spaces[4]), (2, &spaces[5]), (4, &spaces[0])] {
        assert_eq!(space.clear_pattern("*").await.unwrap(), cleared);
        assert_eq!(space.clear_pattern("*").await.unwrap(), 0);
    }
    assert_eq!(all.get_stats().await.unwrap().entries, Some(0));
    assert_eq!(spaces[0].get_stats().await.unwrap().entries, None);
}

#[tokio::test]
async fn entries_are_told_only_where_they_are_known() {
    let server = RedisServer::plain();
    let first: RedisCacheProvider<u32> = patient(&server.url()).build().unwrap();
    let other: RedisCacheProvider<u32> = patient(&server.url()).database(3).build().unwrap();
    let entries = async |cache: &RedisCacheProvider<u32>| cache.get_stats().await.unwrap().entries;
    assert_eq!(entries(&first).await, Some(0));
    first.set_many(vec![("a", 1, None), ("b", 1, None)]).await.unwrap();
    other.set("c", 1, None).await.unwrap();
    assert_eq!((entries(&first).await, entries(&other).await), (Some(2), Some(1)));
    first.set("c", 1, Some(Duration::from_secs(3600))).await.unwrap();
    assert_eq!((entries(&first).await, entries(&other).await), (None, Some(1)));
    assert_eq!(server.cli(&["-n", "3", "KEYS", "*"]), "c");
}

#[tokio::test]
async fn views_and_clones_are_one_cache() {
    let server = RedisServer::plain();
    let texts: RedisCacheProvider<String> = patient(&server.url()).build().unwrap();
    let numbers: RedisCacheProvider<i64> = texts.view();
    assert_eq!(numbers.increment("n", 2, None).await.unwrap(), 2);
    assert_eq!(numbers.clone().get("n").await.unwrap(), Some(2));
    assert!(texts.get("n").await.is_err(), "a number is no text");
    let stats = texts.get_stats().await.unwrap();
    assert_eq!((stats.hits, stats.misses, stats.sets), (2, 0, 1));
    assert_eq!(server.cli(&["INFO", "clients"]).matches("connected_clients:2").count(), 1, "this, and redis-cli");
}

#[tokio::test]
async fn a_value_that_is_not_a_counter_is_named_with_the_remedy() {
    let server = RedisServer::plain();
    let numbers: RedisCacheProvider<i64> = patient(&server.url()).build().unwrap();
    let packed = patient::<i64>(&server.url()).serializer(MessagePackSerializer).build().unwrap();
    // As bytes, 5 is not what Redis counts with.
    packed.set("n", 5, None).await.unwrap();
    let minute = Some(Duration::from_secs(60));
    for error in [
        numbers.increment("n", 1, None).await.unwrap_err(),
        packed.increment("n", 1, minute).await.unwrap_err(),
        numbers.increment_within("n", 1, 0..=9, None).await.unwrap_err(),
    ] {
        assert!(matches!(&error, CacheError::Deserialize { key, .. } if key == "n"), "{error}");
        assert!(error.to_string().contains("it is not a counter; delete it first, and write counters"), "{error}");
    }
    assert!(numbers.delete("n").await.unwrap());
    assert_eq!(numbers.increment("n", 1, None).await.unwrap(), 1);
    numbers.set("m", 5, None).await.unwrap();
    assert_eq!(numbers.increment("m", 1, None).await.unwrap(), 6, "as JSON, it is");
}

/// Any values at all, behind the handle that an application holds.
#[tokio::test]
async fn bytes_stay_as_they_are() {
    let server = RedisServer::plain();
    let built = patient::<Bytes>(&server.url()).serializer(BytesSerializer).build().unwrap();
    let cache: DynCacheProvider<Bytes> = DynCacheProvider::new(built);
    for value in [&b""[..], b"\0\r\n\xff$5\r\n", b"+OK\r\n"] {
        cache.set("k", Bytes::copy_from_slice(value), None).await.unwrap();
        assert_eq!(cache.get("k").await.unwrap().unwrap(), value);
    }
}
