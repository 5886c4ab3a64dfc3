//! What each operation sends, and how many requests it takes.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use isocache::{
    AtomicProvider, BytesSerializer, CacheProvider, CounterProvider, DynCacheProvider, HttpCacheProvider, KeysProvider,
    ManualClock, TextSerializer, TouchProvider,
};

use super::foreign::foreign;
use super::patient;
use super::scripted::{Act, Scripted, result};
use super::serving::{TOKEN, memory_bridge, redis_bridge};
use servers::redis::RedisServer;

#[tokio::test]
async fn operations_of_one_tick_are_one_request_in_their_order() {
    let replies =
        "[{\"result\":\"OK\"},{\"result\":\"InYi\"},{\"result\":[\"InYi\"]},{\"result\":1},{\"result\":null}]";
    let server = Scripted::start([Act::Answer(200, "", replies.into())]).await;
    let cache: HttpCacheProvider<String> = patient(&server.url).build().unwrap();
    let (set, get, deleted, gone) =
        tokio::join!(cache.set("k", "v".into(), None), cache.get("k"), cache.delete("k"), cache.get("k"));
    set.unwrap();
    assert_eq!((get.unwrap().as_deref(), deleted.unwrap(), gone.unwrap()), (Some("v"), true, None));
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let body = r#"[["SET","k","\"v\""],["GET","k"],["MGET","k"],["UNLINK","k"],["GET","k"]]"#;
    assert!(requests[0].starts_with("POST /pipeline ") && requests[0].ends_with(body), "{}", requests[0]);

    let server = Scripted::start([result("null")]).await;
    let alone: HttpCacheProvider<String> = patient(&server.url).batch(false).build().unwrap();
    let (one, other) = tokio::join!(alone.get("a"), alone.get("b"));
    assert_eq!((one.unwrap(), other.unwrap(), server.requests().len()), (None, None, 2));
}

#[tokio::test]
async fn each_operation_is_one_request() {
    let replies = |text: &str| Act::Answer(200, "", text.into());
    let script = [
        replies("[{\"result\":[null,\"MQ==\"]}]"),
        replies("[{\"result\":\"OK\"},{\"result\":\"OK\"}]"),
        replies("[{\"result\":[\"MQ==\",\"Mg==\"]},{\"result\":2}]"),
        replies("[{\"result\":\"MQ==\"},{\"result\":5}]"),
        replies("[{\"result\":\"OK\"},{\"result\":1}]"),
        replies("[{\"result\":[null]},{\"result\":0}]"),
    ];
    let server = Scripted::start(script).await;
    let cache: HttpCacheProvider<i64> = patient(&server.url).namespace("n").build().unwrap();
    assert_eq!(cache.get_many(&["a", "b"]).await.unwrap(), [None, Some(1)]);
    let second = Some(Duration::from_secs(1));
    cache.set_many(vec![("a", 1, second), ("b", 2, None)]).await.unwrap();
    assert_eq!(cache.delete_many(&["a", "b"]).await.unwrap(), 2);
    assert_eq!(cache.get_with_ttl("a").await.unwrap(), Some((1, Some(Duration::from_millis(5)))));
    assert_eq!(cache.increment("a", 1, second).await.unwrap(), 1);
    assert_eq!(cache.clear_pattern("literal").await.unwrap(), 0);
    assert_eq!(cache.get_many(&[]).await.unwrap(), []);
    cache.set_many(vec![]).await.unwrap();
    assert_eq!(cache.delete_many(&[]).await.unwrap(), 0);
    let bodies = [
        r#"[["MGET","n:a","n:b"]]"#,
        r#"[["SET","n:a","1","PX","1000"],["SET","n:b","2"]]"#,
        r#"[["MGET","n:a","n:b"],["UNLINK","n:a","n:b"]]"#,
        r#"[["GET","n:a"],["PTTL","n:a"]]"#,
        r#"[["SET","n:a","0","PX","1000","NX"],["INCRBY","n:a","1"]]"#,
        r#"[["MGET","n:literal"],["UNLINK","n:literal"]]"#,
    ];
    let requests = server.requests();
    assert_eq!(requests.len(), bodies.len());
    for (request, body) in requests.iter().zip(bodies) {
        assert!(request.ends_with(body), "{request}");
    }
    for (request, path) in [(3, "/pipeline"), (4, "/multi-exec")] {
        assert!(requests[request].starts_with(&format!("POST {path} ")), "{}", requests[request]);
    }
}

