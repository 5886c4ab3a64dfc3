//! The shutdown of the bridge.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::net::TcpStream;

use crate::client::{Raw, Response};
use crate::support::{Bridge, Start, StoreKind};
use crate::tenants::{self, A, Tenants};
use servers::eventually;

fn start(store: &StoreKind, more: &str) -> Start {
    let snapshot = if store.is_redis() { "" } else { "[store]\nsnapshot = \"{folder}/cache.snapshot\"\n" };
    Start::config(tenants::config(&format!("{snapshot}{more}"), ""))
}

/// Every acknowledged write exists after a restart.
async fn no_acknowledged_write_is_lost(store: StoreKind) {
    let start = start(&store, "");
    let tenants = Tenants::with(store, start).await;
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..40)
        .map(|writer| {
            // Each on a connection of its own.
            let caller = crate::client::Caller { client: crate::client::client(), ..tenants.a.clone() };
            let acknowledged = Arc::clone(&acknowledged);
            tokio::spawn(async move {
                let mut written = Vec::new();
                for round in 0.. {
                    let (key, value) = (format!("a:{writer}-{round}"), format!("{round}-{writer}"));
                    let body = serde_json::to_vec(&json!([["SET", key, value], ["INCR", format!("a:count-{writer}")]]));
                    let path = if round % 2 == 0 { "/pipeline" } else { "/multi-exec" };
                    let request = caller.request(reqwest::Method::POST, path).body(body.unwrap());
                    // The first failure ends the writes: it may or may not have been written.
                    let Ok(response) = request.send().await else { break };
                    let Ok(response) = Response::of(response).await else { break };
                    assert_eq!(response.json()[0]["result"], "OK", "{}", response.text());
                    written.push((key, value));
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
                written
            })
        })
        .collect();
    eventually("some writes", || (acknowledged.load(Ordering::SeqCst) > 400).then_some(()));
    let (log, store, start) = tokio::task::block_in_place(|| tenants.bridge.stop());
    assert!(log.contains("shutting down: waiting for requests in progress"), "{log}");
    let again = Tenants::of(Bridge::start(store, start));
    let mut total = 0;
    for (at, writer) in writers.into_iter().enumerate() {
        let written = writer.await.unwrap();
        total += written.len();
        for some in written.chunks(500) {
            let mget: Vec<&str> = ["MGET"].into_iter().chain(some.iter().map(|(key, _)| key.as_str())).collect();
            let values: Vec<&str> = some.iter().map(|(_, value)| value.as_str()).collect();
            assert_eq!(again.a.result(&mget).await, json!(values));
        }
        let count: usize = again.a.result(&["GET", &format!("a:count-{at}")]).await.as_str().unwrap().parse().unwrap();
        assert!(count == written.len() || count == written.len() + 1, "{count} {}", written.len());
    }
    assert!(total > 400, "{total}");
}

/// Requests in progress finish, no others begin, and streams end.
async fn what_is_under_way_may_finish(store: StoreKind) {
    let start = start(&store, "[server]\ndrain-timeout = \"600s\"\nbody-timeout = \"600s\"");
    let tenants = Tenants::with(store, start).await;
    let address = tenants.bridge.address;
    let mut events = tenants.a.subscribe("/subscribe/a:news").await.unwrap();
    events.next().await.unwrap();
    let mut slow = Raw::connect(address).await;
    let head = format!("POST /set/a:late HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {A}");
    slow.send(format!("{head}\r\nContent-Length: 7\r\n\r\nin ")).await;
    crate::attacks::requests::reaches(&tenants.admin, "in_flight", 1).await;
    tenants.bridge.signal("-TERM");
    tenants.bridge.logs("shutting down: waiting for requests in progress");
    assert_eq!(events.next().await, None);
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(servers::PATIENCE, refused).await.expect("it accepts new connections");
    slow.send("time").await;
    let response = slow.rest().await;
    assert!(response.ends_with("{\"result\":\"OK\"}"), "{response}");
    let (status, log, store, start) = tokio::task::block_in_place(|| tenants.bridge.wait());
    assert_eq!(status.code(), Some(0), "{log}");
    let again = Tenants::of(Bridge::start(store, start));
    assert_eq!(again.a.result(&["GET", "a:late"]).await, "in time");
}

/// No client can prevent the shutdown.
async fn what_does_not_finish_is_not_waited_for(store: StoreKind) {
    let start = start(&store, "[server]\ndrain-timeout = \"200ms\"\nbody-timeout = \"600s\"");
    let tenants = Tenants::with(store, start).await;
    let address = tenants.bridge.address;
    let mut slow = Raw::connect(address).await;
    let head = format!("POST /set/a:late HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {A}");
    slow.send(format!("{head}\r\nContent-Length: 7\r\n\r\nin ")).await;
    crate::attacks::requests::reaches(&tenants.admin, "in_flight", 1).await;
    let (_, store, start) = tokio::task::block_in_place(|| tenants.bridge.stop());
    let again = Tenants::of(Bridge::start(store, start));
    assert_eq!(again.a.result(&["MGET", "a:late", "a:own"]).await, json!([null, "A-OWN"]));
}

crate::on_both_stores!(
    no_acknowledged_write_is_lost,
    what_is_under_way_may_finish,
    what_does_not_finish_is_not_waited_for,
);

/// It can be ended as soon as it listens.
#[test]
fn it_can_be_ended_as_soon_as_it_listens() {
    for signal in ["-TERM", "-INT"].repeat(10) {
        let bridge = Bridge::start(StoreKind::Memory, Start::default());
        bridge.signal(signal);
        let (status, log, _, _) = bridge.wait();
        assert_eq!(status.code(), Some(0), "{signal}: {status} {log}");
    }
}

/// Without a configuration file, SIGHUP has nothing to reload.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_without_tls() {
    let tenants = Tenants::with(StoreKind::Memory, start(&StoreKind::Memory, "")).await;
    for _ in 0..3 {
        tenants.bridge.signal("-HUP");
    }
    tenants.bridge.logs("configuration reloaded");
    assert_eq!(tenants.a.result(&["GET", "a:own"]).await, "A-OWN");
    // It still ends as it should, with its snapshot.
    let (_, store, start) = tokio::task::block_in_place(|| tenants.bridge.stop());
    let again = Tenants::of(Bridge::start(store, start));
    assert_eq!(again.a.result(&["GET", "a:own"]).await, "A-OWN");
}

/// A second signal does not wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once() {
    let start = Start::config(tenants::config("[server]\ndrain-timeout = \"600s\"\nbody-timeout = \"600s\"", ""));
    let tenants = Tenants::with(StoreKind::Memory, start).await;
    let address = tenants.bridge.address;
    let mut slow = Raw::connect(address).await;
    let head = format!("POST /set/a:late HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {A}");
    slow.send(format!("{head}\r\nContent-Length: 7\r\n\r\nin ")).await;
    crate::attacks::requests::reaches(&tenants.admin, "in_flight", 1).await;
    tenants.bridge.signal("-TERM");
    tenants.bridge.logs("shutting down: waiting for requests in progress");
    tenants.bridge.signal("-TERM");
    let (status, log, _, _) = tokio::task::block_in_place(|| tenants.bridge.wait());
    assert_eq!(status.code(), Some(0), "{log}");
}
