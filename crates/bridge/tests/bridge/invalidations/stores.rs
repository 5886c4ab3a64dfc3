//! What is particular to a store: evictions, the changes of others in Redis, its failures, clusters.

use std::collections::BTreeSet;

use serde_json::json;
use servers::PATIENCE;
use servers::cluster::Cluster;
use servers::redis::RedisServer;
use tokio::time::timeout;

use super::{config, lively, poll, reopened, set};
use crate::support::{Bridge, Start, StoreKind};
use crate::tenants;

/// The number in a position.
fn number(position: &str) -> u64 {
    position.split_once('-').unwrap().1.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evictions_and_expirations_of_the_embedded_store_are_announced() {
    let start = Start::config("[store]\nurl = \"memory\"\nmax-entries = 4\n[invalidations]\nheartbeat = \"1h\"\n");
    let bridge = Bridge::start(StoreKind::memory(), start);
    let caller = bridge.nobody();
    let mut changes = caller.changes("").await.unwrap();
    for key in ["1", "2", "3", "4", "5"] {
        caller.result(&["SET", key, "x"]).await;
    }
    let seen = changes.keys_until("5").await;
    assert_eq!(seen, set(&["1", "2", "3", "4", "5"]));
    // Nobody asks for an expired entry, and it is announced all the same: a change of its own, after that of the write.
    caller.result(&["DEL", "2"]).await;
    changes.keys_until("2").await;
    let before = number(&changes.position);
    caller.result(&["SET", "short", "x", "PX", "1"]).await;
    let told = timeout(PATIENCE, async {
        while number(&changes.position) < before + 2 {
            assert_eq!(changes.next().await.unwrap().data, json!({ "keys": ["short"] }));
        }
    });
    told.await.expect("the expiration is announced");
    drop(changes);
    // Who comes back is told at once that nothing was missed, long before the next heartbeat is due.
    let now = poll(&caller, "").await["position"].as_str().unwrap().to_owned();
    let mut again = caller.changes(&format!("?since={now}")).await.unwrap();
    assert_eq!(again.next().await.unwrap().name, "heartbeat");
    assert_eq!(again.position, now);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_do_in_redis_is_announced() {
    let mut bridge = Bridge::start(StoreKind::redis(), config(""));
    let admin = bridge.caller(tenants::ADMIN);
    let mut changes = admin.changes("?prefix=a%3A").await.unwrap();
    let redis = bridge.redis();
    redis.cli(&["SET", "a:1", "x"]);
    redis.cli(&["EVAL", "redis.call('SET', KEYS[1], 'x') redis.call('HSET', KEYS[2], 'f', 'v')", "2", "a:2", "a:3"]);
    redis.cli(&["RENAME", "a:1", "a:end"]);
    let seen = changes.keys_until("a:end").await;
    assert!(seen.is_superset(&set(&["a:1", "a:2", "a:3", "a:end"])), "{seen:?}");
    // The expiration of an entry is a change of its own, which may be announced together with the write.
    let before = number(&changes.position);
    redis.cli(&["SET", "a:short", "x", "PX", "1"]);
    while number(&changes.position) < before + 2 {
        changes.next().await.unwrap();
    }
    redis.cli(&["FLUSHDB"]);
    assert_eq!(changes.change().await.unwrap().data, json!({ "all": true }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_when_redis_ends_or_hangs() {
    let mut bridge = Bridge::start(StoreKind::redis(), lively("command-timeout = \"5s\""));
    let admin = bridge.caller(tenants::ADMIN);
    for hang in [false, true] {
        let mut changes = reopened(&admin, "").await;
        let written = timeout(PATIENCE, async { while admin.command(&["SET", "a", "1"]).await.status != 200 {} });
        written.await.expect("commands are executed");
        changes.keys_until("a").await;
        if hang {
            bridge.redis().freeze();
        } else {
            bridge.redis().kill();
        }
        assert_eq!(changes.change().await, None, "the stream ends");
        let refused = admin.changes(&format!("?since={}", changes.position)).await.unwrap_err();
        assert_eq!(refused.status, 503, "{refused:?}");
        if hang {
            bridge.redis().thaw();
        } else {
            bridge.redis().restart();
        }
        let mut again = reopened(&admin, &format!("?since={}", changes.position)).await;
        assert_eq!(again.change().await.unwrap().name, "reset");
        let written = timeout(PATIENCE, async { while admin.command(&["SET", "b", "1"]).await.status != 200 {} });
        written.await.expect("commands are executed again");
        again.keys_until("b").await;
    }
    bridge.logs("changed keys are not announced");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_client_tracking_is_told_so() {
    let server = RedisServer::plain();
    assert_eq!(server.cli(&["ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all", "-client|tracking"]), "OK");
    let url = server.url().replace("redis://", "redis://app:secret@");
    let bridge = Bridge::start(StoreKind::Url(url), Start::config("[server]\ncommand-timeout = \"1s\"\n"));
    let refused = bridge.nobody().changes("").await.unwrap_err();
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("does not announce changed keys"), "{refused:?}");
    bridge.logs("client|tracking");
    let nobody = bridge.nobody();
    let written = timeout(PATIENCE, async { while nobody.command(&["SET", "a", "1"]).await.status != 200 {} });
    written.await.expect("commands are executed all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_announces_the_changes_of_all_its_nodes() {
    let mut cluster = Cluster::start(None);
    let bridge = Bridge::start(StoreKind::Url(cluster.url()), Start::config("[invalidations]\nheartbeat = \"1h\"\n"));
    bridge.reaches_its_store();
    let caller = bridge.nobody();
    let mut changes = caller.changes("").await.unwrap();
    let keys: Vec<String> = (0..30).map(|number| format!("key:{number}")).collect();
    for key in &keys {
        caller.result(&["SET", key, "1"]).await;
    }
    let mut seen = BTreeSet::new();
    while seen.len() < keys.len() {
        let change = changes.change().await.unwrap();
        seen.extend(change.data["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()));
    }
    assert_eq!(seen, keys.iter().cloned().collect());
    let since = changes.position.clone();
    cluster.fail_over(0);
    // Whatever the replica that took over did in the meantime may have been missed.
    while changes.change().await.is_some() {}
    let mut again = reopened(&caller, &format!("?since={since}")).await;
    assert_eq!(again.change().await.unwrap().name, "reset");
    let written = timeout(PATIENCE, async {
        for key in &keys {
            while caller.command(&["SET", key, "2"]).await.status != 200 {}
        }
    });
    written.await.expect("the cluster serves again");
    let mut seen = BTreeSet::new();
    while seen.len() < keys.len() {
        let Some(change) = again.change().await else {
            again = reopened(&caller, "").await;
            for key in &keys {
                caller.command(&["SET", key, "3"]).await;
            }
            seen.clear();
            continue;
        };
        let keys = change.data["keys"].as_array().cloned().unwrap_or_default();
        seen.extend(keys.iter().map(|key| key.as_str().unwrap().to_owned()));
    }
}
