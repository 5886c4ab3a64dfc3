//! Metrics, logs and rate limits.

use crate::client::{Caller, raw};
use crate::support::{Bridge, Start, StoreKind};
use crate::tenants::{self, Tenants};
use servers::clock::ServerClock;

async fn probes_and_metrics(store: StoreKind) {
    let start = Start::config(tenants::config("", "")).arg(&["--metrics-listen", "127.0.0.1:0"]);
    let tenants = Tenants::with(store, start).await;
    let address = tenants.bridge.metrics_address();
    let nobody = tenants.bridge.nobody();
    for path in ["/livez", "/readyz"] {
        assert_eq!(nobody.get(path).await.status, 200, "{path}");
    }
    assert_eq!(nobody.get("/metrics").await.status, 401);
    for caller in [&tenants.a, &tenants.reader] {
        let response = caller.get("/metrics").await;
        assert_eq!(
            response.error(),
            (403, "NOPERM refused by the bridge: /metrics needs a token with the role admin".into())
        );
    }
    for (key, commands) in [("a:own", 3), ("a:missing", 2)] {
        for _ in 0..commands {
            tenants.a.command(&["GET", key]).await;
        }
    }
    tenants.a.command(&["MGET", "a:own", "a:missing", "a:missing"]).await;
    tenants.a.command(&["NO-SUCH-COMMAND-OR-SECRET"]).await;
    let text = tenants.admin.get("/metrics").await.text();
    let store = if tenants.bridge.store.is_redis() { "redis" } else { "memory" };
    for line in [
        format!("isocache_commands_total{{store=\"{store}\",command=\"get\"}} 5"),
        format!("isocache_commands_total{{store=\"{store}\",command=\"unknown\"}} 1"),
        format!("isocache_hits_total{{store=\"{store}\"}} 4"),
        format!("isocache_misses_total{{store=\"{store}\"}} 4"),
        format!("isocache_requests_total{{store=\"{store}\",status=\"401\"}} 1"),
        format!("isocache_store_up{{store=\"{store}\"}} 1"),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    assert!(text.ends_with("# EOF\n"));
    assert!(!text.contains("SECRET") && !text.contains("a:own"), "{text}");
    // The separate port needs no token, and serves nothing else.
    let own = Caller { base: format!("http://{address}"), ..nobody };
    let response = own.get("/metrics").await;
    assert_eq!(response.status, 200);
    assert!(response.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(response.text().contains("isocache_hits_total"));
    let (_, text) = raw(address, &format!("POST /set/a:own/x HTTP/1.1\r\nHost: {address}"), b"").await;
    assert!(!text.contains("result"), "{text}");
    assert_eq!(tenants.a.result(&["GET", "a:own"]).await, "A-OWN");
}

/// The clock stands still until the test moves it.
async fn rates_are_kept(store: StoreKind) {
    let clock = ServerClock::new();
    let now = 1_800_000_000_000;
    clock.set_ms(now);
    let config = tenants::config("", "commands-per-second = 10, commands-burst = 20");
    let start = Start { clock: Some(clock.clone()), ..Start::config(config) };
    let tenants = Tenants::with(store, start).await;
    for _ in 0..10 {
        assert_eq!(tenants.a.result(&["GET", "a:own"]).await, "A-OWN");
    }
    assert_eq!(tenants.a.pipeline(&vec![vec!["GET", "a:own"]; 10]).await.status, 200);
    for response in [
        tenants.a.command(&["GET", "a:own"]).await,
        tenants.a.get("/get/a:own").await,
        tenants.a.transaction(&[vec!["GET", "a:own"]]).await,
        tenants.a.subscribe("/subscribe/a:news").await.unwrap_err(),
    ] {
        assert_eq!(response.error(), (429, "ERR rate limit exceeded".into()));
        assert_eq!(response.header("retry-after"), Some("1"));
    }
    tenants.b_is_well().await;
    assert_eq!(tenants.reader.result(&["GET", "a:own"]).await, "A-OWN", "another token");
    clock.set_ms(now + 100);
    assert_eq!(tenants.a.result(&["GET", "a:own"]).await, "A-OWN");
    assert_eq!(tenants.a.command(&["GET", "a:own"]).await.status, 429);
    // The cost of a long pipeline delays later requests.
    clock.set_ms(now + 10_000);
    assert_eq!(tenants.a.pipeline(&vec![vec!["GET", "a:own"]; 100]).await.status, 200);
    let wait = tenants.a.command(&["GET", "a:own"]).await;
    assert_eq!((wait.status, wait.header("retry-after")), (429, Some("9")));
    clock.set_ms(now + 18_000);
    assert_eq!(tenants.a.command(&["GET", "a:own"]).await.status, 429);
    clock.set_ms(now + 19_000);
    assert_eq!(tenants.a.command(&["GET", "a:own"]).await.status, 200);
}

crate::on_both_stores!(probes_and_metrics, rates_are_kept);

/// Logs for machines: each line is an object.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_as_json() {
    let bridge = Bridge::start(StoreKind::Memory, Start::args(&["--log-format", "json"]));
    assert_eq!(bridge.nobody().result(&["SET", "k", "v"]).await, "OK");
    let (log, _, _) = bridge.stop();
    assert!(log.lines().count() >= 2, "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["fields"]["message"].is_string(), "{line}");
    }
}