/// Values of any bytes, through a bridge and through a server that takes them as the body of a request only.
#[tokio::test]
async fn values_are_exact_to_the_byte() {
    let clock = ManualClock::new();
    let redis = RedisServer::plain();
    for url in [memory_bridge(&clock).await, redis_bridge(&redis.url()).await, foreign(&clock).await] {
        let built = patient::<Bytes>(&url).token(TOKEN).serializer(BytesSerializer).build().unwrap();
        let cache: DynCacheProvider<Bytes> = DynCacheProvider::new(built);
        let all: Vec<u8> = (0..=255).collect();
        for value in [&b""[..], b"\0\r\n\xff\xfe", b"OK", b"T0s=", &all] {
            let value = Bytes::copy_from_slice(value);
            let ttl = Some(Duration::from_secs(3600));
            cache.set("a/b?c=d&e%2F#*", value.clone(), ttl).await.unwrap();
            assert_eq!(cache.get("a/b?c=d&e%2F#*").await.unwrap().as_ref(), Some(&value), "{url}");
            let many = vec![("x", value.clone(), None), ("y", Bytes::from_static(b"text"), None)];
            cache.set_many(many).await.unwrap();
            assert_eq!(cache.get_many(&["x", "y"]).await.unwrap(), [Some(value), Some(Bytes::from_static(b"text"))]);
        }
    }
}

