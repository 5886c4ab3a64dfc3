//! Clients that go away.

use std::time::Duration;

use crate::attacks::requests::reaches;
use crate::client::{Raw, base64};
use crate::servers::proxy::Proxy;
use crate::servers::redis::RedisServer;
use crate::support::{Behind, Start};
use crate::tenants::{self, A, Tenants};

/// Hundreds of requests whose client does not wait for the answer, while another one reads.
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
                    // Some go before their request is whole.
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
    go_away_in_mid_flight(&Tenants::start(Behind::Memory).await).await;
}

/// Replies take their time, so that most clients are gone when theirs comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_go_away_with_a_slow_redis() {
    let server = RedisServer::plain();
    let proxy = Proxy::start(server.port);
    let tenants = Tenants::start(Behind::Url(proxy.url())).await;
    proxy.delay(Duration::from_millis(4));
    go_away_in_mid_flight(&tenants).await;
    assert_eq!(proxy.connections(), 1, "all this was on one connection");
}

/// An HTTP/2 client takes requests back without closing anything.
async fn http2_requests_that_are_taken_back(behind: Behind) {
    let config = tenants::config("", "max-in-flight = 50");
    let tenants = Tenants::with(behind, Start::config(config)).await;
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
    let answer = a.command(&["GET", "a:own"]).await;
    assert_eq!(answer.result(), "A-OWN");
}

crate::on_both_stores!(http2_requests_that_are_taken_back);
