//! Each way to a server, by URL and by builder.

use std::sync::{Arc, Mutex};

use isocache::{CacheError, CacheProvider, RedisCacheProvider, RedisCredentials};

use super::{patient, recovers};
use servers::cluster::Cluster;
use servers::redis::{Options, RedisServer};
use servers::sentinel::SentinelSet;

/// That a provider works.
async fn works(cache: &RedisCacheProvider<String>) {
    cache.set("k", "v".into(), None).await.unwrap();
    assert_eq!(cache.get("k").await.unwrap().as_deref(), Some("v"));
    assert!(cache.delete("k").await.unwrap());
}

/// The error of a provider that does not work.
async fn fails(cache: &RedisCacheProvider<String>) -> CacheError {
    cache.get("k").await.unwrap_err()
}

#[tokio::test]
async fn unix_socket() {
    let server = RedisServer::start(Options { unix: true, ..Options::default() });
    works(&patient(&server.url()).build().unwrap()).await;
    let second = patient::<String>(&format!("{}?db=2", server.url())).build().unwrap();
    second.set("k", "v".into(), None).await.unwrap();
    assert_eq!(server.cli(&["-n", "2", "GET", "k"]), "\"v\"");
    let nowhere = patient("unix:///nowhere/redis.sock").build().unwrap();
    let error = fails(&nowhere).await;
    assert!(matches!(&error, CacheError::Connection(text) if text.contains("/nowhere/redis.sock")), "{error}");
}

