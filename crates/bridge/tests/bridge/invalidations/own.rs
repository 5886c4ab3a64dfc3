//! Whose changes they are: a reader is told which keys it has changed last itself, if the store knows. And what is counted.

use reqwest::Method;
use serde_json::{Value, json};
use servers::PATIENCE;

use super::{config, lively, poll};
use crate::client::{Caller, Changes, Response};
use crate::on_both_stores;
use crate::support::StoreKind;
use crate::tenants::Tenants;

on_both_stores!(
    a_reader_knows_its_own_changes,
    what_was_missed_says_whose_it_is,
    names_that_are_none_are_refused,
    metrics_count_events_and_their_delivery,
);

/// Sends commands in one request of an origin.
async fn by(caller: &Caller, origin: &str, path: &str, commands: &[&[&str]]) -> Response {
    let request = caller.request(Method::POST, path).header("Isocache-Origin", origin);
    let response = caller.send(request.body(serde_json::to_vec(commands).unwrap())).await;
    assert_eq!(response.status, 200, "{response:?}");
    response
}

/// The keys of the next events until all of these have come, each with whether it is listed as the reader's own.
async fn until(changes: &mut Changes, keys: &[&str]) -> Vec<(String, bool)> {
    let mut all: Vec<(String, bool)> = Vec::new();
    while !keys.iter().all(|key| all.iter().any(|(told, _)| told == key)) {
        let change = changes.change().await.expect("the stream goes on");
        assert_ne!(change.data["own"], json!([]), "without own keys there is no such field");
        let own = change.data["own"].as_array().cloned().unwrap_or_default();
        let keys = change.data["keys"].as_array().unwrap_or_else(|| panic!("{change:?}"));
        assert!(own.iter().all(|key| keys.contains(key)), "{change:?}");
        all.extend(keys.iter().map(|key| (key.as_str().unwrap().to_owned(), own.contains(key))));
    }
    all.sort_unstable();
    all
}

async fn a_reader_knows_its_own_changes(store: StoreKind) {
    let knows = !store.is_redis();
    let tenants = Tenants::with(store, config("")).await;
    let (a, other) = (&tenants.a, &tenants.admin);
    let mut tab = a.changes("?origin=tab-1").await.unwrap();
    let mut nobody = a.changes("").await.unwrap();
    let expected = |keys: &[(&str, bool)]| -> Vec<(String, bool)> {
        keys.iter().map(|(key, own)| ((*key).to_owned(), *own && knows)).collect()
    };
    by(a, "tab-1", "/pipeline", &[&["SET", "a:1", "x"], &["MSET", "a:2", "x", "a:3", "x"]]).await;
    assert_eq!(until(&mut tab, &["a:1", "a:2", "a:3"]).await, expected(&[("a:1", true), ("a:2", true), ("a:3", true)]));
    by(a, "tab-2", "/pipeline", &[&["SET", "a:1", "y"]]).await;
    assert_eq!(until(&mut tab, &["a:1"]).await, expected(&[("a:1", false)]));
    other.result(&["SET", "a:1", "z"]).await;
    assert_eq!(until(&mut tab, &["a:1"]).await, expected(&[("a:1", false)]));
    by(a, "tab-1", "/multi-exec", &[&["INCR", "a:n"], &["EXPIRE", "a:1", "100"], &["DEL", "a:2"]]).await;
    assert_eq!(until(&mut tab, &["a:1", "a:2", "a:n"]).await, expected(&[("a:1", true), ("a:2", true), ("a:n", true)]));
    by(a, "tab-1", "/pipeline", &[&["ISOCACHE.CLEAR", "a:[13]"]]).await;
    assert_eq!(until(&mut tab, &["a:1", "a:3"]).await, expected(&[("a:1", true), ("a:3", true)]));
    assert!(until(&mut nobody, &["a:3"]).await.iter().all(|(_, own)| !own), "it has no name");
    by(other, "tab-1", "/pipeline", &[&["FLUSHALL"]]).await;
    assert_eq!(tab.change().await.unwrap().data, json!({ "all": true }));
}

