//! Invalid tokens, and tokens with too few rights.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use isocache_bridge::access::Digest;
use reqwest::Method;
use serde_json::Value;

use crate::client::{Caller, Response};
use crate::support::{Bridge, Start, StoreKind, isocache};
use crate::tenants::{self, A, ADMIN, B, READER, SECRET, SIGNING, Tenants};
use servers::clock::ServerClock;
use servers::redis::{Options, RedisServer};

const WRONGPASS: &str = "WRONGPASS invalid or missing auth token";

/// The response is the same for every failure and reveals nothing.
#[track_caller]
fn is_refused(response: &Response, what: &str) {
    assert_eq!(response.status, 401, "{what}: {}", response.text());
    assert_eq!(response.error().1, WRONGPASS, "{what}");
    assert!(response.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer")), "{what}");
}

async fn a_bad_header_is_not_made_up_for(store: StoreKind) {
    let tenants = Tenants::with(store, Start::config(tenants::config("[listen]\nquery-token = true", ""))).await;
    let watch = tenants.watch();
    let nobody = tenants.bridge.nobody();
    let path = format!("/get/a:own?_token={A}");
    let ask = |path: &str, headers: &[&str]| {
        let request = nobody.request(Method::GET, path);
        headers.iter().fold(request, |request, header| request.header("authorization", *header))
    };
    assert_eq!(nobody.send(ask(&path, &[])).await.result(), "A-OWN");
    let good = format!("Bearer {A}");
    for (what, headers) in [
        ("another token", vec!["Bearer nobody-has-this-token".to_owned()]),
        ("another scheme", vec![format!("Basic {A}")]),
        ("no scheme", vec![A.to_owned()]),
        ("nothing", vec![String::new()]),
        ("only a scheme", vec!["Bearer".to_owned()]),
        ("two words", vec![format!("Bearer {A} {A}")]),
        ("two headers", vec![good.clone(), good.clone()]),
        ("two headers, one bad", vec![good.clone(), "Bearer x".to_owned()]),
        ("the token in capitals", vec![format!("Bearer {}", A.to_uppercase())]),
        ("a part of the token", vec![format!("Bearer {}", &A[..A.len() - 1])]),
        ("more than the token", vec![format!("Bearer {A}0")]),
        ("its hash", vec![format!("Bearer {}", Digest::of(A.as_bytes()))]),
        ("a very long one", vec![format!("Bearer {}", "x".repeat(20_000))]),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        is_refused(&nobody.send(ask(&path, &headers)).await, what);
        is_refused(&nobody.send(ask("/get/a:own", &headers)).await, what);
    }
    for query in ["", "?_token=", "?_token", "?_token=x", "?token=x", "?_token=%zz"] {
        is_refused(&nobody.get(&format!("/get/a:own{query}")).await, query);
    }
    // Two headers are refused, in any order and spelling of the name.
    for two in ["_token=x&_token=", "%5Ftoken=x&_token=", "_token&_token=", "_token=_token&NX&_token="] {
        for query in [format!("{two}{A}"), format!("_token={A}&{two}{A}")] {
            is_refused(&nobody.get(&format!("/get/a:own?{query}")).await, &query);
            is_refused(&nobody.post(&format!("/?{query}"), "[\"GET\",\"a:own\"]").await, &query);
            let (status, text) = tenants.a.get(&format!("/get/a:own?{query}")).await.error();
            assert_eq!((status, text.as_str()), (400, "ERR more than one _token"), "beside a header: {query}");
        }
    }
    // A page of another site can make a browser send it.
    let cross = ask(&path, &[]).header("sec-fetch-site", "cross-site");
    assert_eq!(nobody.send(cross).await.error(), (403, "ERR refused by the bridge: this origin is not allowed".into()));
    let cross =
        nobody.request(Method::POST, &format!("/set/a:own/x?_token={A}")).header("origin", "https://evil.example");
    assert_eq!(nobody.send(cross).await.error().0, 403);
    // A read-only token stays read-only, wherever the request carries it.
    let write = format!("/set/a:own/x?_token={READER}");
    assert!(nobody.get(&write).await.error().1.starts_with("NOPERM"));
    watch.finish().await;
    assert_eq!(tenants.a.result(&["GET", "a:own"]).await, "A-OWN");
}

async fn a_token_in_the_address_counts_only_where_configured(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    is_refused(&tenants.bridge.nobody().get(&format!("/get/a:own?_token={A}")).await, "not configured");
    // Beside a header it is not an argument of the command.
    assert_eq!(tenants.a.get("/get/a:own?_token=x").await.result(), "A-OWN");
}

/// The output of `isocache token sign` for a configuration and arguments.
fn sign(start: &mut Start, args: &[&str], clock: Option<&ServerClock>) -> Result<String, String> {
    let file = start.config_file().display().to_string();
    let output = isocache(&[&["token", "sign", "--config", &file], args].concat(), "", clock);
    let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Changes the claims of a token.
fn with_claims(token: &str, change: impl FnOnce(&mut Value)) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    change(&mut claims);
    format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2])
}

