//! TLS: HTTP/2, and a certificate that is reloaded.

use std::path::Path;

use reqwest::{Certificate, Version};

use crate::client::{Caller, Raw, builder};
use crate::support::{Bridge, Start, StoreKind};
use crate::tenants::{self, A, Tenants};

/// Writes a new certificate for the loopback address, and its key. Returns the certificate as PEM.
fn renew(folder: &Path) -> String {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let issued = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(folder.join("key.pem"), issued.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), issued.cert.pem()).unwrap();
    issued.cert.pem()
}

/// A caller with the token of A that trusts only this certificate, on its own connections.
fn trusting(bridge: &Bridge, certificate: &str, http1: bool) -> Caller {
    let certificate = Certificate::from_pem(certificate.as_bytes()).unwrap();
    let builder = builder().tls_certs_only([certificate]);
    let builder = if http1 { builder.http1_only() } else { builder };
    Caller { client: builder.build().unwrap(), ..bridge.caller(A) }
}

fn start() -> (Start, String) {
    let mut start =
        Start::config(tenants::config("[tls]\ncertificate = \"{folder}/cert.pem\"\nkey = \"{folder}/key.pem\"", ""));
    let certificate = renew(start.folder().path());
    (start, certificate)
}

async fn version(caller: &Caller) -> Option<Version> {
    let response = caller.request(reqwest::Method::GET, "/get/a:own").send().await.ok()?;
    let version = response.version();
    (response.status() == 200 && response.text().await.ok()? == "{\"result\":null}").then_some(version)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_read_again() {
    let (start, first) = start();
    let mut tenants = Tenants::of(Bridge::start(StoreKind::Memory, start));
    assert_eq!(tenants.bridge.scheme, "https");
    let old = trusting(&tenants.bridge, &first, false);
    assert_eq!(version(&old).await, Some(Version::HTTP_2));
    assert_eq!(version(&trusting(&tenants.bridge, &first, true)).await, Some(Version::HTTP_11));

    let folder = tenants.folder();
    let second = renew(folder.path());
    assert_eq!(version(&trusting(&tenants.bridge, &second, false)).await, None, "not before it is told");
    tenants.bridge.signal("-HUP");
    tenants.bridge.logs("configuration reloaded");
    assert_eq!(version(&trusting(&tenants.bridge, &second, false)).await, Some(Version::HTTP_2));
    assert_eq!(version(&trusting(&tenants.bridge, &first, false)).await, None);
    assert_eq!(version(&old).await, Some(Version::HTTP_2), "connections that are open stay so");

    std::fs::write(folder.path().join("cert.pem"), "no certificate").unwrap();
    tenants.bridge.signal("-HUP");
    tenants.bridge.logs("the configuration stays as it was");
    assert_eq!(version(&trusting(&tenants.bridge, &second, false)).await, Some(Version::HTTP_2));
    tenants.bridge.stop();
}

/// Concurrent requests on one HTTP/2 connection get their own responses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responses_on_one_connection_do_not_mix() {
    let (start, certificate) = start();
    let bridge = Bridge::start(StoreKind::redis(), start);
    let caller = trusting(&bridge, &certificate, false);
    // For a connection to Redis, a busy machine may take another attempt.
    let ready = async { while caller.get("/readyz").await.status != 200 {} };
    tokio::time::timeout(servers::PATIENCE, ready).await.expect("Redis does not reply");
    let tasks: Vec<_> = (0..100)
        .map(|own| {
            let caller = caller.clone();
            tokio::spawn(async move {
                let value = format!("{own}-").repeat(own * 50 + 1);
                assert_eq!(caller.post(&format!("/set/a:{own}"), value.clone()).await.result(), "OK");
                assert_eq!(caller.get(&format!("/get/a:{own}")).await.result(), value);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_http_gets_no_response() {
    let (start, certificate) = start();
    let bridge = Bridge::start(StoreKind::Memory, start);
    let mut plain = Raw::connect(bridge.address).await;
    plain.send(format!("GET /livez HTTP/1.1\r\nHost: {}\r\n\r\n", bridge.address)).await;
    let response = plain.rest().await;
    assert!(!response.contains("HTTP/1.1"), "{response:?}");
    assert_eq!(version(&trusting(&bridge, &certificate, false)).await, Some(Version::HTTP_2));
}

/// An unusable certificate is an error before the bridge says that it listens.
#[test]
fn a_certificate_that_is_none() {
    let (mut start, _) = start();
    std::fs::write(start.folder().path().join("cert.pem"), "no certificate").unwrap();
    let output = start.fails();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("isocache.toml:2: no certificate in") && text.contains("cert.pem"), "{text}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text =
        String::from_utf8_lossy(&Start::config("[tls]\ncertificate = \"cert.pem\"\n").fails().stderr).into_owned();
    assert!(text.contains("isocache.toml:2: [tls] has a certificate and no key"), "{text}");
}
