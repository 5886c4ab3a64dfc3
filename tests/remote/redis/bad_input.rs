//! What is in the keyspace that we did not put there, and arguments that make no sense.

use std::time::Duration;

use isocache::{CacheError, CacheProvider, CounterProvider, MessagePackSerializer, RedisCacheProvider};
use serde_json::{Value, json};

use super::patient;
use servers::redis::{Options, RedisServer};

#[tokio::test]
async fn keys_that_are_not_text_stop_nothing() {
    let server = RedisServer::plain();
    let script = r"for n = 0, 255 do redis.call('SET', 'user:' .. string.char(n) .. '\255\r\n', '1') end";
    server.cli(&["EVAL", script, "0"]);
    server.cli(&["SET", "other", "1"]);
    let cache: RedisCacheProvider<u32> = patient(&server.url()).build().unwrap();
    assert_eq!(cache.clear_pattern("user:*").await.unwrap(), 256);
    assert_eq!(server.cli(&["DBSIZE"]), "1");
}

#[tokio::test]
async fn what_is_not_ours_is_an_error_that_names_the_key_or_a_miss_by_choice() {
    let server = RedisServer::plain();
    server.cli(&["RPUSH", "n:list", "1"]);
    server.cli(&["SET", "n:cut", r#"{"a":[1,2"#]);
    server.cli(&["SET", "n:empty", ""]);
    server.cli(&["EVAL", r"redis.call('SET', 'n:bytes', '\255\254')", "0"]);
    server.cli(&["SET", "n:good", "{}"]);
    let strict: RedisCacheProvider<Value> = patient(&server.url()).namespace("n").build().unwrap();
    let lenient: RedisCacheProvider<Value> =
        patient(&server.url()).namespace("n").undecodable_is_miss(true).build().unwrap();
    for key in ["list", "cut", "empty", "bytes"] {
        for error in [strict.get(key).await.unwrap_err(), strict.get_with_ttl(key).await.unwrap_err()] {
            assert!(matches!(&error, CacheError::Deserialize { key: named, .. } if named == key), "{error}");
        }
        assert!(strict.exists(key).await.unwrap());
        assert_eq!(lenient.get(key).await.unwrap(), None);
        assert_eq!(lenient.get_with_ttl(key).await.unwrap(), None);
        let error = strict.increment(key, 1, None).await.unwrap_err();
        assert!(matches!(&error, CacheError::Deserialize { key: named, .. } if named == key), "{error}");
    }
    let error = strict.get_many(&["good", "cut"]).await.unwrap_err();
    assert!(matches!(&error, CacheError::Deserialize { key, .. } if key == "cut"), "{error}");
    assert_eq!(lenient.get_many(&["good", "cut", "list"]).await.unwrap(), [Some(json!({})), None, None]);
    assert_eq!(strict.get_many(&["list"]).await.unwrap(), [None], "MGET has it so");
    let stats = lenient.get_stats().await.unwrap();
    assert_eq!((stats.hits, stats.misses), (1, 10));
    let stats = strict.get_stats().await.unwrap();
    assert_eq!((stats.hits, stats.misses), (8, 1), "what decodes not was there; what is no string is not counted");

    // A write takes the place of whatever is there.
    strict.set("list", json!([1]), None).await.unwrap();
    assert_eq!(strict.get("list").await.unwrap(), Some(json!([1])));
    let packed: RedisCacheProvider<Value, _> =
        patient(&server.url()).namespace("n").serializer(MessagePackSerializer).build().unwrap();
    assert!(matches!(packed.get("cut").await, Err(CacheError::Deserialize { .. })));
}

#[tokio::test]
async fn values_of_any_size_up_to_the_limit() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<String> = patient(&server.url()).build().unwrap();
    let big = "x".repeat(64 * 1024 * 1024);
    cache.set("big", big.clone(), None).await.unwrap();
    assert!(cache.get("big").await.unwrap() == Some(big));
    let small: RedisCacheProvider<String> = patient(&server.url()).max_value_bytes(10).build().unwrap();
    small.set("k", "x".repeat(8), None).await.unwrap();
    let error = small.set("k", "x".repeat(9), None).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, CacheError::InvalidArgument { argument: "value", .. }));
    assert!(text.contains("\"k\"") && text.contains("11 bytes") && text.contains("10"), "{text}");
    assert_eq!(small.get("k").await.unwrap(), None, "the older value is not taken for the new one");
    let entries = vec![("a", "x".into(), None), ("b", "x".repeat(9), None)];
    assert!(small.set_many(entries).await.is_err());
    assert!(!small.exists("a").await.unwrap(), "all are checked first");

    // The server has a limit too.
    let tight = RedisServer::start(Options::config(&["proto-max-bulk-len 1mb"]));
    let cache: RedisCacheProvider<String> = patient(&tight.url()).build().unwrap();
    let error = cache.set("k", "x".repeat(2 * 1024 * 1024), None).await.unwrap_err();
    assert!(!error.to_string().is_empty());
    assert_eq!(super::recovers(|| cache.get("k")).await, None);
}