#[tokio::test]
async fn passwords_and_users() {
    let config = [
        "requirepass master",
        "user app on >p@ss:w/rd ~app:* +@read +@write +@connection +multi +exec",
        "user reader on >reader ~* +@read +@connection",
    ];
    let server = RedisServer::start(Options::config(&config));
    let port = server.port;
    works(&patient(&format!("redis://:master@127.0.0.1:{port}/5")).build().unwrap()).await;
    works(&patient(&server.url()).password("master").build().unwrap()).await;
    works(&patient(&format!("redis://app:p%40ss%3Aw%2Frd@127.0.0.1:{port}")).namespace("app").build().unwrap()).await;
    works(&patient(&server.url()).username("app").password("p@ss:w/rd").namespace("app").build().unwrap()).await;

    for (url, says) in [
        (format!("redis://:wrong-secret@127.0.0.1:{port}"), "WRONGPASS"),
        (format!("redis://nobody:wrong-secret@127.0.0.1:{port}"), "WRONGPASS"),
        (server.url(), "NOAUTH"),
    ] {
        let cache = patient(&url).build().unwrap();
        let error = fails(&cache).await;
        assert!(matches!(error, CacheError::Refused(_)), "{error}");
        let shown = format!("{error} {error:?} {cache:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains(says) || shown.contains("uthentication"), "{shown}");
    }
    let outside = patient::<String>(&server.url()).username("app").password("p@ss:w/rd").build().unwrap();
    let error = fails(&outside).await;
    assert!(matches!(&error, CacheError::Refused(text) if text.contains("NOPERM")), "{error}");
    let reader = patient::<String>(&format!("redis://reader:reader@127.0.0.1:{port}")).build().unwrap();
    assert_eq!(reader.get("k").await.unwrap(), None);
    let error = reader.set("k", "v".into(), None).await.unwrap_err();
    assert!(matches!(&error, CacheError::Refused(text) if text.contains("NOPERM")), "{error}");
    for password in ["a,b", "x,y,z", "!$&'()*+,;="] {
        server.cli(&[
            "--no-auth-warning",
            "-a",
            "master",
            "ACL",
            "SETUSER",
            "comma",
            "on",
            &format!(">{password}"),
            "~*",
            "+@all",
        ]);
        works(&patient(&format!("redis://comma:{password}@127.0.0.1:{port}")).build().unwrap()).await;
    }
    let database = patient(&format!("redis://:master@127.0.0.1:{port}/99")).build().unwrap();
    let error = fails(&database).await;
    assert!(error.to_string().contains("99") || error.to_string().contains("database"), "{error}");
}

/// Credentials that change while the application runs.
#[tokio::test]
async fn credentials_rotate() {
    let server = RedisServer::start(Options::config(&["user app on >one ~* +@all"]));
    let current = Arc::new(Mutex::new(Ok("one")));
    let provider = {
        let current = Arc::clone(&current);
        move || {
            let password = current.lock().unwrap().clone();
            async move { password.map(|password| RedisCredentials::new(password).username("app")) }
        }
    };
    let cache = patient(&server.url()).credentials_provider(provider).build().unwrap();
    works(&cache).await;
    assert_eq!(server.cli(&["ACL", "SETUSER", "app", "resetpass", ">two"]), "OK");
    works(&cache).await;
    server.cli(&["CLIENT", "KILL", "USER", "app"]);
    let error = fails(&cache).await;
    assert!(matches!(error, CacheError::Refused(_)), "the password is out of date: {error}");
    *current.lock().unwrap() = Ok("two");
    recovers(|| cache.get("k")).await;
    works(&cache).await;
    // A provider that fails says why, and is asked again.
    *current.lock().unwrap() = Err(CacheError::Connection("the vault is sealed".into()));
    server.cli(&["CLIENT", "KILL", "USER", "app"]);
    let error = fails(&cache).await;
    assert!(matches!(&error, CacheError::Connection(text) if text.contains("the vault is sealed")), "{error}");
    *current.lock().unwrap() = Ok("two");
    recovers(|| cache.get("k")).await;
    works(&cache).await;
}

#[tokio::test]
async fn credentials_rotate_in_a_cluster() {
    let cluster = Cluster::start(None);
    let everywhere = |words: &[&str]| cluster.nodes.iter().for_each(|node| drop(node.cli(words)));
    everywhere(&["ACL", "SETUSER", "app", "on", ">one", "~*", "+@all"]);
    let current = Arc::new(Mutex::new("one"));
    let provider = {
        let current = Arc::clone(&current);
        move || {
            let password = *current.lock().unwrap();
            async move { Ok(RedisCredentials::new(password).username("app")) }
        }
    };
    let cache = patient(&cluster.url()).credentials_provider(provider).build().unwrap();
    works(&cache).await;
    *current.lock().unwrap() = "two";
    everywhere(&["ACL", "SETUSER", "app", "resetpass", ">two"]);
    everywhere(&["CLIENT", "KILL", "USER", "app"]);
    works(&cache).await;
}

#[tokio::test]
async fn certificates_that_are_none() {
    let server = RedisServer::start(Options { tls: true, ..Options::default() });
    let good = server.certificates.as_ref().unwrap();
    let refused = |builder: isocache::RedisCacheBuilder<String>| builder.build().unwrap_err().to_string();
    for ca in ["", "not PEM", &good.client_key, "-----BEGIN CERTIFICATE-----\nAAAA"] {
        let error = refused(patient(&server.url()).ca_certificate(ca));
        assert!(error.contains("ca_certificate"), "{error}");
    }
    for (certificate, key) in [("", &*good.client_key), (&good.client, ""), (&good.client_key, &good.client)] {
        let error = refused(patient(&server.url()).client_certificate(certificate, key));
        assert!(error.contains("client_certificate"), "{error}");
    }
    // Two authorities are as good as one.
    let other = RedisServer::start(Options { tls: true, ..Options::default() });
    let both = format!("{}{}", other.certificates.as_ref().unwrap().ca, good.ca);
    let own = (good.client.clone(), good.client_key.clone());
    works(&patient(&server.url()).ca_certificate(both).client_certificate(own.0, own.1).build().unwrap()).await;
}

#[tokio::test]
async fn tls() {
    let server = RedisServer::start(Options { tls: true, ..Options::default() });
    let certificates = server.certificates.as_ref().unwrap();
    let own = (certificates.client.clone(), certificates.client_key.clone());
    let cache = patient(&server.url()).ca_certificate(certificates.ca.clone()).client_certificate(own.0, own.1);
    works(&cache.build().unwrap()).await;

    let unknown_authority = fails(&patient(&server.url()).build().unwrap()).await;
    assert!(matches!(unknown_authority, CacheError::Connection(_)), "{unknown_authority}");
    let no_certificate = patient(&server.url()).ca_certificate(certificates.ca.clone()).build().unwrap();
    let error = fails(&no_certificate).await;
    assert!(matches!(error, CacheError::Connection(_)), "{error}");
    let plain = patient(&format!("redis://127.0.0.1:{}", server.port)).build().unwrap();
    let error = fails(&plain).await;
    assert!(matches!(error, CacheError::Connection(_) | CacheError::Protocol(_)), "{error}");
    let useless = patient::<String>("redis://localhost").ca_certificate("x").build().unwrap_err();
    assert!(useless.to_string().contains("rediss"), "{useless}");
}

#[tokio::test]
async fn sentinels_with_a_password() {
    let set = SentinelSet::start(Some("watch"), None);
    works(&patient(&set.url()).sentinel_credentials(None, "watch").build().unwrap()).await;
    let error = fails(&patient(&set.url()).build().unwrap()).await;
    assert!(!error.to_string().contains("watch"), "{error}");
    let unknown = set.url().replace("/main", "/other");
    let error = fails(&patient(&unknown).sentinel_credentials(None, "watch").build().unwrap()).await;
    assert!(matches!(&error, CacheError::Connection(text) if text.contains("other")), "{error}");
}

/// The application starts while Redis is down, and works when it comes.
#[tokio::test]
async fn the_server_may_come_later() {
    let mut server = RedisServer::plain();
    server.kill();
    let cache: RedisCacheProvider<String> = patient(&server.url()).build().unwrap();
    for _ in 0..3 {
        let error = fails(&cache).await;
        assert!(matches!(&error, CacheError::Connection(text) if text.contains("127.0.0.1")), "{error}");
    }
    server.restart();
    recovers(|| cache.get("k")).await;
    works(&cache).await;
}

/// One provider, used from one runtime after the other, as tests do with one that is static.
#[test]
fn a_runtime_may_end() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<String> = patient(&server.url()).build().unwrap();
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(works(&cache));
    }
    let error = pollster::block_on(cache.get("k")).unwrap_err();
    assert!(error.to_string().contains("tokio runtime"), "{error}");
    // It ended in the middle of connecting to a server that takes no notice.
    server.freeze();
    let cache: RedisCacheProvider<String> = patient(&server.url()).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let brief = std::time::Duration::from_millis(50);
    assert!(runtime.block_on(async { tokio::time::timeout(brief, cache.get("k")).await }).is_err());
    drop(runtime);
    server.thaw();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(works(&cache));
}
