//! Clients that disconnect.

use std::time::Duration;

use crate::attacks::requests::reaches;
use crate::client::{Caller, Raw, base64};
use crate::support::{Bridge, Start, StoreKind};
use crate::tenants::{self, A, Tenants};
use servers::PATIENCE;
use servers::proxy::Proxy;
use servers::redis::RedisServer;

/// Sends a request on a connection that stays open.
async fn is_served(connection: &mut Raw) {
    connection.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.until("alive").await;
}

/// Open connections stay open, and a closed one makes room for another. The metrics are always reachable.
async fn no_more_connections_than_there_may_be(start: Start) {
    let bridge = Bridge::start(StoreKind::Memory, start.arg(&["--metrics-listen", "127.0.0.1:0"]));
    let mut open = [Raw::connect(bridge.address).await, Raw::connect(bridge.address).await];
    for connection in &mut open {
        is_served(connection).await;
    }
    for _ in 0..5 {
        let mut surplus = Raw::connect(bridge.address).await;
        assert_eq!(surplus.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.rest().await, "");
    }
    let metrics = Caller { base: format!("http://{}", bridge.metrics_address()), ..bridge.nobody() };
    let text = metrics.get("/metrics").await.text();
    assert!(text.contains("isocache_connections_refused_total{store=\"memory\"} 5\n"), "{text}");
    for connection in &mut open {
        is_served(connection).await;
    }
    let [first, mut second] = open;
    drop(first);
    // It does not matter when the bridge notices.
    let served = async {
        loop {
            let mut another = Raw::connect(bridge.address).await;
            let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            if another.send(request).await.rest().await.contains("alive") {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, served).await.expect("a connection that has gone leaves room");
    is_served(&mut second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_have_a_limit() {
    no_more_connections_than_there_may_be(Start::config("[server]\nmax-connections = 2\n")).await;
    let option = Start::config("[server]\nmax-connections = 1\n").arg(&["--max-connections", "2"]);
    no_more_connections_than_there_may_be(option).await;
}

/// Hundreds of requests whose client does not wait for the response, while another client reads.
async fn go_away_in_mid_flight(tenants: &Tenants) {
    let watch = tenants.watch();
    let address = tenants.bridge.address;
    let head = format!("POST /pipeline HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {A}");
    let leavers: Vec<_> = (0..10)
        .map(|worker| {
            let head = head.clone();
            tokio::spawn(async move {
                for round in 0..40 {
                    let body =
                        format!("[[\"SET\",\"a:{worker}\",\"{round}\"],[\"GET\",\"a:own\"],[\"ECHO\",\"left\"]]");
                    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    let mut connection = Raw::connect(address).await;
                    // Some disconnect before their request is complete.
                    let sent = if round % 4 == 0 { request.len() - 7 } else { request.len() };
                    connection.send(&request[..sent]).await;
                    if round % 3 == 0 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
            })
        })
        .collect();
    for leaver in leavers {
        leaver.await.unwrap();
    }
    watch.finish().await;
    reaches(&tenants.admin, "in_flight", 0).await;
    assert_eq!(tenants.a.result(&["GET", "a:own"]).await, "A-OWN");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_go_away_with_the_store_in_memory() {
    go_away_in_mid_flight(&Tenants::start(StoreKind::Memory).await).await;
}

/// Replies are slow, so that most clients have disconnected when theirs arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_go_away_with_a_slow_redis() {
    let server = RedisServer::plain();
    let proxy = Proxy::start(server.port);
    let tenants = Tenants::start(StoreKind::Url(proxy.url())).await;
    let connections = proxy.connections();
    proxy.delay(Duration::from_millis(4));
    go_away_in_mid_flight(&tenants).await;
    assert_eq!(proxy.connections(), connections, "all this was on one connection");
}

/// An HTTP/2 client cancels requests without closing the connection.
async fn http2_requests_that_are_taken_back(store: StoreKind) {
    let config = tenants::config("", "max-in-flight = 50");
    let tenants = Tenants::with(store, Start::config(config)).await;
    let watch = tenants.watch();
    let client = crate::client::builder().http2_prior_knowledge().build().unwrap();
    let a = crate::client::Caller { client, ..tenants.a.clone() };
    let value = base64(&vec![7; 30_000]);
    for round in 0..300_u64 {
        let request = a.request(reqwest::Method::POST, "/set/a:big").body(value.clone()).send();
        let _ = tokio::time::timeout(Duration::from_micros(round * 10), request).await;
    }
    watch.finish().await;
    reaches(&tenants.admin, "in_flight", 0).await;
    let response = a.command(&["GET", "a:own"]).await;
    assert_eq!(response.result(), "A-OWN");
}

crate::on_both_stores!(http2_requests_that_are_taken_back);
