//! What other clients of the server write, and what the server does by itself: keys that are not text, times that are
//! beyond any of ours, values of other types, evictions; and servers that do not let us listen.

use std::time::Duration;

use isocache::{
    CacheError, CacheProvider, KeysProvider, RedisCacheBuilder, RedisCacheProvider, TieredCacheProvider, TouchProvider,
};

use super::{bounded, patient, recovers};
use servers::cluster::Cluster;
use servers::redis::{Options, RedisServer};

type Tier = TieredCacheProvider<String, RedisCacheProvider<String>>;

/// Its heartbeats are longer than any test: no pause of the machine makes it connect again.
async fn tier(far: RedisCacheProvider<String>) -> Tier {
    let source = far.invalidations().heartbeat(Duration::from_secs(3600)).unwrap();
    let tier = TieredCacheProvider::builder(far).invalidations(source).build().unwrap();
    bounded(tier.ready(servers::PATIENCE)).await.unwrap();
    tier
}

/// Waits until something is so, which only a hang prevents.
async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let started = std::time::Instant::now();
    while !is().await {
        assert!(started.elapsed() < servers::PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn times_beyond_ours() {
    let server = RedisServer::plain();
    let far: RedisCacheProvider<String> = patient(&server.url()).build().unwrap();
    let cache = tier(far.clone()).await;
    for end in ["9223372036854775807", "9007199254740993", "9000000000000000000"] {
        server.cli(&["SET", "k", "\"v\""]);
        assert_eq!(server.cli(&["PEXPIREAT", "k", end]), "1");
        let (value, left) = far.get_with_ttl("k").await.unwrap().unwrap();
        let years = left.unwrap().as_secs() / (365 * 24 * 3600);
        assert!(value == "v" && years > 200_000, "{left:?}");
        assert!(far.ttl("k").await.unwrap().unwrap() <= left.unwrap());
        until("a copy is read", async || {
            let before = cache.tier_stats().near_hits;
            assert_eq!(cache.get("k").await.unwrap().as_deref(), Some("v"));
            cache.tier_stats().near_hits > before
        })
        .await;
        assert_eq!(far.get_and_touch("k", Some(Duration::MAX)).await.unwrap().as_deref(), Some("v"));
        assert_eq!(server.cli(&["PTTL", "k"]), "-1");
    }
}

#[tokio::test]
async fn keys_that_are_not_text() {
    let server = RedisServer::plain();
    let far: RedisCacheProvider<String> = patient(&server.url()).namespace("app").build().unwrap();
    let cache = tier(far.clone()).await;
    far.set("k", "old".into(), None).await.unwrap();
    let script =
        "for i = 0, 9 do redis.call('SET', 'app:\\255\\254' .. i, '1') end redis.call('SET', KEYS[1], '\"new\"')";
    until("a copy", async || {
        let before = cache.tier_stats().near_hits;
        cache.get("k").await.unwrap() == Some("old".into()) && cache.tier_stats().near_hits > before
    })
    .await;
    server.cli(&["EVAL", script, "1", "app:k"]);
    until("the change is announced among others", async || cache.get("k").await.unwrap() == Some("new".into())).await;
    assert_eq!(cache.tier_stats().resets, 1, "only the first connection");
    let keys: Vec<String> = far.keys("*").unwrap().collect().await.unwrap();
    assert_eq!(keys, ["k"], "those that nobody could name are left out");
    assert_eq!(far.clear_pattern("*").await.unwrap(), 11, "they are removed with the others");
    assert_eq!(server.cli(&["DBSIZE"]), "0");
}

#[tokio::test]
async fn values_of_other_types() {
    let server = RedisServer::plain();
    let far: RedisCacheProvider<String> = patient(&server.url()).build().unwrap();
    let cache = tier(far.clone()).await;
    server.cli(&["HSET", "hash", "field", "x"]);
    server.cli(&["SET", "text", "not JSON"]);
    server.cli(&["SET", "number", "7"]);
    for key in ["hash", "text", "number"] {
        let found = [far.get(key).await, far.get_with_ttl(key).await.map(|found| found.map(|(value, _)| value))];
        for found in found.into_iter().chain([cache.get(key).await]) {
            let error = found.unwrap_err();
            assert!(matches!(&error, CacheError::Deserialize { key: named, .. } if named == key), "{key}: {error}");
        }
    }
    assert_eq!(cache.tier_stats().near_hits, 0);
}

/// An eviction is announced like any other change: no copy outlives its entry.
#[tokio::test]
async fn evictions_are_announced() {
    let server = RedisServer::start(Options::config(&["maxmemory 3mb", "maxmemory-policy allkeys-random"]));
    let far: RedisCacheProvider<String> = patient(&server.url()).build().unwrap();
    let cache = tier(far.clone()).await;
    far.set("k", "v".into(), None).await.unwrap();
    until("a copy", async || {
        let before = cache.tier_stats().near_hits;
        cache.get("k").await.unwrap().is_some() && cache.tier_stats().near_hits > before
    })
    .await;
    let text = "x".repeat(10_000);
    let mut number = 0;
    until("it is evicted", async || {
        number += 1;
        far.set(&format!("other:{number}"), text.clone(), None).await.unwrap();
        server.cli(&["EXISTS", "k"]) == "0"
    })
    .await;
    until("the copy is dropped", async || cache.get("k").await.unwrap().is_none()).await;
    assert_eq!(cache.tier_stats().resets, 1, "only the first connection");
}

#[tokio::test]
async fn a_user_who_may_not_listen() {
    let server = RedisServer::start(Options::config(&["user app on >secret ~* +@all -client|tracking"]));
    let far: RedisCacheProvider<String> = patient(&server.url()).username("app").password("secret").build().unwrap();
    far.set("k", "1".into(), None).await.unwrap();
    let source = far.invalidations();
    let cache = TieredCacheProvider::builder(far.clone()).invalidations(source).build().unwrap();
    let refusal = async || cache.ready(Duration::from_millis(50)).await.unwrap_err().to_string();
    until("an attempt has failed", async || refusal().await.contains("last attempt")).await;
    let error = refusal().await;
    assert!(["refused", "NOPERM", "client|tracking"].iter().all(|word| error.contains(word)), "{error}");
    // Reads go on, and nothing is served from copies.
    server.cli(&["SET", "k", "\"2\""]);
    assert_eq!(cache.get("k").await.unwrap().as_deref(), Some("2"));
    assert_eq!(cache.tier_stats().near_hits, 0);
    server.cli(&["ACL", "SETUSER", "app", "+client|tracking"]);
    bounded(cache.ready(servers::PATIENCE)).await.unwrap();
}

/// A node that accepts connections and says nothing must not keep a new client from the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_client_of_a_cluster_with_a_node_that_stands_still() {
    let cluster = Cluster::start(None);
    let patient: RedisCacheProvider<u32> = patient(&cluster.url()).build().unwrap();
    let keys: Vec<String> = (0..60).map(|key| format!("k{key}")).collect();
    patient.set_many(keys.iter().map(|key| (key.as_str(), 1, None)).collect()).await.unwrap();
    let slot_of = |key: &str| cluster.nodes[0].cli(&["CLUSTER", "KEYSLOT", key]).parse::<usize>().unwrap();
    // Its node is not the one that stands still.
    let key = keys.iter().find(|key| slot_of(key) * 3 / 16_384 == 1).unwrap();
    for frozen in [0, 5] {
        cluster.nodes[frozen].freeze();
        let cache: RedisCacheProvider<u32> = RedisCacheBuilder::new(&cluster.url())
            .connect_timeout(Duration::from_millis(500))
            .operation_timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        // A busy machine may take another attempt.
        assert_eq!(recovers(|| cache.get(key)).await, Some(1), "while node {frozen} stands still");
        cluster.nodes[frozen].thaw();
        assert_eq!(recovers(|| cache.get_many(&["k0", "k1", "k2"])).await, [Some(1); 3]);
    }
}
