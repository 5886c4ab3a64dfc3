//! Bodies that are refused before they are read, idle connections, and large responses.

use std::io::Read;

use axum::http::Method;
use serde_json::json;

use crate::client::Raw;
use crate::support::{Bridge, Start, StoreKind};
use crate::tenants::{self, A, READER, Tenants};
use servers::PATIENCE;

fn head(line: &str, address: std::net::SocketAddr, more: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: {address}\r\n{more}\r\n")
}

/// A body with a declared length that is too large is refused before a byte of it is sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declared_length_is_refused_at_once() {
    let start = Start::config(tenants::config("[server]\nbody-timeout = \"10m\"", "max-body-bytes = 1000"));
    let tenants = Tenants::with(StoreKind::Memory, start).await;
    let address = tenants.bridge.address;
    for (token, length, status) in [(A, "1001", "413"), (A, "9999999999999", "413"), ("nobody", "1001", "401")] {
        for path in ["/set/a:k", "/", "/pipeline", "/multi-exec"] {
            let mut raw = Raw::connect(address).await;
            let more = format!("Authorization: Bearer {token}\r\nContent-Length: {length}\r\n");
            raw.send(head(&format!("POST {path}"), address, &more)).await;
            let response = raw.until("}").await;
            assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {response}");
        }
    }
    let mut raw = Raw::connect(address).await;
    let more = format!("Authorization: Bearer {A}\r\nContent-Length: 1000\r\n");
    raw.send(head("POST /set/a:k", address, &more)).await;
    raw.send("x".repeat(1000)).await;
    assert!(raw.until("}").await.contains("OK"), "the limit itself is allowed");
}

/// A client that continues to write still gets the response to a refused request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upload_ends_with_a_response() {
    let start =
        Start::config(tenants::config("", "max-body-bytes = 1000, commands-per-second = 1, commands-burst = 1"));
    let tenants = Tenants::with(StoreKind::Memory, start).await;
    let nobody = tenants.bridge.caller("an-expired-token-or-any-other");
    let body = vec![b'x'; 5 << 20];
    for _ in 0..20 {
        assert_eq!(nobody.post("/set/a:k", body.clone()).await.status, 401);
        assert_eq!(tenants.a.post("/set/a:k", body.clone()).await.status, 413);
        let chunked = tenants.a.request(Method::POST, "/set/a:k");
        let chunks = (0..80).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 65_536]));
        let chunked = chunked.body(reqwest::Body::wrap_stream(futures_util::stream::iter(chunks)));
        assert_eq!(tenants.a.send(chunked).await.status, 413);
    }
}

/// A connection that has got its responses to this many requests. A connection that the bridge has closed before, because
/// this machine took longer than the limits of a test, is replaced.
async fn served(address: std::net::SocketAddr, requests: usize) -> Raw {
    let connected = async {
        'connection: loop {
            let mut connection = Raw::connect(address).await;
            for _ in 0..requests {
                connection.send(head("GET /get/k", address, "")).await;
                if connection.until_or_end("null}").await.is_err() {
                    continue 'connection;
                }
            }
            return connection;
        }
    };
    tokio::time::timeout(PATIENCE, connected).await.expect("no connection is served")
}