async fn what_was_missed_says_whose_it_is(store: StoreKind) {
    let knows = !store.is_redis();
    let tenants = Tenants::with(store, config("")).await;
    let a = &tenants.a;
    let mut all = a.changes("").await.unwrap();
    let since = all.position.clone();
    by(a, "tab-1", "/pipeline", &[&["SET", "a:1", "x"], &["SET", "a:2", "x"]]).await;
    a.result(&["SET", "a:2", "y"]).await;
    a.result(&["SET", "a:3", "y"]).await;
    by(a, "tab-1", "/pipeline", &[&["SET", "a:3", "x"], &["SET", "a:end", "x"]]).await;
    // Redis announces them a moment later.
    all.keys_until("a:end").await;
    let own = if knows { json!(["a:1", "a:3", "a:end"]) } else { Value::Null };
    let missed = poll(a, &format!("?origin=tab-1&since={since}")).await;
    assert_eq!((&missed["keys"], &missed["own"]), (&json!(["a:1", "a:2", "a:3", "a:end"]), &own), "{missed}");
    let foreign = poll(a, &format!("?origin=tab-2&since={since}")).await;
    assert_eq!((&foreign["keys"], &foreign["own"]), (&missed["keys"], &Value::Null));
    let mut again = a.changes(&format!("?origin=tab-1&since={since}")).await.unwrap();
    let told = until(&mut again, &["a:1", "a:2", "a:3", "a:end"]).await;
    let expected = [("a:1", knows), ("a:2", false), ("a:3", knows), ("a:end", knows)];
    assert_eq!(told, expected.map(|(key, own)| (key.to_owned(), own)));
}

async fn names_that_are_none_are_refused(store: StoreKind) {
    let tenants = Tenants::with(store, config("")).await;
    let a = &tenants.a;
    let long = "x".repeat(65);
    for (origin, encoded) in [("", ""), ("a b", "a%20b"), ("t\u{e4}b", "t%C3%A4b"), (&long, &long)] {
        let says = "is not an origin, which is 1 to 64 printable ASCII characters without spaces";
        let refused = a.get(&format!("/invalidations?origin={encoded}")).await.error();
        assert_eq!(refused, (400, format!("ERR the parameter origin {says}")), "{origin:?}");
        assert_eq!(a.changes(&format!("?origin={encoded}")).await.unwrap_err().error(), refused);
        let request = a.request(Method::POST, "/").header("isocache-origin", origin.as_bytes());
        let refused = a.send(request.body(r#"["SET","a:refused","x"]"#)).await;
        assert_eq!(refused.error(), (400, format!("ERR the header isocache-origin {says}")), "{origin:?}");
    }
    let twice = a.request(Method::POST, "/").header("isocache-origin", "a").header("isocache-origin", "b");
    let (status, error) = a.send(twice.body(r#"["SET","a:refused","x"]"#)).await.error();
    assert_eq!((status, error.contains("several times")), (400, true), "{error}");
    assert!(a.result(&["GET", "a:refused"]).await.is_null(), "nothing was written");
    by(a, &long[..64], "/pipeline", &[&["SET", "a:allowed", "x"]]).await;
}

async fn metrics_count_events_and_their_delivery(store: StoreKind) {
    let tenants = Tenants::with(store, lively("")).await;
    let mut changes = tenants.a.changes("").await.unwrap();
    tenants.a.result(&["SET", "a:1", "x"]).await;
    changes.keys_until("a:1").await;
    assert_eq!(changes.next().await.unwrap().name, "heartbeat");
    let unknown = format!("?since={:016x}-0", 7);
    poll(&tenants.a, &unknown).await;
    let mut reset = tenants.a.changes(&unknown).await.unwrap();
    assert_eq!(reset.change().await.unwrap().name, "reset");
    let metrics = tenants.admin.get("/metrics").await.text();
    let value = |name: &str, label: &str| -> f64 {
        let mut lines = metrics.lines().filter(|line| line.starts_with(&format!("isocache_{name}{{")));
        let line = lines.find(|line| line.contains(label)).unwrap_or_else(|| panic!("{name} {label}: {metrics}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let events = |name: &str| value("invalidation_events_total", &format!("event=\"{name}\""));
    assert!(value("invalidation_readers", "") >= 2.0);
    assert!(value("invalidations_total", "") >= 1.0);
    assert!(value("invalidation_resets_total", "") >= 2.0, "one of a stream, one without");
    assert!(value("invalidation_polls_total", "") >= 1.0);
    assert!(events("hello") >= 2.0 && events("invalidate") >= 1.0 && events("heartbeat") >= 1.0);
    assert!(events("reset") >= 1.0);
    assert!(value("invalidation_bytes_total", "") > 200.0);
    assert!(value("invalidation_delivery_seconds_count", "") >= 1.0);
    let seconds = value("invalidation_delivery_seconds_sum", "");
    assert!(seconds > 0.0 && seconds < PATIENCE.as_secs_f64(), "{seconds}");
}
