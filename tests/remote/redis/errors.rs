//! Each way in which Redis refuses has an error of its own.

use isocache::{CacheError, CacheProvider, CounterProvider, RedisCacheProvider};

use super::patient;
use servers::cluster::Cluster;
use servers::redis::{Options, RedisServer};

#[tokio::test]
async fn full_memory() {
    let server = RedisServer::start(Options::config(&["maxmemory 2mb", "maxmemory-policy noeviction"]));
    let cache: RedisCacheProvider<String> = patient(&server.url()).build().unwrap();
    cache.set("small", "x".into(), None).await.unwrap();
    let big = "x".repeat(1_000_000);
    let mut full = None;
    for n in 0..10 {
        if let Err(error) = cache.set(&format!("k{n}"), big.clone(), None).await {
            full = Some(error);
            break;
        }
    }
    assert!(matches!(&full, Some(CacheError::Full(text)) if text.contains("OOM")), "{full:?}");
    assert_eq!(cache.get("small").await.unwrap().as_deref(), Some("x"), "reading goes on");
    server.cli(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let counter = cache.increment("n", 1, None).await;
    assert!(matches!(counter, Err(CacheError::Full(_))), "{counter:?}");
}

#[tokio::test]
async fn a_disk_that_cannot_be_written() {
    let server = RedisServer::start(Options::config(&["save 1 1", "dbfilename blocked.rdb"]));
    // A folder in the place of the file makes the saving fail. It is there before the first change, which is saved a
    // second later.
    let folder = server.cli(&["CONFIG", "GET", "dir"]).lines().last().unwrap().to_owned();
    std::fs::create_dir(std::path::Path::new(&folder).join("blocked.rdb")).unwrap();
    let cache: RedisCacheProvider<String> = patient(&server.url()).build().unwrap();
    cache.set("k", "v".into(), None).await.unwrap();
    servers::eventually("the saving to fail", || {
        server.cli(&["BGSAVE"]);
        server.cli(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:err").then_some(())
    });
    let error = cache.set("k", "w".into(), None).await.unwrap_err();
    assert!(matches!(&error, CacheError::Unavailable(text) if text.contains("MISCONF")), "{error}");
    assert_eq!(cache.get("k").await.unwrap().as_deref(), Some("v"));
}

#[tokio::test]
async fn a_replica_is_read_only() {
    let primary = RedisServer::plain();
    let replica = RedisServer::start(Options::config(&[&format!("replicaof 127.0.0.1 {}", primary.port)]));
    let cache: RedisCacheProvider<i64> = patient(&replica.url()).build().unwrap();
    for error in [cache.set("k", 1, None).await.unwrap_err(), cache.increment("k", 1, None).await.unwrap_err()] {
        assert!(matches!(&error, CacheError::Unavailable(text) if text.contains("READONLY")), "{error}");
    }
    primary.cli(&["SET", "n", "7"]);
    servers::eventually("the replica to follow", || (replica.cli(&["GET", "n"]) == "7").then_some(()));
    assert_eq!(cache.get("n").await.unwrap(), Some(7));
    // Its primary has gone, and it may not answer.
    replica.cli(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    drop(primary);
    servers::eventually("the replica to miss its primary", || {
        replica.cli(&["INFO", "replication"]).contains("master_link_status:down").then_some(())
    });
    let error = cache.get("n").await.unwrap_err();
    assert!(matches!(&error, CacheError::Unavailable(text) if text.contains("MASTERDOWN")), "{error}");
}

#[tokio::test]
async fn a_server_that_is_loading() {
    let config = ["loading-process-events-interval-bytes 1024", "rdbcompression no"];
    let mut server = RedisServer::start(Options::config(&config));
    // It replies after each key, and takes minutes for all of them, until it is told to hurry.
    let script = "for n = 1, 8000 do redis.call('SET', 'large:' .. n, string.rep('x', 1100)) end return 'done'";
    assert_eq!(server.cli(&["EVAL", script, "0"]), "done");
    assert_eq!(server.cli(&["SET", "k1", "1"]), "OK");
    assert_eq!(server.cli(&["SAVE"]), "OK");
    server.kill();
    server.set_config("key-load-delay 50000");
    server.restart();
    let cache: RedisCacheProvider<i64> = patient(&server.url()).build().unwrap();
    let error = cache.get("k1").await.unwrap_err();
    assert!(matches!(&error, CacheError::Unavailable(text) if text.contains("LOADING")), "{error}");
    server.cli(&["CONFIG", "SET", "key-load-delay", "0"]);
    assert_eq!(super::recovers(|| cache.get("k1")).await, Some(1));
}

#[tokio::test]
async fn a_node_of_a_cluster_reached_as_a_server() {
    let cluster = Cluster::start(None);
    let cache: RedisCacheProvider<i64> = patient(&cluster.nodes[0].url()).build().unwrap();
    let mut moved = None;
    for n in 0..50 {
        if let Err(error) = cache.get(&format!("k{n}")).await {
            moved = Some(error.to_string());
        }
    }
    let moved = moved.expect("two thirds of the keys are elsewhere");
    assert!(moved.contains("MOVED") && moved.contains("redis-cluster://"), "{moved}");
    let server = RedisServer::plain();
    let url = server.url().replace("redis:", "redis-cluster:");
    let error = patient::<i64>(&url).build().unwrap().get("k").await.unwrap_err();
    assert!(matches!(&error, CacheError::Protocol(text) if text.contains("cluster support disabled")), "{error}");
}