/// An idle connection is kept longer than a slow head.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_and_slow_heads_have_limits_of_their_own() {
    let bridge = Bridge::start(
        StoreKind::Memory,
        Start::config("[server]\nhead-timeout = \"300ms\"\nkeep-alive = \"10m\"\nbody-timeout = \"10m\"\n"),
    );
    let address = bridge.address;
    let get = head("GET /get/k", address, "");
    let mut idle = served(address, 1).await;
    // A first head, a later one, and one that arrives byte by byte: all time out.
    for requests in [0, 1, 3] {
        let mut slow = served(address, requests).await;
        slow.send("GET /get/k HTTP/1.1\r\nHost:").await;
        assert_eq!(slow.rest().await, "");
    }
    let mut dribbling = served(address, 1).await;
    dribbling.send("GET /get/k HTTP/1.1\r\n").await;
    let dribble = async {
        while dribbling.is_open_for_the_bridge() {
            dribbling.send("X: y\r\n").await;
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, dribble).await.expect("it is waited for");
    // All of that took longer than a head may take, and the idle connection is still there.
    idle.send(&get).await;
    idle.until("null}").await;
    // A body is not part of the head.
    let mut body = served(address, 1).await;
    body.send(head("POST /set/k", address, "Content-Length: 7\r\n")).await;
    let mut other = Raw::connect(address).await;
    other.send("GET").await;
    assert_eq!(other.rest().await, "");
    body.send("in time").await;
    assert!(body.until("}").await.contains("OK"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_ends_in_time() {
    let bridge =
        Bridge::start(StoreKind::Memory, Start::config("[server]\nhead-timeout = \"10m\"\nkeep-alive = \"500ms\"\n"));
    let address = bridge.address;
    for requests in [1, 5] {
        let mut idle = served(address, requests).await;
        assert_eq!(idle.rest().await, "");
    }
    // A stream is not idle, however quiet it is.
    let mut events = bridge.nobody().subscribe("/subscribe/news").await.unwrap();
    events.next().await.unwrap();
    let mut idle = served(address, 1).await;
    assert_eq!(idle.rest().await, "");
    assert_eq!(bridge.nobody().result(&["PUBLISH", "news", "x"]).await, 1);
    assert!(events.next().await.is_some());
}

/// Large responses are compressed if the client accepts it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_responses_are_compressed() {
    let bridge = Bridge::start(StoreKind::Memory, Start::default());
    let nobody = bridge.nobody();
    let large = "to be or not to be ".repeat(20_000);
    assert_eq!(nobody.post("/set/large", large.clone()).await.result(), "OK");
    assert_eq!(nobody.result(&["SET", "small", "to be"]).await, "OK");
    let get = async |path: &str, accepts: &str| {
        let request = nobody.request(Method::GET, path).header("accept-encoding", accepts);
        nobody.send(request).await
    };
    let expected = json!({"result": large}).to_string();
    let gzip = get("/get/large", "gzip").await;
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert!(gzip.body.len() < large.len() / 10, "{}", gzip.body.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*gzip.body).read_to_string(&mut text).unwrap();
    assert_eq!(text, expected);
    let brotli = get("/get/large", "gzip, deflate, br").await;
    assert_eq!(brotli.header("content-encoding"), Some("br"));
    assert!(brotli.body.len() < large.len() / 10);
    assert!(brotli.header("vary").unwrap().to_lowercase().contains("accept-encoding"));
    for (path, accepts) in
        [("/get/large", "identity"), ("/get/large", "gzip;q=0"), ("/get/small", "gzip, br"), ("/get/large", "zstd")]
    {
        let plain = get(path, accepts).await;
        assert_eq!(plain.header("content-encoding"), None, "{path} {accepts}");
        assert!(plain.text().starts_with("{\"result\":\"to be"));
    }
    let none = nobody.get("/get/large").await;
    assert!(none.header("content-encoding").is_none() && none.text() == expected);
    // Pipelines and RESP are compressed too; events are not, since they must not wait.
    let request =
        nobody.request(Method::POST, "/pipeline").body("[[\"GET\",\"large\"]]").header("accept-encoding", "gzip");
    assert_eq!(nobody.send(request).await.header("content-encoding"), Some("gzip"));
    let head = nobody.send(nobody.request(Method::HEAD, "/get/large").header("accept-encoding", "gzip")).await;
    assert!(head.status == 200 && head.body.is_empty());
    let events = nobody.request(Method::POST, "/subscribe/news").header("accept", "text/event-stream");
    let events = events.header("accept-encoding", "gzip").send().await.unwrap();
    assert!(events.headers().get("content-encoding").is_none());
}

/// An empty body and a slash at the end are the empty string, where a command lacks a value.
async fn empty_values(store: StoreKind) {
    let bridge = Bridge::start(store, Start::default());
    let nobody = bridge.nobody();
    let send = async |method: Method, path: &str| {
        nobody.send(nobody.request(method, path).header("content-length", "0")).await
    };
    for (number, (method, path)) in [
        (Method::POST, "/set/k"),
        (Method::PUT, "/set/k"),
        (Method::GET, "/set/k/"),
        (Method::POST, "/set/k/"),
        (Method::PUT, "/set/k?EX=60"),
        (Method::GET, "/set/k/?EX=60&XX"),
        (Method::POST, "/SET/k?KEEPTTL"),
        (Method::PUT, "/setex/k/60"),
        (Method::GET, "/setex/k/60/"),
        (Method::POST, "/psetex/k/60000"),
        (Method::POST, "/mset/k"),
        (Method::GET, "/mset/a/1/k/"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(nobody.result(&["SET", "k", &format!("old {number}")]).await, "OK");
        assert_eq!(send(method.clone(), path).await.result(), "OK", "{method} {path}");
        assert_eq!(nobody.result(&["GET", "k"]).await, "", "{method} {path}");
    }
    assert_eq!(send(Method::PUT, "/set/k?EX=60").await.result(), "OK");
    assert!(nobody.result(&["TTL", "k"]).await.as_i64().unwrap() > 0, "the options of the query follow");
    for (method, path, result) in [
        (Method::POST, "/append/k", json!(0)),
        (Method::POST, "/getset/k", json!("")),
        (Method::GET, "/echo/", json!("")),
        (Method::POST, "/echo", json!("")),
        (Method::POST, "/publish/news", json!(0)),
        (Method::POST, "/setnx/k", json!(0)),
        // Complete commands stay as they are.
        (Method::POST, "/incr/n", json!(1)),
        (Method::POST, "/incr/n/", json!(2)),
        (Method::GET, "/get/k/", json!("")),
        (Method::POST, "/get/k", json!("")),
        (Method::POST, "/ping", json!("PONG")),
        (Method::POST, "/ping/", json!("PONG")),
        (Method::POST, "/exists/k/", json!(1)),
        (Method::POST, "/mset/k/v", json!("OK")),
        (Method::POST, "/set/k/v", json!("OK")),
        (Method::POST, "/set/k/v/", json!("OK")),
        (Method::PUT, "/del/k", json!(1)),
    ] {
        assert_eq!(send(method.clone(), path).await.result(), result, "{method} {path}");
    }
    assert_eq!(send(Method::POST, "/set").await.error().1, "ERR wrong number of arguments for 'set' command");
    assert_eq!(send(Method::GET, "/set/k").await.status, 400, "a GET has no body");
    if bridge.store.is_redis() {
        for (path, result) in
            [("/hset/h/f", 1), ("/hset/h/f/v/g/", 1), ("/lpush/l", 1), ("/sadd/s", 1), ("/zadd/z/1", 1)]
        {
            assert_eq!(send(Method::POST, path).await.result(), result, "{path}");
        }
        assert_eq!(nobody.result(&["HGETALL", "h"]).await, json!(["f", "v", "g", ""]));
    }
}

/// A refusal says that the bridge refuses, and a command of a module can be allowed by name.
async fn refusals_and_further_commands(store: StoreKind) {
    let token = |name: &str, allow: &str, more: &str| {
        let digest = isocache_bridge::access::Digest::of(format!("token-{name}").as_bytes());
        format!("[[token]]\nname = \"{name}\"\nsha256 = \"{digest}\"\nallow = [{allow}]\n{more}\n")
    };
    let admin = "role = \"admin\"";
    let config = [
        token("plain", "", admin),
        token("wide", "\"DIGEST\", \"GETT\", \"FT.SEARCH\"", admin),
        token("writer", "\"GETT\"", "role = \"read-write\"\nprefixes = \"*\""),
    ]
    .concat();
    let bridge = Bridge::start(store, Start::config(config));
    bridge.logs("wide: \"gett\" is not in the table of commands");
    let text = async |name: &str, words: &[&str]| {
        let response = bridge.caller(&format!("token-{name}")).command(words).await;
        assert_eq!(response.status, 400, "{words:?}");
        response.error().1
    };
    let by_bridge = "refused by the bridge: ";
    for words in [["GETT", "k"], ["FT.SEARCH", "k"], ["CONFIG", "GET"], ["BLPOP", "k"]] {
        let refusal = text("plain", &words).await;
        assert!(refusal.contains(by_bridge) && !refusal.contains("unknown command"), "{words:?}: {refusal}");
    }
    // These reach the store, which replies with its own error.
    for (name, words) in
        [("wide", ["gett", "k"]), ("wide", ["GETT", "k"]), ("wide", ["FT.SEARCH", "k"]), ("writer", ["GETT", "k"])]
    {
        let refusal = text(name, &words).await;
        assert!(refusal.starts_with("ERR unknown command") && !refusal.contains(by_bridge), "{words:?}: {refusal}");
    }
    assert!(text("wide", &["MEMORY", "OTHER"]).await.contains(by_bridge));
    assert!(text("writer", &["FT.SEARCH", "k"]).await.contains(by_bridge));
    // Those of Redis 8.4 are in the table, whether or not the store has them.
    for words in [["DIGEST", "k"], ["DELEX", "k"]] {
        assert!(!text("plain", &words).await.contains(by_bridge));
    }
    assert!(!text("plain", &["MSETEX", "1", "k", "v"]).await.contains(by_bridge));
}

crate::on_both_stores!(empty_values, refusals_and_further_commands);

/// Keys of the commands of Redis 8.4 are checked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_newer_commands_are_checked() {
    let tenants = Tenants::start(StoreKind::Memory).await;
    let outside = "NOPERM refused by the bridge: a key is outside the prefixes of this token";
    for words in [
        ["MSETEX", "1", "b:x", "v"].as_slice(),
        &["MSETEX", "2", "a:x", "v", "b:x", "v"],
        &["MSETEX", "2", "a:x", "b:v", "b:x", "v", "EX", "60"],
        &["DELEX", "b:x"],
        &["DELEX", "b:x", "IFEQ", "a:x"],
        &["DIGEST", "b:x"],
    ] {
        assert_eq!(tenants.a.command(words).await.error().1, outside, "{words:?}");
    }
    for words in [
        ["MSETEX", "1", "a:x", "v"].as_slice(),
        &["MSETEX", "2", "a:x", "b:v", "a:y", "b:v", "NX"],
        &["DELEX", "a:x", "IFEQ", "b:x"],
        &["DIGEST", "a:x"],
    ] {
        assert!(tenants.a.command(words).await.error().1.starts_with("ERR unknown command"), "{words:?}");
    }
    for words in [
        ["MSETEX", "2", "a:x", "v"].as_slice(),
        &["MSETEX", "0"],
        &["MSETEX", "1", "a:x"],
        &["MSETEX", "x", "a:x", "v"],
    ] {
        let text = tenants.a.command(words).await.error().1;
        assert!(text == "ERR value is not an integer or out of range", "{words:?}: {text}");
    }
    let reader = tenants.bridge.caller(READER);
    assert!(reader.command(&["MSETEX", "1", "a:x", "v"]).await.error().1.contains("this token may not run 'msetex'"));
    assert!(reader.command(&["DELEX", "a:x"]).await.error().1.contains("this token may not run 'delex'"));
}
