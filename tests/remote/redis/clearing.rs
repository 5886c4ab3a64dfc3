//! Deleting by pattern among many keys, while others write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use isocache::{CacheProvider, RedisCacheProvider};

use super::patient;
use servers::redis::RedisServer;

/// Fills a server by itself, which is quicker than over the wire.
pub fn fill(server: &RedisServer, prefix: &str, keys: u32) {
    let script = "for n = 1, ARGV[2] do redis.call('SET', ARGV[1] .. n, '1') end return 'done'";
    assert_eq!(server.cli(&["EVAL", script, "0", prefix, &keys.to_string()]), "done");
}

#[tokio::test]
async fn a_hundred_thousand_keys_go_while_others_write() {
    let server = RedisServer::plain();
    fill(&server, "old:", 100_000);
    fill(&server, "other:", 50_000);
    let cache: RedisCacheProvider<u32> = patient(&server.url()).build().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (cache, done) = (cache.clone(), Arc::clone(&done));
        async move {
            let mut written = 0u32;
            while !done.load(Ordering::Relaxed) {
                cache.set(&format!("new:{written}"), written, None).await.unwrap();
                assert_eq!(cache.get(&format!("new:{written}")).await.unwrap(), Some(written));
                written += 1;
            }
            written
        }
    });
    assert_eq!(cache.clear_pattern("old:*").await.unwrap(), 100_000);
    done.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    assert!(written > 0, "the writer had no turn");
    assert_eq!(server.cli(&["DBSIZE"]), (50_000 + written).to_string());
    assert_eq!(server.cli(&["EXISTS", "old:1", "old:50000", "old:100000"]), "0");
    let stats = cache.get_stats().await.unwrap();
    assert_eq!(stats.deletes, 100_000);
    // Never all keys in one command.
    let commands = server.cli(&["INFO", "commandstats"]);
    assert!(commands.contains("cmdstat_scan") && !commands.contains("cmdstat_keys"), "{commands}");
    let unlinks = commands.lines().find(|line| line.starts_with("cmdstat_unlink:calls=")).unwrap();
    let calls: u32 = unlinks["cmdstat_unlink:calls=".len()..].split(',').next().unwrap().parse().unwrap();
    assert!(calls >= 200, "{unlinks}");
}

/// The clearing is given up in the middle: what is left is whole, and the connection serves on.
#[tokio::test]
async fn a_clearing_that_is_dropped_does_no_harm() {
    let server = RedisServer::plain();
    fill(&server, "old:", 50_000);
    let cache: RedisCacheProvider<u32> = patient(&server.url()).build().unwrap();
    cache.set("a", 1, None).await.unwrap();
    for _ in 0..20 {
        tokio::select! {
            biased;
            cleared = cache.clear_pattern("old:*") => panic!("it was quicker than one lookup: {cleared:?}"),
            found = cache.get("a") => assert_eq!(found.unwrap(), Some(1)),
        }
    }
    // What the last one has sent is carried out before this lookup, on the same connection.
    assert_eq!(cache.get("a").await.unwrap(), Some(1));
    let left: u64 = server.cli(&["DBSIZE"]).parse().unwrap();
    assert_eq!(cache.clear_pattern("old:*").await.unwrap(), left - 1);
    assert_eq!(cache.get("a").await.unwrap(), Some(1));
}