async fn a_signed_token_does_what_it_says_and_no_more(store: StoreKind) {
    let mut start = Start::config(tenants::config("", ""));
    let signed = sign(&mut start, &["--prefix", "user:4:", "--ttl", "1h"], None).unwrap();
    let tenants = Tenants::with(store, start).await;
    let watch = tenants.watch();
    let browser = tenants.bridge.caller(&signed);
    assert_eq!(browser.result(&["GET", "user:4:name"]).await, "four");
    for words in [
        vec!["GET", "user:42:name"],
        vec!["GET", "a:own"],
        vec!["SET", "user:4:name", "x"],
        vec!["SCAN", "0"],
        vec!["KEYS", "*"],
    ] {
        let (_, text) = browser.command(&words).await.error();
        assert!(text.starts_with("NOPERM") && !text.contains(SECRET), "{words:?}: {text}");
    }
    assert_eq!(browser.subscribe("/subscribe/user:4:x").await.unwrap_err().status, 400, "it has no channels");
    is_refused_metrics(&browser).await;
    watch.finish().await;
}

async fn is_refused_metrics(caller: &Caller) {
    let response = caller.get("/metrics").await;
    assert!(response.status >= 400 && !response.text().contains("isocache_"), "{}", response.text());
}

async fn forged_signed_tokens(store: StoreKind) {
    let mut start = Start::config(tenants::config("", ""));
    let signed = sign(&mut start, &["--prefix", "user:4:", "--ttl", "1h"], None).unwrap();
    let other_secret = tenants::config("", "").replace(SIGNING, "another-secret-that-is-as-long-as-it-must-be");
    let foreign = sign(&mut Start::config(other_secret), &["--prefix", "user:4:"], None).unwrap();
    let other_key = tenants::config("", "").replace("id = \"k1\"", "id = \"k2\"");
    let unknown = sign(&mut Start::config(other_key), &["--prefix", "user:4:"], None).unwrap();
    let past = ServerClock::new();
    past.set_ms(1_700_000_000_000);
    let expired = sign(&mut start, &["--prefix", "user:4:", "--ttl", "1h"], Some(&past)).unwrap();
    let future = ServerClock::new();
    future.set_ms(4_000_000_000_000);
    let premature = sign(&mut start, &["--prefix", "user:4:", "--ttl", "1h"], Some(&future)).unwrap();
    let most = "role = \"read-write\"\nprefixes = \"*\"\nchannels = \"*\"\nmax-ttl = 99999999";
    let generous = tenants::config("", "").replace("role = \"read-only\"\nprefixes = [\"user:\"]", most);
    let mut generous = Start::config(generous);
    let beyond = [
        ("a role beyond the key's", vec!["--prefix", "user:4:", "--role", "rw"]),
        ("a prefix beyond the key's", vec!["--prefix", "a:"]),
        ("a prefix that is more", vec!["--prefix", "user"]),
        ("a ttl beyond the key's", vec!["--prefix", "user:4:", "--ttl", "2h"]),
        ("a channel beyond the key's", vec!["--prefix", "user:4:", "--channel", "a:"]),
    ];
    // Signed with the right secret by a key with more rights.
    let escalated = beyond.clone().map(|(what, args)| (what, sign(&mut generous, &args, None).unwrap()));
    for (what, args) in &beyond {
        let error = sign(&mut start, args, None).unwrap_err();
        assert!(error.starts_with("isocache: the token's "), "{what}: {error}");
    }

    let parts: Vec<&str> = signed.split('.').collect();
    let mut flipped = signed.clone().into_bytes();
    let at = flipped.len() - 10;
    flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
    let mut forged = vec![
        ("signed with another secret", foreign),
        ("of a key that is not there", unknown),
        ("expired", expired),
        ("from the future", premature),
        ("with one byte changed", String::from_utf8(flipped).unwrap()),
        ("without a signature", format!("{}.{}.", parts[0], parts[1])),
        ("without its last part", format!("{}.{}", parts[0], parts[1])),
        ("with half a signature", signed[..signed.len() - 21].to_owned()),
        ("without its last byte", signed[..signed.len() - 1].to_owned()),
        ("with something after it", format!("{signed}A")),
        ("with another part", format!("{signed}.{}", parts[2])),
        ("with padding", format!("{signed}=")),
        ("of another version", signed.replacen("iso1", "iso2", 1)),
        ("with other prefixes", with_claims(&signed, |claims| claims["prefixes"] = serde_json::json!(["b:"]))),
        ("for everything", with_claims(&signed, |claims| claims["prefixes"] = serde_json::json!("*"))),
        ("that writes", with_claims(&signed, |claims| claims["role"] = serde_json::json!("read-write"))),
        ("of an admin", with_claims(&signed, |claims| claims["role"] = serde_json::json!("admin"))),
        ("that lives on", with_claims(&signed, |claims| claims["exp"] = serde_json::json!(u64::MAX))),
        ("with an algorithm", with_claims(&signed, |claims| claims["alg"] = serde_json::json!("none"))),
        ("of nothing", "iso1..".to_owned()),
        ("of dots", "iso1.....".to_owned()),
        ("of half a megabyte", format!("iso1.{}.A", "A".repeat(30_000))),
    ];
    forged.extend(escalated);
    let tenants = Tenants::with(store, start).await;
    let watch = tenants.watch();
    for (what, token) in &forged {
        let browser = tenants.bridge.caller(token);
        is_refused(&browser.command(&["GET", "user:4:name"]).await, what);
        is_refused(&browser.get("/get/user:4:name").await, what);
        is_refused(&browser.pipeline(&[vec!["GET", "user:4:name"]]).await, what);
        is_refused(&browser.subscribe("/subscribe/a:x").await.unwrap_err(), what);
    }
    assert_eq!(tenants.bridge.caller(&signed).result(&["GET", "user:4:name"]).await, "four");
    watch.finish().await;
}

