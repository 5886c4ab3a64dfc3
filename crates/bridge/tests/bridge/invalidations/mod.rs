//! `/invalidations`: what is announced to whom, and that nothing is missed without a word.

mod own;
mod stores;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::client::{Caller, Changes};
use crate::on_both_stores;
use crate::support::{Start, StoreKind};
use crate::tenants::{self, Tenants};
use servers::PATIENCE;

on_both_stores!(
    each_tenant_sees_the_changes_of_its_own_keys,
    a_reader_that_comes_back_is_told_what_it_missed,
    a_value_read_before_a_change_is_known_by_its_position,
    requests_that_cannot_be_served_are_refused,
    heartbeats_follow_changes,
    a_new_configuration_ends_streams,
    a_thousand_readers_are_told,
);

/// Heartbeats are rare: for each, Redis has to reply within seconds, or all streams end.
fn config(limits: &str) -> Start {
    Start::config(tenants::config("[invalidations]\nheartbeat = \"1h\"\n", limits))
}

/// Heartbeats are frequent, for tests that wait for one. `more` are fields of `[server]`.
fn lively(more: &str) -> Start {
    Start::config(tenants::config(&format!("[invalidations]\nheartbeat = \"100ms\"\n[server]\n{more}\n"), ""))
}

fn set(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

/// The response to a request without a stream.
async fn poll(caller: &Caller, query: &str) -> Value {
    caller.get(&format!("/invalidations{query}")).await.json()
}

/// Opens a stream as soon as the bridge observes changes again.
async fn reopened(caller: &Caller, query: &str) -> Changes {
    let opened = timeout(PATIENCE, async {
        loop {
            match caller.changes(query).await {
                Ok(changes) => return changes,
                Err(response) => assert_eq!(response.status, 503, "{response:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    opened.await.expect("changes are observed again")
}

async fn each_tenant_sees_the_changes_of_its_own_keys(store: StoreKind) {
    let tenants = Tenants::with(store, config("")).await;
    let mut admin = tenants.admin.changes("").await.unwrap();
    let mut a = tenants.a.changes("").await.unwrap();
    let mut reader = tenants.reader.changes("?prefix=a%3Au&prefix=a%3Auser").await.unwrap();
    let mut b = tenants.b.changes("?prefix=").await.unwrap();
    let writes = [
        vec!["SET", "a:user:1", "1"],
        vec!["SET", "a:user:1", "1"],
        vec!["MSET", "a:x", "1", "a:y", "2"],
        vec!["INCR", "a:count"],
        vec!["APPEND", "a:text", "more"],
        vec!["EXPIRE", "a:own", "100"],
        vec!["DEL", "a:two"],
        // None of these changes anything.
        vec!["GET", "a:own"],
        vec!["DEL", "a:missing"],
        vec!["SET", "a:text", "other", "NX"],
        vec!["EXPIRE", "a:missing", "100"],
    ];
    assert!(tenants.a.pipeline(&writes).await.json().as_array().unwrap().iter().all(|reply| reply["error"].is_null()));
    tenants.b.result(&["SET", "b:z", "1"]).await;
    tenants.admin.result(&["RENAME", "a:x", "a:user:end"]).await;
    let own = ["a:user:1", "a:x", "a:y", "a:count", "a:text", "a:own", "a:two", "a:user:end"];
    assert_eq!(a.keys_until("a:user:end").await, set(&own));
    assert_eq!(reader.keys_until("a:user:end").await, set(&["a:user:1", "a:user:end"]));
    assert_eq!(b.keys_until("b:z").await, set(&["b:z"]));
    let mut all = set(&own);
    all.insert("b:z".into());
    assert_eq!(admin.keys_until("a:user:end").await, all);
    tenants.a.transaction(&[vec!["SET", "a:1", "1"], vec!["SET", "a:2", "2"]]).await;
    assert_eq!(tenants.a.result(&["ISOCACHE.CLEAR", "a:u*"]).await, 2);
    let mut seen = a.keys_until("a:user:end").await;
    if !seen.contains("a:user:1") {
        seen.extend(a.keys_until("a:user:1").await);
    }
    assert_eq!(seen, set(&["a:1", "a:2", "a:user:1", "a:user:end"]));
    tenants.admin.result(&["FLUSHALL"]).await;
    for changes in [&mut a, &mut b] {
        assert_eq!(changes.change().await.unwrap().data, json!({ "all": true }));
    }
    // The reader has keys to see first.
    let last = loop {
        let change = reader.change().await.unwrap();
        if change.data["keys"].is_null() {
            break change;
        }
    };
    assert_eq!(last.data, json!({ "all": true }));
}

async fn a_reader_that_comes_back_is_told_what_it_missed(store: StoreKind) {
    let tenants = Tenants::with(store, config("")).await;
    let mut a = tenants.a.changes("").await.unwrap();
    let mut all = tenants.admin.changes("").await.unwrap();
    tenants.a.result(&["SET", "a:1", "1"]).await;
    a.keys_until("a:1").await;
    let since = a.position.clone();
    drop(a);
    tenants.a.pipeline(&[vec!["SET", "a:2", "1"], vec!["SET", "a:3", "1"], vec!["SET", "a:2", "2"]]).await;
    tenants.b.result(&["SET", "b:2", "1"]).await;
    // Once the last change is known, so are those before it. Redis announces them on another connection.
    all.keys_until("b:2").await;
    let mut again = tenants.a.changes(&format!("?since={since}")).await.unwrap();
    assert_eq!(again.position, since, "the stream begins where the reader was");
    let mut seen = BTreeSet::new();
    while !(seen.contains("a:2") && seen.contains("a:3")) {
        let change = again.change().await.unwrap();
        seen.extend(change.data["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()));
    }
    assert_eq!(seen, set(&["a:2", "a:3"]));
    let missed = poll(&tenants.a, &format!("?since={since}")).await;
    assert_eq!(missed["keys"], json!(["a:2", "a:3"]));
    let now = missed["position"].as_str().unwrap();
    assert_eq!(poll(&tenants.a, &format!("?since={now}")).await, json!({ "keys": [], "position": now }));
    // A browser sends the header, and the URL of its first request.
    let request = tenants.a.request(reqwest::Method::GET, &format!("/invalidations?since={since}"));
    let response = tenants.a.send(request.header("last-event-id", now)).await.json();
    assert_eq!(response["keys"], json!([]));
    for unknown in [format!("{:016x}-0", 7), format!("{now}0")] {
        let mut changes = tenants.a.changes(&format!("?since={unknown}")).await.unwrap();
        assert_eq!(changes.change().await.unwrap().name, "reset", "{unknown}");
        assert_eq!(poll(&tenants.a, &format!("?since={unknown}")).await["reset"], true);
    }
    tenants.admin.result(&["FLUSHALL"]).await;
    let mut after = tenants.a.changes("").await.unwrap();
    tenants.a.result(&["SET", "a:after", "1"]).await;
    while after.change().await.unwrap().data["keys"] != json!(["a:after"]) {}
    assert_eq!(poll(&tenants.a, &format!("?since={now}")).await["reset"], true, "the store was emptied since");
}

async fn a_value_read_before_a_change_is_known_by_its_position(store: StoreKind) {
    let tenants = Tenants::with(store, config("")).await;
    let before = tenants.a.command(&["GET", "a:own"]).await;
    assert!(!before.headers.contains_key("isocache-position"), "nobody has asked for changes");
    let mut changes = tenants.a.changes("").await.unwrap();
    let mut last = 0;
    for round in 0..20 {
        let read = tenants.a.command(&["GET", "a:own"]).await;
        let position = read.headers["isocache-position"].to_str().unwrap().to_owned();
        tenants.b.result(&["SET", "b:other", "x"]).await;
        tenants.a.result(&["SET", "a:own", &round.to_string()]).await;
        let written = changes.change().await.unwrap();
        assert_eq!(written.data, json!({ "keys": ["a:own"] }));
        let number = |position: &str| position.split_once('-').unwrap().1.parse::<u64>().unwrap();
        assert!(number(&position) >= last && number(&position) < number(&written.id), "{position} {written:?}");
        last = number(&written.id);
        let missed = poll(&tenants.a, &format!("?prefix=a%3Aown&since={position}")).await;
        assert_eq!(missed["keys"], json!(["a:own"]));
    }
    let refused = tenants.a.command(&["GET", "b:secret"]).await;
    assert!(refused.status == 403 || refused.status == 400, "{refused:?}");
}

async fn requests_that_cannot_be_served_are_refused(store: StoreKind) {
    let tenants = Tenants::with(store, config("max-streams = 2")).await;
    let many = format!("?{}", ["prefix=a%3A"; 65].join("&"));
    for (caller, query, status, says) in [
        (&tenants.a, "?prefix=b%3A", 403, "may read no keys with the prefix \"b:\""),
        (&tenants.a, "?prefix=a%3A&prefix=b%3Asecret", 403, "\"b:secret\""),
        (&tenants.a, "?prefixes=a%3A", 400, "unknown parameter \"prefixes\""),
        (&tenants.a, "?since=yesterday", 400, "\"yesterday\" is not a position"),
        (&tenants.a, "?since=", 400, "not a position"),
        (&tenants.a, "?since=%zz", 400, "percent"),
        (&tenants.a, &many, 400, "more than 64 prefixes"),
        (&tenants.bridge.nobody(), "", 401, "WRONGPASS"),
    ] {
        for response in [caller.changes(query).await.unwrap_err(), caller.get(&format!("/invalidations{query}")).await]
        {
            assert_eq!(response.status, status, "{query}: {response:?}");
            let error = response.json()["error"].as_str().unwrap().to_owned();
            assert!(error.contains(says), "{query}: {error}");
        }
    }
    let first = tenants.a.changes("").await.unwrap();
    let _second = tenants.a.changes("").await.unwrap();
    assert_eq!(tenants.a.changes("").await.unwrap_err().status, 429);
    assert!(poll(&tenants.a, "").await["position"].is_string(), "a response is not a stream");
    drop(first);
    timeout(PATIENCE, async { while tenants.a.changes("").await.is_err() {} }).await.expect("a place is free again");
    assert_eq!(tenants.a.post("/invalidations", "").await.status, 400, "a command that there is not");
}

async fn heartbeats_follow_changes(store: StoreKind) {
    let tenants = Tenants::with(store, lively("")).await;
    let mut a = tenants.a.changes("").await.unwrap();
    for number in 0..3 {
        let key = format!("a:{number}");
        tenants.a.result(&["SET", &key, "1"]).await;
        a.keys_until(&key).await;
        let at = a.position.clone();
        assert_eq!(a.next().await.unwrap().name, "heartbeat");
        assert_eq!(a.position, at);
    }
    let metrics = tenants.admin.get("/metrics").await;
    for line in ["isocache_invalidation_readers{store=", "isocache_invalidations_total{store="] {
        assert!(metrics.text().contains(line), "{line}: {}", metrics.text());
    }
}

async fn a_new_configuration_ends_streams(store: StoreKind) {
    let tenants = Tenants::with(store, config("")).await;
    let mut a = tenants.a.changes("").await.unwrap();
    tenants.bridge.signal("-HUP");
    assert_eq!(a.change().await, None);
    tenants.a.result(&["SET", "a:meanwhile", "1"]).await;
    let mut again = tenants.a.changes(&format!("?since={}", a.position)).await.unwrap();
    assert_eq!(again.keys_until("a:meanwhile").await, set(&["a:meanwhile"]));
}

async fn a_thousand_readers_are_told(store: StoreKind) {
    let tenants = Tenants::with(store, config("max-streams = 1000")).await;
    let mut readers = Vec::new();
    for _ in 0..10 {
        let open = (0..100).map(|_| tenants.a.changes("?prefix=a%3Auser"));
        readers.extend(join_all(open).await.into_iter().map(Result::unwrap));
    }
    tenants.a.result(&["SET", "a:other", "1"]).await;
    tenants.a.result(&["SET", "a:user:1", "1"]).await;
    for seen in join_all(readers.iter_mut().map(|reader| reader.keys_until("a:user:1"))).await {
        assert_eq!(seen, set(&["a:user:1"]));
    }
}
