//! The reload of the configuration on SIGHUP.

use crate::client::Raw;
use crate::support::{Bridge, Start, StoreKind};
use isocache_bridge::access::Digest;

const OLD: &str = "the-old-token-that-is-long-enough";
const NEW: &str = "the-new-token-that-is-long-enough";

fn config(token: &str, more: &str) -> String {
    let digest = Digest::of(token.as_bytes());
    format!(
        "{more}\n[[token]]\nname = \"x\"\nsha256 = \"{digest}\"\nrole = \"read-write\"\nprefixes = [\"a:\"]\n\
         channels = [\"a:\"]\n"
    )
}

fn rewrite(bridge: &mut Bridge, config: String) {
    bridge.start.config = config;
    bridge.start.config_file();
    bridge.signal("-HUP");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_limits_and_origins_change_at_once() {
    let mut bridge = Bridge::start(StoreKind::Memory, Start::config(config(OLD, "")));
    let (old, new) = (bridge.caller(OLD), bridge.caller(NEW));
    assert_eq!(old.result(&["SET", "a:k", "v"]).await, "OK");
    assert_eq!(new.command(&["GET", "a:k"]).await.status, 401);
    let mut events = old.subscribe("/subscribe/a:news").await.unwrap();
    events.next().await.unwrap();

    let more = "[limits]\nmax-pipeline-commands = 2\n[cors]\norigins = [\"https://app.example\"]\n\
                request-headers = [\"traceparent\"]\n[listen]\nbase-path = \"/cache\"";
    rewrite(&mut bridge, config(NEW, more));
    bridge.logs("configuration reloaded");
    assert_eq!(old.command(&["GET", "a:k"]).await.status, 401);
    assert_eq!(new.result(&["GET", "a:k"]).await, "v", "the store is the same");
    assert_eq!(new.pipeline(&vec![vec!["GET", "a:k"]; 3]).await.status, 413);
    assert_eq!(new.get("/cache/get/a:k").await.result(), "v");
    assert_eq!(events.next().await, None, "a subscription under a token that is gone has ended");
    let preflight = bridge.nobody().request(reqwest::Method::OPTIONS, "/get/a:k");
    let preflight = preflight.header("origin", "https://app.example").header("access-control-request-method", "GET");
    let preflight = bridge.nobody().send(preflight).await;
    let allowed = preflight.header("access-control-allow-headers").unwrap().to_owned();
    assert!(allowed.contains("traceparent") && allowed.to_lowercase().contains("authorization"), "{allowed}");
}

/// A mistake changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_keeps_the_old_configuration() {
    let mut bridge = Bridge::start(StoreKind::Memory, Start::config(config(OLD, "")));
    let old = bridge.caller(OLD);
    assert_eq!(old.result(&["SET", "a:k", "v"]).await, "OK");
    for (round, wrong) in [
        "[listen\n".to_owned(),
        config(NEW, "[server]\nmax-streams = \"many\""),
        config(NEW, "[[token]]\nname = \"y\"\ntoken-env = \"NOBODY_SETS_THIS\"\nrole = \"admin\""),
        config(NEW, "[cors]\norigins = [\"*\"]"),
    ]
    .into_iter()
    .enumerate()
    {
        rewrite(&mut bridge, wrong);
        servers::eventually("the error", || {
            (bridge.log().matches("the configuration stays as it was: ").count() == round + 1).then_some(())
        });
        assert!(bridge.log().contains("isocache.toml:"), "{}", bridge.log());
        assert_eq!(old.result(&["GET", "a:k"]).await, "v");
        assert_eq!(bridge.caller(NEW).command(&["GET", "a:k"]).await.status, 401);
    }
    // A missing file is a mistake, too.
    std::fs::remove_file(bridge.start.folder().path().join("isocache.toml")).unwrap();
    bridge.signal("-HUP");
    bridge.logs("cannot read ");
    assert_eq!(old.result(&["GET", "a:k"]).await, "v");
    rewrite(&mut bridge, config(NEW, ""));
    bridge.logs("configuration reloaded");
    assert_eq!(bridge.caller(NEW).result(&["GET", "a:k"]).await, "v");
}

/// The log names changes that need a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_that_takes_a_restart_is_named() {
    let mut bridge = Bridge::start(StoreKind::Memory, Start::config(config(OLD, "")));
    rewrite(
        &mut bridge,
        config(OLD, "[server]\ncommand-timeout = \"1s\"\nkeep-alive = \"10s\"\n[store]\nmax-entries = 7"),
    );
    bridge.logs("[server] keep-alive has changed, which takes a restart");
    let log = bridge.log();
    assert!(log.contains("[server] command-timeout has changed") && log.contains("[store] has changed"), "{log}");
    assert!(!log.contains("[listen] address has changed"), "{log}");
    // Without a file there is nothing to read.
    let bridge = Bridge::start(StoreKind::Memory, Start { is_bare: true, ..Start::default() });
    bridge.signal("-HUP");
    bridge.logs("there is no configuration file to read again");
}

/// During shutdown-delay it serves new connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_port_stays_open_for_the_shutdown_delay() {
    let bridge = Bridge::start(StoreKind::Memory, Start::args(&["--shutdown-delay", "10m"]));
    let (address, nobody) = (bridge.address, bridge.nobody());
    assert_eq!(nobody.get("/readyz").await.status, 200);
    let mut events = nobody.subscribe("/subscribe/news").await.unwrap();
    events.next().await.unwrap();
    bridge.signal("-TERM");
    bridge.logs("/readyz returns 503, and the port closes in 600s");
    // On new connections.
    let fresh = || crate::client::Caller { client: crate::client::client(), ..nobody.clone() };
    assert_eq!(fresh().get("/readyz").await.error(), (503, "ERR the bridge is shutting down".into()));
    assert_eq!(fresh().get("/livez").await.status, 200);
    assert_eq!(fresh().result(&["SET", "k", "v"]).await, "OK");
    assert_eq!(fresh().result(&["PUBLISH", "news", "x"]).await, 1, "subscriptions go on");
    let mut raw = Raw::connect(address).await;
    raw.send(format!("GET /get/k HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")).await;
    assert!(raw.rest().await.contains("\"v\""));
    // A second signal does not wait.
    bridge.signal("-TERM");
    let (status, log, _, _) = tokio::task::block_in_place(|| bridge.wait());
    assert_eq!(status.code(), Some(0), "{log}");

    let bridge = Bridge::start(StoreKind::Memory, Start::config("[server]\nshutdown-delay = \"100ms\"\n"));
    bridge.signal("-TERM");
    let (status, log, _, _) = tokio::task::block_in_place(|| bridge.wait());
    assert!(status.code() == Some(0) && log.contains("the port closes in 100ms"), "{log}");
}