/// With all logs on, and every kind of failure.
async fn no_secret_is_logged_or_told(store: StoreKind) {
    let mut start = Start::config(tenants::config("[listen]\nquery-token = true", ""));
    let signed = sign(&mut start, &["--prefix", "user:4:"], None).unwrap();
    let password = "password-of-redis-31";
    let store = match store {
        StoreKind::Memory => StoreKind::Memory,
        StoreKind::Redis(_) | StoreKind::Url(_) => {
            let server = RedisServer::start(Options::config(&["requirepass password-of-redis-31"]));
            let url = format!("redis://:password-of-redis-31@127.0.0.1:{}", server.port);
            // What the bridge is told of the server is not what stops it.
            start = start.env("ISOCACHE_STORE", &url);
            StoreKind::Redis(server)
        }
    };
    let mut tenants = Tenants::with(store, start.env("RUST_LOG", "trace")).await;
    let value = "a-value-that-nobody-may-log";
    let mut responses = Vec::new();
    let http2 = Caller {
        client: crate::client::builder().http2_prior_knowledge().build().unwrap(),
        ..tenants.bridge.caller(A)
    };
    for a in [&tenants.a, &http2] {
        assert_eq!(a.result(&["SET", "a:own", value]).await, "OK");
        responses.push(a.command(&["INCR", "a:own"]).await);
        responses.push(a.command(&["SET", "a:own", value, "EX", value]).await);
        responses.push(a.command(&["GET", "b:secret"]).await);
        responses.push(a.command(&["SET", "b:x", value]).await);
        responses.push(a.pipeline(&[vec!["INCR", "a:own"], vec![value, value]]).await);
        responses.push(a.post("/", format!("[\"SET\",\"a:own\",\"{value}\"")).await);
        responses.push(a.post("/pipeline", format!("[[\"SET\",\"a:own\",{{\"{value}\":1}}]]")).await);
        responses.push(a.get(&format!("/get/a:own/%zz{value}")).await);
        responses.push(a.send(a.request(Method::DELETE, &format!("/{value}"))).await);
    }
    let nobody = tenants.bridge.nobody();
    for token in [A, &signed] {
        responses.push(nobody.get(&format!("/get/b:secret?_token={token}")).await);
    }
    let bad = "a-token-that-was-mistyped";
    responses.push(tenants.bridge.caller(bad).command(&["GET", "a:own"]).await);
    responses.push(nobody.get(&format!("/get/b:secret?_token={bad}")).await);
    let _stream = tenants.a.subscribe("/subscribe/a:news").await.unwrap();
    assert_eq!(tenants.a.result(&["PUBLISH", "a:news", value]).await, 1);
    if tenants.bridge.store.is_redis() {
        tenants.bridge.redis().kill();
        responses.push(tenants.a.command(&["SET", "a:own", value]).await);
        responses.push(tenants.a.transaction(&[vec!["SET", "a:own", value]]).await);
        responses.push(tenants.a.subscribe("/subscribe/a:news").await.unwrap_err());
        responses.push(nobody.get("/readyz").await);
    }
    responses.push(tenants.admin.get("/metrics").await);
    let secrets = [A, B, READER, ADMIN, SIGNING, &signed, bad, value, SECRET, password];
    for response in &responses {
        let text = format!("{} {:?}", response.text(), response.headers);
        // The name of an unknown command is logged.
        let text = text.replace(&format!("refused by the bridge: '{value}'"), "");
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "{text}");
    }
    let (log, _, _) = tenants.bridge.stop();
    assert!(log.contains("TRACE") && log.contains("shutting down"), "{log}");
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} in {line:?}");
    }
}

