//! Values in JSON, in base64 and in RESP2.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Caller, Response, base64};
use crate::support::{Bridge, Start, StoreKind};

async fn with(caller: &Caller, path: &str, body: &str, header: (&str, &str)) -> Response {
    let request = caller.request(Method::POST, path).header(header.0, header.1);
    caller.send(request.body(body.to_owned())).await
}

const BASE64: (&str, &str) = ("upstash-encoding", "base64");
const RESP2: (&str, &str) = ("upstash-response-format", "resp2");

async fn a_raw_body_is_the_value(store: StoreKind) {
    let bridge = Bridge::start(store, Start::default());
    let nobody = bridge.nobody();
    let all: Vec<u8> = (0..=255).collect();
    for value in [all.as_slice(), b"\0", b"\r\n\r\n", b"a\0b\r\nc", b"\xff\xfe", b"[\"GET\",\"k\"]", b"%00%ff+", b" "] {
        let set = nobody.post("/set/k?EX=100", value.to_vec()).await;
        assert_eq!(set.result(), "OK");
        let expected = [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat();
        let got = with(&nobody, "/get/k", "", RESP2).await;
        assert_eq!((got.header("content-type"), &got.body), (Some("application/octet-stream"), &expected));
        assert_eq!(with(&nobody, "/", "[\"GET\",\"k\"]", BASE64).await.result(), base64(value));
        assert_eq!(nobody.get("/get/k").await.result(), String::from_utf8_lossy(value).as_ref());
        assert_eq!(nobody.result(&["TTL", "k"]).await, 100);
    }
    // The body comes after the path, and before the query.
    assert_eq!(nobody.post("/setrange/k/1", "xy").await.result(), 3);
    assert_eq!(nobody.get("/get/k").await.result(), " xy");
    // Keys may be any bytes, too.
    for key in ["%00", "%FF%FE", "%0D%0A", "a%2Fb%3F%23%25", "%E2%82%AC", "+", "a&b=c;d"] {
        assert_eq!(nobody.post(&format!("/set/{key}"), key).await.result(), "OK");
        assert_eq!(nobody.get(&format!("/get/{key}")).await.result(), key);
    }
    assert_eq!(nobody.result(&["DBSIZE"]).await, 8, "they are different ones");
}

/// The official client takes `OK` as it is at the top, and decodes every string in an array.
async fn ok_in_base64(store: StoreKind) {
    let bridge = Bridge::start(store, Start::default());
    let nobody = bridge.nobody();
    assert_eq!(with(&nobody, "/set/k/OK", "", BASE64).await.result(), "OK");
    assert_eq!(with(&nobody, "/mget/k/k/none", "", BASE64).await.result(), json!(["T0s=", "T0s=", null]));
    let replies =
        with(&nobody, "/pipeline", "[[\"SET\",\"k\",\"v\"],[\"GET\",\"k\"],[\"STRLEN\",\"k\"],[\"NOPE\"]]", BASE64)
            .await;
    let expected = json!([{"result": "OK"}, {"result": "dg=="}, {"result": 1}, {"error": "ERR refused by the bridge: 'NOPE' is not in its table of commands; the configuration can allow it by name"}]);
    assert_eq!(replies.json(), expected);
    let replies = with(&nobody, "/multi-exec", "[[\"GET\",\"k\"]]", BASE64).await;
    assert_eq!(replies.json(), json!([{"result": "dg=="}]));
}

async fn resp2_is_what_redis_says(store: StoreKind) {
    let bridge = Bridge::start(store, Start::default());
    let nobody = bridge.nobody();
    for (body, expected) in [
        ("[\"SET\",\"k\",\"v\"]", "+OK\r\n"),
        ("[\"GET\",\"k\"]", "$1\r\nv\r\n"),
        ("[\"GET\",\"none\"]", "$-1\r\n"),
        ("[\"INCR\",\"n\"]", ":1\r\n"),
        ("[\"MGET\",\"k\",\"none\"]", "*2\r\n$1\r\nv\r\n$-1\r\n"),
        ("[\"INCR\",\"k\"]", "-ERR value is not an integer or out of range\r\n"),
        ("[\"PING\"]", "+PONG\r\n"),
        ("[\"SCAN\",\"0\",\"MATCH\",\"none\"]", "*2\r\n$1\r\n0\r\n*0\r\n"),
    ] {
        let response = with(&nobody, "/", body, RESP2).await;
        assert_eq!(response.text(), expected, "{body}");
        assert_eq!(response.status, if expected.starts_with('-') { 400 } else { 200 }, "{body}");
    }
    let both = "[[\"GET\",\"k\"],[\"GET\",\"none\"]]";
    assert_eq!(with(&nobody, "/pipeline", both, RESP2).await.text(), "$1\r\nv\r\n$-1\r\n");
    assert_eq!(with(&nobody, "/multi-exec", both, RESP2).await.json(), json!([{"result": "v"}, {"result": null}]));
    let request = nobody.request(Method::GET, "/get/k").header(BASE64.0, BASE64.1).header(RESP2.0, RESP2.1);
    assert_eq!(nobody.send(request).await.error().0, 400);
    assert_eq!(with(&nobody, "/get/k", "", ("upstash-response-format", "xml")).await.error().0, 400);
    assert_eq!(with(&nobody, "/get/k", "", ("upstash-encoding", "gzip")).await.error().0, 400);
}

async fn numbers_keep_their_digits(store: StoreKind) {
    let bridge = Bridge::start(store, Start::default());
    let nobody = bridge.nobody();
    for number in [
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775807",
        "123456789012345678901234567890",
        "1.0",
        "1e21",
        "1E+2",
        "-0",
        "-0.0",
        "0.1000000000000000055511151231257827",
        "true",
        "false",
    ] {
        assert_eq!(nobody.post("/", format!("[\"SET\",\"k\",{number}]")).await.result(), "OK");
        assert_eq!(nobody.get("/get/k").await.result(), number);
        let replies = nobody.post("/pipeline", format!("[[\"SET\",\"k\",{number}],[\"GET\",\"k\"]]")).await;
        assert_eq!(replies.json()[1]["result"], number);
    }
    // What a counter says, beyond what a number of JavaScript can hold.
    for (before, words, after) in [
        ("9007199254740991", ["INCRBY", "n", "2"], "9007199254740993"),
        ("9223372036854775806", ["INCRBY", "n", "1"], "9223372036854775807"),
        ("-9223372036854775807", ["DECRBY", "n", "1"], "-9223372036854775808"),
        ("9007199254740991", ["INCRBY", "n", "0"], "9007199254740991"),
    ] {
        nobody.result(&["SET", "n", before]).await;
        let text = nobody.command(&words).await.text();
        let digits = text.strip_prefix("{\"result\":").and_then(|text| text.strip_suffix('}')).unwrap();
        assert_eq!(digits.trim_matches('"'), after, "{text}");
        assert_eq!(nobody.result(&["GET", "n"]).await, after);
        assert_eq!(with(&nobody, "/", "[\"DECRBY\",\"n\",\"0\"]", RESP2).await.text(), format!(":{after}\r\n"));
    }
    nobody.result(&["SET", "n", "9223372036854775807"]).await;
    let (_, text) = nobody.command(&["INCR", "n"]).await.error();
    assert_eq!(text, "ERR increment or decrement would overflow");
    for body in [
        "[\"SET\",\"k\",null]",
        "[\"SET\",\"k\",[1]]",
        "[\"SET\",\"k\",{}]",
        "[\"SET\",\"k\",\"\\ud800\"]",
        "[\"SET\",\"k\",01]",
        "[\"SET\",\"k\",NaN]",
        "[\"SET\",\"k\",1]x",
        "{}",
        "\"GET\"",
        "",
        "[]",
        "null",
    ] {
        assert_eq!(nobody.post("/", body).await.error().0, 400, "{body}");
    }
    assert_eq!(nobody.post("/", "[\"SET\",\"k\",\"\\u0000\\ud83d\\ude00\\/\"]").await.result(), "OK");
    assert_eq!(nobody.get("/get/k").await.result(), Value::from("\0\u{1f600}/"));
}

/// It changes with every write, and not with a read.
async fn the_sync_token_changes_with_writes(store: StoreKind) {
    let bridge = Bridge::start(store, Start::default());
    let nobody = bridge.nobody();
    let token = |response: Response| response.header("upstash-sync-token").unwrap().to_owned();
    let mut last = token(nobody.command(&["SET", "k", "v"]).await);
    for words in [vec!["GET", "k"], vec!["TTL", "k"]] {
        assert_eq!(token(nobody.command(&words).await), last);
    }
    for (path, body) in [
        ("/", "[\"DEL\",\"k\"]"),
        ("/pipeline", "[[\"GET\",\"k\"],[\"SET\",\"k\",1]]"),
        ("/multi-exec", "[[\"INCR\",\"k\"]]"),
    ] {
        let next = token(nobody.post(path, body).await);
        assert_ne!(next, last, "{path}");
        last = next;
    }
}

crate::on_both_stores!(
    a_raw_body_is_the_value,
    ok_in_base64,
    resp2_is_what_redis_says,
    numbers_keep_their_digits,
    the_sync_token_changes_with_writes,
);