#[tokio::test]
async fn arguments_out_of_range_change_nothing() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<u32> = patient(&server.url()).build().unwrap();
    let argument = |result: isocache::Result<()>| match result {
        Err(CacheError::InvalidArgument { argument, .. }) => argument,
        other => panic!("{other:?}"),
    };
    let long = "k".repeat(isocache::MAX_KEY_BYTES + 1);
    let second = Some(Duration::from_secs(1));
    assert_eq!(argument(cache.set("", 1, None).await), "key");
    assert_eq!(argument(cache.set(&long, 1, None).await), "key");
    assert_eq!(argument(cache.set("k", 1, Some(Duration::ZERO)).await), "ttl");
    assert_eq!(argument(cache.set_many(vec![("a", 1, None), ("", 1, None)]).await), "key");
    assert_eq!(argument(cache.clear_pattern("").await.map(drop)), "pattern");
    assert_eq!(argument(cache.get_many(&["a", ""]).await.map(drop)), "key");
    assert_eq!(argument(cache.delete_many(&["a", &long]).await.map(drop)), "key");
    assert_eq!(argument(cache.increment("", 1, second).await.map(drop)), "key");
    assert_eq!(server.cli(&["DBSIZE"]), "0");
    let url = "redis://localhost";
    assert_eq!(argument(patient::<u32>(url).operation_timeout(Duration::ZERO).build().map(drop)), "operation_timeout");
    assert_eq!(argument(patient::<u32>(url).connect_timeout(Duration::ZERO).build().map(drop)), "connect_timeout");
    assert_eq!(argument(patient::<u32>(url).max_value_bytes(0).build().map(drop)), "max_value_bytes");
    assert_eq!(argument(patient::<u32>(url).namespace("").build().map(drop)), "namespace");
    assert_eq!(argument(patient::<u32>(url).default_ttl(Duration::ZERO).build().map(drop)), "ttl");
    assert_eq!(argument(patient::<u32>("redis-cluster://a,b").database(1).build().map(drop)), "database");

    // The longest life goes over the wire as it is.
    let longest = Duration::from_millis(isocache::MAX_TTL_MS);
    cache.set("k", 1, Some(longest)).await.unwrap();
    let (_, left) = cache.get_with_ttl("k").await.unwrap().unwrap();
    assert!(left.unwrap() + Duration::from_secs(60) > longest);
}

#[tokio::test]
async fn patterns_full_of_escapes() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<u32> = patient(&server.url()).build().unwrap();
    let keys = ["a*b", r"a\b", "a[b", "a]b", "a?b", "a-b", "axb", "é*", "a\nb", "a b", "\0"];
    let fill = async || cache.set_many(keys.iter().map(|&key| (key, 1, None)).collect()).await.unwrap();
    for (pattern, cleared) in [
        (r"a\*b", 1),
        (r"a\\b", 1),
        (r"a\[b", 1),
        (r"a[*?\]]b", 3),
        (r"a[^x]b", 8),
        (r"\a\x\b", 1),
        ("\u{e9}\\*", 1),
        ("a\nb", 1),
        (r"*\", 0),
        ("\0", 1),
        (&"*".repeat(1000), 11),
    ] {
        fill().await;
        assert_eq!(cache.clear_pattern(pattern).await.unwrap(), cleared, "{pattern:?}");
    }
}