crate::on_both_stores!(
    a_bad_header_is_not_made_up_for,
    a_token_in_the_address_counts_only_where_configured,
    a_signed_token_does_what_it_says_and_no_more,
    forged_signed_tokens,
    no_secret_is_logged_or_told,
);

/// Errors at the start do not quote secrets.
#[test]
fn no_secret_is_told_at_the_start() {
    let url = "redis://:password-of-redis-31@[";
    let output = Start::args(&["--store", url]).fails();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && !text.contains("password-of-redis-31"), "{text}");
    let key = "[[signing.keys]]\nid = \"k\"\nsecret = \"short-secret\"\nrole = \"read-only\"\nprefixes = [\"x:\"]\n";
    let text = String::from_utf8_lossy(&Start::config(key).fails().stderr).into_owned();
    assert!(text.contains("isocache.toml:2") && !text.contains("short-secret"), "{text}");
}

/// Expiry follows the wall clock: the same token, later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_token_ends() {
    let clock = ServerClock::new();
    clock.set_ms(1_800_000_000_000);
    let mut start = Start { clock: Some(clock.clone()), ..Start::config(tenants::config("", "")) };
    let signed = sign(&mut start, &["--prefix", "user:4:", "--ttl", "15m"], Some(&clock)).unwrap();
    let bridge = Bridge::start(StoreKind::Memory, start);
    let browser = bridge.caller(&signed);
    clock.set_ms(1_800_000_899_000);
    assert_eq!(browser.command(&["GET", "user:4:name"]).await.result(), Value::Null);
    clock.set_ms(1_800_000_900_000);
    let ended = browser.command(&["GET", "user:4:name"]).await;
    is_refused(&ended, "expired");
    assert!(ended.header("www-authenticate").unwrap().contains("has expired"));
}
