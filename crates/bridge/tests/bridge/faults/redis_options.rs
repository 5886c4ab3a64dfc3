//! Redis with a private authority, client certificates, users and Sentinels with passwords.

use serde_json::json;

use crate::client::{Response, in_time};
use crate::support::{Bridge, Start, StoreKind};
use servers::PATIENCE;
use servers::redis::{Options, RedisServer};
use servers::sentinel::SentinelSet;

/// The response to a command, once there is one in time.
async fn response(bridge: &Bridge, words: &[&str]) -> Response {
    in_time(async || bridge.nobody().command(words).await).await
}

async fn works(bridge: &Bridge) {
    assert_eq!(response(bridge, &["SET", "k", "v"]).await.result(), "OK");
    assert_eq!(response(bridge, &["GET", "k"]).await.result(), "v");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_authority_and_a_client_certificate() {
    let server = RedisServer::start(Options { tls: true, ..Options::default() });
    let certificates = server.certificates.as_ref().unwrap();
    let mut start = Start::default();
    let folder = start.folder();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let ca = file("ca.pem", &certificates.ca);
    let (certificate, key) = (file("client.pem", &certificates.client), file("client.key", &certificates.client_key));
    let url = server.url();
    let own = ["--store-client-certificate", &certificate, "--store-client-key", &key];
    let store = || StoreKind::Url(url.clone());
    let bridge = Bridge::start(store(), Start::args(&own).arg(&["--store-ca-certificate", &ca]));
    works(&bridge).await;

    // The same in the configuration.
    let config = format!(
        "[store]\nurl = \"{url}\"\nca-certificate = \"{ca}\"\nclient-certificate = \"{certificate}\"\nclient-key = \"{key}\"\n"
    );
    works(&Bridge::start(store(), Start::config(config))).await;

    // Without the option, the authorities of the system are trusted; with it, they are not.
    works(&Bridge::start(store(), Start::args(&own).env("SSL_CERT_FILE", &ca))).await;
    let other = RedisServer::start(Options { tls: true, ..Options::default() });
    let other = file("other.pem", &other.certificates.as_ref().unwrap().ca);
    for start in [
        Start::args(&own).env("SSL_CERT_FILE", &other),
        Start::args(&own).arg(&["--store-ca-certificate", &other]).env("SSL_CERT_FILE", &ca),
        Start::args(&["--store-ca-certificate", &ca]),
    ] {
        let bridge = Bridge::start(store(), start);
        assert_eq!(response(&bridge, &["GET", "k"]).await.status, 503);
    }
}

/// A password in a file is read again for each connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_rotates() {
    let server = RedisServer::start(Options::config(&["user app on >one ~* &* +@all"]));
    let mut start = Start::default();
    let password = start.folder().path().join("password");
    std::fs::write(&password, "one\n").unwrap();
    let file = password.display().to_string();
    let start = start.arg(&["--store-username", "app", "--store-password-file", &file]);
    let bridge = Bridge::start(StoreKind::Url(server.url()), start);
    works(&bridge).await;
    let mut events = bridge.nobody().subscribe("/subscribe/news").await.unwrap();
    events.next().await.unwrap();
    assert_eq!(server.cli(&["ACL", "SETUSER", "app", "resetpass", ">two"]), "OK");
    std::fs::write(&password, "two\n").unwrap();
    server.cli(&["CLIENT", "KILL", "USER", "app"]);
    let recovers = async { while bridge.nobody().command(&["GET", "k"]).await.status != 200 {} };
    tokio::time::timeout(PATIENCE, recovers).await.expect("it does not log on again");
    works(&bridge).await;
    assert!(bridge.nobody().subscribe("/subscribe/news").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_with_a_password() {
    let set = SentinelSet::start(Some("watch"), None);
    let bridge = Bridge::start(StoreKind::Url(set.url()), Start::default().env("ISOCACHE_SENTINEL_PASSWORD", "watch"));
    works(&bridge).await;
    let config = format!("[store]\nurl = \"{}\"\nsentinel-password-env = \"WATCH\"\n", set.url());
    works(&Bridge::start(StoreKind::Url(set.url()), Start::config(config).env("WATCH", "watch"))).await;
    let bridge = Bridge::start(StoreKind::Url(set.url()), Start::args(&["--store-sentinel-password", "wrong"]));
    assert_eq!(response(&bridge, &["GET", "k"]).await.status, 503);
}

/// A user who may not use MULTI: nothing of a transaction is executed, and the error says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_without_the_permission() {
    let server = RedisServer::start(Options::config(&[
        "user nomulti on >secret ~* &* +@all -multi",
        "user noexec on >secret ~* &* +@all -exec",
    ]));
    for (user, command) in [("nomulti", "multi"), ("noexec", "exec")] {
        let url = format!("redis://{user}:secret@127.0.0.1:{}", server.port);
        let bridge = Bridge::start(StoreKind::Url(url), Start::default());
        bridge.reaches_its_store();
        for _ in 0..3 {
            let response = bridge.nobody().transaction(&[vec!["SET", "t", "1"], vec!["INCR", "t"]]).await;
            let (status, text) = response.error();
            assert!(status == 400 && text.contains("NOPERM") && text.contains(command), "{status} {text}");
            assert_eq!(bridge.nobody().result(&["EXISTS", "t"]).await, 0);
        }
        let replies = bridge.nobody().pipeline(&[vec!["SET", "k", "1"], vec!["INCR", "k"]]).await.json();
        assert_eq!(replies, json!([{"result": "OK"}, {"result": 2}]), "pipelines need no permission");
        works(&bridge).await;
    }
    // Other requests are served as before.
    let bridge = Bridge::start(StoreKind::Url(server.url()), Start::default());
    bridge.reaches_its_store();
    let replies = bridge.nobody().transaction(&[vec!["SET", "t", "1"], vec!["INCR", "t"]]).await.json();
    assert_eq!(replies, json!([{"result": "OK"}, {"result": 2}]));
}