#[tokio::test]
async fn a_pattern_over_many_keys() {
    let clock = ManualClock::new();
    let redis = RedisServer::plain();
    for url in [memory_bridge(&clock).await, redis_bridge(&redis.url()).await, foreign(&clock).await] {
        let cache: HttpCacheProvider<usize> = patient(&url).token(TOKEN).namespace("a*").build().unwrap();
        let other: HttpCacheProvider<usize> = patient(&url).token(TOKEN).namespace("ab").build().unwrap();
        let keys: Vec<String> = (0..1500).map(|number| format!("k{number}")).collect();
        let entries = || keys.iter().enumerate().map(|(value, key)| (key.as_str(), value, None)).collect();
        cache.set_many(entries()).await.unwrap();
        other.set("k1", 1, None).await.unwrap();
        assert_eq!(cache.clear_pattern("k1?").await.unwrap(), 10);
        assert_eq!(cache.clear_pattern("*").await.unwrap(), 1490);
        assert_eq!(other.get("k1").await.unwrap(), Some(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_and_many_given_up() {
    let url = memory_bridge(&ManualClock::new()).await;
    let cache: HttpCacheProvider<usize> = patient(&url).token(TOKEN).build().unwrap();
    let keys: Vec<String> = (0..3000).map(|number| format!("k{number}")).collect();
    let sets = keys.iter().enumerate().map(|(own, key)| cache.set(key, own, None));
    assert!(join_all(sets).await.iter().all(Result::is_ok));
    let tasks = keys.iter().cloned().enumerate().map(|(own, key)| {
        let cache = cache.clone();
        tokio::spawn(async move {
            if own % 3 == 0 {
                tokio::select! {
                    biased;
                    found = cache.get(&key) => assert_eq!(found.unwrap(), Some(own)),
                    () = async { for _ in 0..own % 5 { tokio::task::yield_now().await; } } => {}
                }
            } else {
                assert_eq!(cache.get(&key).await.unwrap(), Some(own));
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
}

/// Whoever asks is given up: no request goes on.
#[tokio::test]
async fn a_future_that_is_dropped_stops_its_request() {
    for batch in [true, false] {
        let server = Scripted::start([Act::Stall("")]).await;
        let cache: HttpCacheProvider<usize> = patient(&server.url).batch(batch).build().unwrap();
        let asked = async {
            while server.requests().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            found = cache.get("k") => panic!("{found:?}"),
            () = asked => {}
        }
        super::bounded(async {
            while server.open() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn statistics_tell_the_entries_where_the_server_does() {
    let url = memory_bridge(&ManualClock::new()).await;
    let cache: HttpCacheProvider<i64> = patient(&url).token(TOKEN).build().unwrap();
    cache.set("a", 1, None).await.unwrap();
    assert_eq!(cache.get("a").await.unwrap(), Some(1));
    assert_eq!(cache.view::<i64>().get("b").await.unwrap(), None);
    let stats = cache.get_stats().await.unwrap();
    assert_eq!((stats.hits, stats.misses, stats.sets, stats.entries), (1, 1, 1, Some(1)));
    let noperm = Scripted::start([Act::Answer(200, "", "[{\"error\":\"NOPERM no\"}]".into())]).await;
    let cache: HttpCacheProvider<i64> = patient(&noperm.url).build().unwrap();
    assert_eq!(cache.get_stats().await.unwrap().entries, None);
}

#[tokio::test]
async fn a_stale_entry_is_absent_for_every_operation() {
    let url = memory_bridge(&ManualClock::new()).await;
    let clock = ManualClock::new();
    clock.set_ms(1_000_000);
    let bytes: HttpCacheProvider<Bytes, BytesSerializer> =
        patient(&url).token(TOKEN).namespace("stale").serializer(BytesSerializer).build().unwrap();
    let cache: HttpCacheProvider<i64> =
        patient(&url).token(TOKEN).namespace("stale").unix_clock(clock.clone()).build().unwrap();
    let names = ["a", "b", "c", "d", "e"];
    let store = async || {
        for (key, until) in names.map(|key| (key, 999_999)).into_iter().chain([("fresh", 1_060_000)]) {
            let envelope = format!(r#"{{"value":1,"fresh_until":{until}}}"#);
            bytes.set(key, envelope.into(), None).await.unwrap();
        }
    };
    store().await;
    // Now the provider knows that there are such entries.
    assert_eq!(cache.get("a").await.unwrap(), None);
    assert_eq!(cache.get("fresh").await.unwrap(), Some(1));
    assert_eq!(cache.ttl("a").await.unwrap(), None);
    assert_eq!(cache.ttl("fresh").await.unwrap(), Some(Duration::from_secs(60)));
    assert_eq!(cache.exists_many(&["fresh", "a", "x"]).await.unwrap(), [true, false, false]);
    assert_eq!(cache.keys("*").unwrap().collect().await.unwrap(), ["fresh"]);
    assert_eq!(cache.keys("a").unwrap().collect().await.unwrap(), [""; 0]);
    assert!(!cache.touch("a", None).await.unwrap());
    assert!(!cache.replace("b", 2, None).await.unwrap());
    assert!(cache.set_if_absent("c", 3, None).await.unwrap());
    assert!(!cache.set_if_absent("fresh", 3, None).await.unwrap());
    assert_eq!(cache.get("c").await.unwrap(), Some(3));
    let deletes = async || cache.get_stats().await.unwrap().deletes;
    assert_eq!(cache.get_and_delete("d").await.unwrap(), None);
    assert_eq!(deletes().await, 0);
    assert_eq!(cache.delete_many_each(&["e", "fresh", "e"]).await.unwrap(), [false, true, false]);
    assert_eq!(deletes().await, 1);
    bytes.clear_pattern("*").await.unwrap();
}

#[tokio::test]
async fn text_is_stored_as_it_is() {
    let url = memory_bridge(&ManualClock::new()).await;
    let text: HttpCacheProvider<String, TextSerializer> =
        patient(&url).token(TOKEN).namespace("text").serializer(TextSerializer).build().unwrap();
    text.set("k", "a \"b\"\n\u{e9}".to_owned(), None).await.unwrap();
    let bytes: HttpCacheProvider<Bytes, BytesSerializer> =
        patient(&url).token(TOKEN).namespace("text").serializer(BytesSerializer).build().unwrap();
    assert_eq!(bytes.get("k").await.unwrap().unwrap(), "a \"b\"\n\u{e9}");
    assert_eq!(text.get("k").await.unwrap().unwrap(), "a \"b\"\n\u{e9}");
    bytes.set("k", Bytes::from_static(b"a\xff"), None).await.unwrap();
    let error = text.get("k").await.unwrap_err().to_string();
    assert!(error.contains("byte 1"), "{error}");
}

#[tokio::test]
async fn a_value_that_is_too_large_leaves_no_older_one() {
    let url = memory_bridge(&ManualClock::new()).await;
    let cache: HttpCacheProvider<String> =
        patient(&url).token(TOKEN).namespace("large").max_value_bytes(10).build().unwrap();
    let fill = async || {
        cache.set_many(["a", "b", "c"].map(|key| (key, "v".to_owned(), None)).into()).await.unwrap();
    };
    let large = || "x".repeat(9);
    fill().await;
    let error = cache.set("a", large(), None).await.unwrap_err().to_string();
    assert!(error.contains("\"a\"") && error.contains("max_value_bytes, 10"), "{error}");
    assert_eq!(cache.exists_many(&["a", "b", "c"]).await.unwrap(), [false, true, true]);
    fill().await;
    assert!(cache.replace("a", large(), None).await.is_err());
    assert_eq!(cache.exists_many(&["a", "b", "c"]).await.unwrap(), [false, true, true]);
    fill().await;
    let many = vec![("b", "v".to_owned(), None), ("a", large(), None)];
    assert!(cache.set_many(many).await.is_err());
    assert_eq!(cache.exists_many(&["a", "b", "c"]).await.unwrap(), [false, false, true]);
    fill().await;
    assert!(cache.set("a", "v".into(), Some(Duration::ZERO)).await.is_err());
    assert!(cache.exists("a").await.unwrap(), "a mistake in the call changes nothing");
    cache.clear_pattern("*").await.unwrap();
}
