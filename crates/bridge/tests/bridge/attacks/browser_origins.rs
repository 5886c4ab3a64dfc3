//! Pages in browsers: other sites', and those that reach the bridge by a name of their own.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Caller, Response, raw};
use crate::support::{Bridge, Start, StoreKind};
use crate::tenants::{self, A, Tenants};

/// Sends a request as a browser does for a page, with these headers.
async fn browse(caller: &Caller, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = caller.request(method, path);
    caller.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

/// Without a token: whoever can make this machine's browser ask could do everything.
async fn a_bridge_without_a_token_serves_its_own_machine_only(store: StoreKind) {
    let bridge = Bridge::start(store, Start::args(&["--allow-origin", "http://friend.example"]));
    bridge.logs("no token is configured");
    let (address, nobody) = (bridge.address, bridge.nobody());
    let port = address.port();
    assert_eq!(nobody.result(&["SET", "k", "v"]).await, "OK");

    // A name that leads to this machine since a moment ago.
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "0.0.0.0",
        "[::]",
        "",
        "localhost:1@evil.example",
        "127.1",
    ] {
        for path in ["/get/k", "/flushall", "/livez", "/readyz", "/metrics"] {
            let (status, body) = raw(address, &format!("GET {path} HTTP/1.1\r\nHost: {host}"), b"").await;
            assert!(matches!(status, 421 | 400), "{host} {path}: {status} {body}");
            assert!(!body.contains("\"v\""));
        }
    }
    let (status, _) = raw(address, "GET /get/k HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", b"").await;
    assert!(matches!(status, 421 | 400), "{status}");
    assert_eq!(raw(address, "GET /get/k HTTP/1.0", b"").await.0, 421, "no name at all");
    for host in ["localhost", "LOCALHOST", &format!("localhost:{port}"), "127.0.0.1", "[::1]", &format!("[::1]:{port}")]
    {
        assert_eq!(
            raw(address, &format!("GET /get/k HTTP/1.1\r\nHost: {host}"), b"").await,
            (200, "{\"result\":\"v\"}".into()),
            "{host}"
        );
    }

    let own = format!("http://{address}");
    let other_port = "http://127.0.0.1:1";
    let foreign: &[&[(&str, &str)]] = &[
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", other_port)],
        &[("origin", "http://friend.example.evil.example")],
        &[("origin", "http://friend.example:8080")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
        &[("origin", "https://evil.example"), ("content-type", "text/plain")],
    ];
    for headers in foreign {
        for (method, path) in [
            (Method::GET, "/flushall"),
            (Method::POST, "/flushall"),
            (Method::PUT, "/set/k/x"),
            (Method::HEAD, "/set/k/x"),
        ] {
            let response = browse(&nobody, method, path, headers).await;
            assert_eq!(response.status, 403, "{headers:?} {path}: {}", response.text());
            assert_eq!(response.header("access-control-allow-origin"), None);
        }
    }
    assert_eq!(nobody.result(&["GET", "k"]).await, "v");
    let fair: &[&[(&str, &str)]] = &[
        &[("origin", &own)],
        &[("origin", "http://friend.example"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-origin")],
    ];
    for headers in fair {
        assert_eq!(browse(&nobody, Method::GET, "/get/k", headers).await.result(), "v", "{headers:?}");
    }
}

async fn pages_of_other_sites_ask_first(store: StoreKind) {
    let more = "[listen]\nhosts = [\"cache.example\", \"127.0.0.1\"]\n[cors]\norigins = [\"https://app.example\"]\nmax-age = 600";
    let tenants = Tenants::with(store, Start::config(tenants::config(more, ""))).await;
    let watch = tenants.watch();
    let nobody = tenants.bridge.nobody();
    let preflight = |origin: &'static str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization"),
        ];
        let nobody = nobody.clone();
        async move { browse(&nobody, Method::OPTIONS, "/pipeline", &headers).await }
    };
    let allowed = preflight("https://app.example").await;
    assert_eq!((allowed.status, allowed.body.len()), (204, 0));
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(allowed.header("access-control-max-age"), Some("600"));
    for name in ["authorization", "last-event-id", "isocache-origin"] {
        assert!(allowed.header("access-control-allow-headers").unwrap().contains(name), "{name}");
    }
    assert_eq!(allowed.header("access-control-allow-credentials"), None);
    for origin in [
        "https://evil.example",
        "null",
        "http://app.example",
        "https://app.example.evil.example",
        "https://app.example:444",
    ] {
        let response = preflight(origin).await;
        assert_eq!(response.header("access-control-allow-origin"), None, "{origin}");
        assert_eq!(response.header("access-control-allow-headers"), None, "{origin}");
    }
    let response = browse(&tenants.a, Method::GET, "/get/a:own", &[("origin", "https://app.example")]).await;
    assert_eq!(response.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(response.header("vary"), Some("Origin"));
    for name in ["upstash-sync-token", "isocache-position", "retry-after"] {
        assert!(response.header("access-control-expose-headers").unwrap().contains(name), "{name}");
    }
    let response = browse(&tenants.a, Method::GET, "/get/a:own", &[("origin", "https://evil.example")]).await;
    assert_eq!((response.header("access-control-allow-origin"), response.header("vary")), (None, Some("Origin")));

    // Names: the configured ones, and no others, not even with a token.
    for (host, status) in
        [("cache.example", 200), ("cache.example:443", 200), ("evil.example", 421), ("localhost", 421)]
    {
        let head = format!("GET /get/a:own HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {A}");
        assert_eq!(raw(tenants.bridge.address, &head, b"").await.0, status, "{host}");
    }
    watch.finish().await;
}

/// What is stored may be a page; the response is not rendered as one, and no cache stores it.
async fn responses_are_not_rendered(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    let page = "<script>alert(1)</script>";
    assert_eq!(tenants.a.result(&["SET", "a:page", page]).await, "OK");
    let responses = [
        tenants.a.get("/get/a:page").await,
        tenants.a.get("/get/a:page.html").await,
        tenants.a.get("/get/a:page?type=text/html").await,
        tenants.a.get("/<script>").await,
        browse(
            &tenants.a,
            Method::GET,
            "/get/a:page",
            &[("accept", "text/html"), ("upstash-response-format", "resp2")],
        )
        .await,
        tenants.bridge.nobody().get("/get/a:page").await,
    ];
    for response in &responses {
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        let kind = response.header("content-type").unwrap();
        assert!(kind == "application/json" || kind == "application/octet-stream", "{kind}");
    }
    assert_eq!(responses[0].json(), json!({"result": page}));
    assert_eq!(responses[1].result(), Value::Null);
}

crate::on_both_stores!(
    a_bridge_without_a_token_serves_its_own_machine_only,
    pages_of_other_sites_ask_first,
    responses_are_not_rendered,
);
