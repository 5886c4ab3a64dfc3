//! The examples, in use.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use isocache::{ManualClock, OnStoreError, RateLimiter, RedisCacheProvider};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{bounded, patient};
use crate::user_service;
use servers::redis::RedisServer;

#[allow(dead_code)]
#[path = "../../../examples/rate_limiter.rs"]
mod rate_limiter;

/// Sends a request; the status, the head and the body of the answer.
async fn ask(address: SocketAddr, request: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    bounded(stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn the_user_service() {
    let mut server = RedisServer::plain();
    let users: RedisCacheProvider<user_service::User> = patient(&server.url()).namespace("app").build().unwrap();
    let database = Arc::new(user_service::Database::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, user_service::app(users, Arc::clone(&database)).unwrap()).into_future());
    let reads = || database.reads.load(Ordering::Relaxed);

    assert_eq!(ask(address, "GET /users/1", "").await.0, 404);
    assert_eq!(ask(address, "PUT /users/1", r#"{"name":"Ada"}"#).await.0, 204);
    assert_eq!(reads(), 1);
    let ada = r#"{"id":1,"name":"Ada"}"#;
    for _ in 0..3 {
        assert_eq!(ask(address, "GET /users/1", "").await.2, ada);
        assert_eq!(ask(address, "GET /users?page=0", "").await.2, format!("[{ada}]"));
    }
    assert_eq!(reads(), 3, "each was read once");
    assert_eq!(ask(address, "PUT /users/1", r#"{"name":"Bo"}"#).await.0, 204);
    assert_eq!(ask(address, "GET /users/1", "").await.2, r#"{"id":1,"name":"Bo"}"#);
    assert_eq!(ask(address, "GET /users?page=0", "").await.2, r#"[{"id":1,"name":"Bo"}]"#);
    assert_eq!(reads(), 5);
    server.kill();
    assert_eq!(ask(address, "GET /users/1", "").await.2, r#"{"id":1,"name":"Bo"}"#, "the database answers");
    assert_eq!(ask(address, "PUT /users/1", r#"{"name":"Cy"}"#).await.0, 202);
}

/// Two processes of the service: each answers from its own memory, and sees what the other one writes.
#[tokio::test]
async fn two_user_services() {
    let server = RedisServer::plain();
    let database = Arc::new(user_service::Database::default());
    let mut addresses = Vec::new();
    for _ in 0..2 {
        let users: RedisCacheProvider<user_service::User> = patient(&server.url()).namespace("app").build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, user_service::app(users, Arc::clone(&database)).unwrap()).into_future());
    }
    let user = |name: &str| format!(r#"{{"id":1,"name":"{name}"}}"#);
    let mut old = None;
    for new in ["Ada", "Bo", "Cy"] {
        assert_eq!(ask(addresses[0], "PUT /users/1", &format!(r#"{{"name":"{new}"}}"#)).await.0, 204);
        for address in &addresses {
            bounded(async {
                loop {
                    let (reads, commands) = (database.reads.load(Ordering::Relaxed), gets(&server));
                    let read = ask(*address, "GET /users/1", "").await.2;
                    assert!(read == user(new) || Some(&read) == old.as_ref(), "{read}");
                    let is_near = (database.reads.load(Ordering::Relaxed), gets(&server)) == (reads, commands);
                    if read == user(new) && is_near {
                        return;
                    }
                }
            })
            .await;
        }
        old = Some(user(new));
    }
}

/// What Redis says of the lookups so far.
fn gets(server: &RedisServer) -> Option<String> {
    let stats = server.cli(&["INFO", "commandstats"]);
    stats.lines().find(|line| line.starts_with("cmdstat_get:")).map(str::to_owned)
}

#[tokio::test]
async fn the_rate_limiter() {
    let mut server = RedisServer::plain();
    let clock = ManualClock::new();
    let counters = patient(&server.url()).build().unwrap();
    let limiter = RateLimiter::token_bucket(counters, 3, Duration::from_secs(600)).unwrap();
    let limiter = limiter.clock(clock.clone()).on_store_error(OnStoreError::Allow);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = rate_limiter::app(limiter).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, service).into_future());
    for (left, reset) in [(2, 200), (1, 400), (0, 600)] {
        let (status, head, _) = ask(address, "GET /", "").await;
        assert!(status == 200 && head.contains(&format!("ratelimit: \"default\";r={left};t={reset}\r")), "{head}");
        assert!(head.contains("ratelimit-policy: \"default\";q=3;w=600\r") && !head.contains("retry-after"), "{head}");
    }
    let (status, head, _) = ask(address, "GET /", "").await;
    assert!(status == 429 && head.contains("retry-after: 200\r"), "{head}");
    assert!(head.contains("ratelimit: \"default\";r=0;t=200\r"), "{head}");
    assert_eq!(ask(address, "GET /elsewhere", "").await.0, 404);
    assert_eq!(server.cli(&["KEYS", "*"]), "rate:127.0.0.1:/:600000:bucket:3", "what has no route is not counted");
    clock.advance(Duration::from_secs(200));
    assert_eq!(ask(address, "GET /", "").await.0, 200, "a new token");
    server.kill();
    let (status, head, _) = ask(address, "GET /", "").await;
    assert!(status == 200 && !head.contains("ratelimit:"), "{head}");
}

/// The lines of the README, which are an example of their own, against a server that has just been started.
#[tokio::test]
async fn the_readme() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("examples/redis.rs")).unwrap();
    let (_, text) = text.split_once("\n\n").unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains(&format!("```rust,no_run\n{text}```")), "the README shows something else");
    let server = RedisServer::plain();
    // Beside the folder of this test.
    let this = std::env::current_exe().unwrap();
    let example = this.parent().unwrap().with_file_name("examples").join("redis");
    assert!(example.exists(), "not built: cargo test builds it, with --test it takes cargo build --examples first");
    let run = tokio::process::Command::new(example).env("REDIS_URL", server.url()).kill_on_drop(true).output();
    let output = bounded(run).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(server.cli(&["DBSIZE"]), "0");
    let calls = server.cli(&["INFO", "commandstats"]);
    assert!(calls.contains("cmdstat_set:calls=2,") && calls.contains("cmdstat_scan:calls=1,"), "{calls}");
}
