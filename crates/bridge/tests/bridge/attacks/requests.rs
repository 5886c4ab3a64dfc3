//! Requests that are too large, too slow or ambiguous.

use reqwest::Method;
use serde_json::json;

use crate::client::{Caller, Raw, raw, resp};
use crate::support::{Start, StoreKind};
use crate::tenants::{self, A, SECRET, Tenants};
use servers::PATIENCE;

/// The head of a request of A, without the empty line at its end.
fn head(tenants: &Tenants, line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {A}", tenants.bridge.address)
}

async fn paths_mean_what_they_say(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    tenants.a.result(&["SET", "a:sl/ash", "s"]).await;
    let watch = tenants.watch();
    let (found, nothing) =
        (|value| (200, json!({"result": value}).to_string()), (200, json!({"result": null}).to_string()));
    let fails = |text: &str| (400, json!({"error": text}).to_string());
    let forbidden = || fails("NOPERM refused by the bridge: a key is outside the prefixes of this token");
    let arity = || fails("ERR wrong number of arguments for 'get' command");
    let unknown = |name: &str| {
        fails(&format!(
            "ERR refused by the bridge: '{name}' is not in its table of commands; the configuration can allow it by name"
        ))
    };
    let encoding = || fails("ERR invalid percent-encoding in the path");
    for (line, body, expected) in [
        ("GET /get/a%3Aown", "", found("A-OWN")),
        ("GET /%67%45t/a:own/", "", found("A-OWN")),
        ("GET /get/a:sl%2Fash", "", found("s")),
        ("GET /get/a:sl%2fash", "", found("s")),
        ("GET /get/a:sl/ash", "", arity()),
        ("GET /get/b%3Asecret", "", forbidden()),
        ("GET /get/%62:secret", "", forbidden()),
        ("GET /%67et/b:secret", "", forbidden()),
        // Decoded once: this is a key that begins with a percent sign.
        ("GET /get/%2562:secret", "", forbidden()),
        ("GET /get/a:%2562", "", nothing.clone()),
        ("GET /get/a:own%00", "", nothing.clone()),
        ("GET /get/a:own%00b:secret", "", nothing.clone()),
        ("GET /get/%00a:own", "", forbidden()),
        ("GET /get/a:%0d%0aGET%20b:secret", "", nothing.clone()),
        ("GET /get/a:%2F..%2Fb:secret", "", nothing.clone()),
        ("GET /get/a:/../b:secret", "", arity()),
        ("GET /get/../get/b:secret", "", forbidden()),
        ("GET /x/../get/b:secret", "", unknown("x")),
        ("GET /../get/a:own", "", unknown("..")),
        ("GET /%2e%2e/get/a:own", "", unknown("..")),
        ("GET //get/a:own", "", unknown("")),
        ("GET /get%2Fa:own", "", unknown("get/a:own")),
        ("GET /get%20a:own", "", unknown("get?a:own")),
        ("GET /get\\b:secret", "", unknown("get\\b:secret")),
        ("GET /get;x/a:own", "", unknown("get;x")),
        ("GET /get/a:own%", "", encoding()),
        ("GET /get/a:own%2", "", encoding()),
        ("GET /get/%u0062:secret", "", encoding()),
        ("GET /get/%+62:secret", "", encoding()),
        ("GET /mget/a:own?b:secret", "", forbidden()),
        ("GET /mget/a:own?a:two=b:secret", "", forbidden()),
        ("GET /mget/a:own?%62:secret&_token=x", "", forbidden()),
        ("POST /mget/a:own", "b:secret", forbidden()),
        ("PUT /mget/a:own?a:two", "b:secret", forbidden()),
        ("GET /get/a:own?", "", found("A-OWN")),
        ("GET /get/a:own?&&", "", found("A-OWN")),
        ("GET /pipeline", "", unknown("pipeline")),
        ("GET /multi-exec", "", unknown("multi-exec")),
        ("POST /PIPELINE", "[[\"GET\",\"b:secret\"]]", unknown("PIPELINE")),
        ("POST /%70ipeline", "[[\"GET\",\"b:secret\"]]", unknown("pipeline")),
        ("POST //pipeline", "[[\"GET\",\"b:secret\"]]", unknown("")),
        ("POST /pipeline/multi", "[]", unknown("pipeline")),
        (
            "GET /metrics",
            "",
            (
                403,
                json!({"error": "NOPERM refused by the bridge: /metrics needs a token with the role admin"})
                    .to_string(),
            ),
        ),
        ("GET /livez/..", "", unknown("livez")),
        ("GET /", "", fails("ERR empty command")),
    ] {
        let response = raw(tenants.bridge.address, &head(&tenants, line), body.as_bytes()).await;
        assert_eq!(response, expected, "{line}");
        assert!(!response.1.contains(SECRET));
    }
    // An absolute URL of another server is refused.
    let elsewhere = raw(tenants.bridge.address, &head(&tenants, "GET http://cache.example/get/a:own"), b"").await;
    assert_eq!(elsewhere.0, 421);
    for method in ["DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get"] {
        let target = if method == "CONNECT" { "a.example:80" } else { "/get/a:own" };
        let response = raw(tenants.bridge.address, &head(&tenants, &format!("{method} {target}")), b"").await;
        assert!(matches!(response.0, 405 | 421), "{method}: {response:?}");
    }
    watch.finish().await;
}

/// Request smuggling: a proxy may see one request where the bridge sees two.
async fn no_request_hides_in_another(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    let watch = tenants.watch();
    let hidden = format!("{}\r\nContent-Length: 0\r\n\r\n", head(&tenants, "GET /set/a:hidden/1"));
    let begin = head(&tenants, "POST /echo/outer");
    let begin_old = begin.replace("HTTP/1.1", "HTTP/1.0");
    let (begin, begin_old) = (begin.as_str(), begin_old.as_str());
    for (what, begin, headers, body, status) in [
        ("a length and chunks", begin, "Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n", 200),
        ("chunks and a length", begin, "Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n", 200),
        ("chunks in disguise", begin, "Transfer-Encoding: xchunked\r\nContent-Length: 0", "", 400),
        ("chunks, then something", begin, "Transfer-Encoding: chunked, identity", "0\r\n\r\n", 400),
        ("a name and a space", begin, "Transfer-Encoding : chunked\r\nContent-Length: 0", "", 400),
        ("chunks in old HTTP", begin_old, "Transfer-Encoding: chunked", "0\r\n\r\n", 400),
        ("two lengths", begin, "Content-Length: 0\r\nContent-Length: 5", "", 400),
        ("a list of lengths", begin, "Content-Length: 0, 5", "", 400),
        ("a length with a sign", begin, "Content-Length: +0", "", 400),
        ("a negative length", begin, "Content-Length: -1", "", 400),
        ("a length in hex", begin, "Content-Length: 0x0", "", 400),
        ("a length beyond all", begin, "Content-Length: 18446744073709551616", "", 400),
        ("a folded header", begin, "X: y\r\n Content-Length: 5", "", 400),
        ("a NUL in a header", begin, "X: \0", "", 400),
        ("a CR in a header", begin, "X: y\rContent-Length: 0", "", 400),
        ("a chunk without a number", begin, "Transfer-Encoding: chunked", "x\r\n", 400),
        ("a chunk beyond all", begin, "Transfer-Encoding: chunked", "fffffffffffffffff\r\n", 400),
        ("a chunk that is longer", begin, "Transfer-Encoding: chunked", "0\r\nX\r\n: \r\n", 400),
    ] {
        let mut connection = Raw::connect(tenants.bridge.address).await;
        connection.send(format!("{begin}\r\n{headers}\r\n\r\n{body}{hidden}")).await;
        let response = connection.rest().await;
        assert_eq!(response.get(9..12), Some(status.to_string().as_str()), "{what}: {response:?}");
        assert_eq!(response.matches("HTTP/1.").count(), 1, "{what}: {response:?}");
        assert_eq!(tenants.a.result(&["EXISTS", "a:hidden"]).await, 0, "{what}");
    }
    // The bytes after a complete request are the next request, and get the next response.
    let mut connection = Raw::connect(tenants.bridge.address).await;
    let last = format!("{}\r\nConnection: close\r\n\r\n", head(&tenants, "GET /get/a:two"));
    connection
        .send(format!("{}\r\n\r\n{}\r\n\r\n{last}", head(&tenants, "GET /echo/1"), head(&tenants, "GET /get/b:secret")))
        .await;
    let responses = connection.rest().await;
    let bodies: Vec<&str> =
        responses.lines().filter(|line| line.starts_with('{')).map(|line| line.split("HTTP").next().unwrap()).collect();
    assert_eq!(bodies.len(), 3, "{responses}");
    assert_eq!((bodies[0], bodies[2]), ("{\"result\":\"1\"}", "{\"result\":\"2\"}"));
    assert!(bodies[1].contains("NOPERM"));
    watch.finish().await;
}

const LIMITS: &str = "max-body-bytes = 40000, max-value-bytes = 10000, max-response-bytes = 30000, \
                      max-pipeline-commands = 10, max-arguments = 50, max-in-flight = 2";

async fn each_limit_has_its_response(store: StoreKind) {
    let tenants = Tenants::with(store, Start::config(tenants::config("", LIMITS))).await;
    let watch = tenants.watch();
    let a = &tenants.a;
    let too_large = |text: &str| (413, format!("ERR {text}"));
    let body = || too_large("max request size exceeded, the limit is 40000 bytes");
    assert_eq!(a.post("/", vec![b' '; 40_001]).await.error(), body());
    assert_eq!(a.post("/pipeline", vec![b' '; 40_001]).await.error(), body());
    assert_eq!(a.post("/set/a:x", vec![0; 40_001]).await.error(), body());
    assert_eq!(a.resp("/pipeline", vec![b'x'; 40_001]).await.error(), body());
    let pieces = futures_util::stream::iter((0..50).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1000])));
    assert_eq!(a.post("/", reqwest::Body::wrap_stream(pieces)).await.error(), body(), "without a length");

    let address = tenants.bridge.address;
    let mut connection = Raw::connect(address).await;
    connection.send(format!("{}\r\nTransfer-Encoding: chunked\r\n\r\n", head(&tenants, "POST /"))).await;
    connection.send(format!("400\r\n{}\r\n", " ".repeat(1024)).repeat(60)).await;
    connection.send(format!("0\r\n\r\n{}\r\nConnection: close\r\n\r\n", head(&tenants, "GET /get/a:own"))).await;
    let responses = connection.rest().await;
    assert!(
        responses.contains("413 Payload Too Large") && responses.ends_with("A-OWN\"}"),
        "one after the other: {responses}"
    );

    let commands = too_large("too many commands: at most 10 in one request");
    let many = vec![vec!["GET", "a:own"]; 11];
    assert_eq!(a.pipeline(&many).await.error(), commands);
    assert_eq!(a.transaction(&many).await.error(), commands);
    assert_eq!(a.resp("/pipeline", resp(&many)).await.error(), commands);
    assert_eq!(a.pipeline(&many[1..]).await.json().as_array().unwrap().len(), 10);

    let arguments = too_large("too many arguments: at most 50 in one command");
    let many = [vec!["MGET"], vec!["a:own"; 50]].concat();
    assert_eq!(a.command(&many).await.error(), arguments);
    assert_eq!(a.pipeline(std::slice::from_ref(&many)).await.error(), arguments);
    assert_eq!(a.get(&format!("/{}", many.join("/"))).await.error(), arguments);
    assert_eq!(a.result(&many[..50]).await.as_array().unwrap().len(), 49);

    let value = too_large("refused by the bridge: a value is too long, the limit is 10000 bytes");
    let long = "x".repeat(10_001);
    assert_eq!(a.command(&["SET", "a:x", &long]).await.error(), value);
    assert_eq!(a.post("/set/a:x", long.clone()).await.error(), value);
    assert_eq!(a.transaction(&[vec!["SET", "a:x", &long]]).await.error(), value);
    let replies = a.pipeline(&[vec!["SET", "a:x", &long], vec!["GET", "a:own"]]).await.json();
    assert_eq!(replies, json!([{"error": value.1}, {"result": "A-OWN"}]), "the others are carried out");
    for words in [
        ["SETRANGE", "a:x", "10000", "x"].as_slice(),
        &["SETRANGE", "a:x", "536870000", "x"],
        &["SETBIT", "a:x", "4294967295", "1"],
        &["BITFIELD", "a:x", "SET", "u8", "#500000000", "1"],
    ] {
        assert_eq!(a.command(words).await.error(), value, "{words:?}");
    }
    assert_eq!(a.result(&["EXISTS", "a:x"]).await, 0);

    let response = too_large("max response size exceeded, the limit is 30000 bytes");
    assert_eq!(a.result(&["SET", "a:big", &long[1..]]).await, "OK");
    assert_eq!(a.command(&["MGET", "a:big", "a:big", "a:big"]).await.error(), response);
    assert_eq!(a.pipeline(&vec![vec!["GET", "a:big"]; 3]).await.error(), response);
    assert_eq!(a.transaction(&vec![vec!["GET", "a:big"]; 3]).await.error(), response);
    let in_resp = resp(&vec![vec!["GET", "a:big"]; 3]);
    assert_eq!(a.resp("/pipeline", in_resp).await.error(), response);
    let in_resp2 = a.request(Method::GET, "/mget/a:big/a:big/a:big").header("upstash-response-format", "resp2");
    assert_eq!(a.send(in_resp2).await.error(), response);
    assert_eq!(a.pipeline(&vec![vec!["GET", "a:big"]; 2]).await.status, 200);

    let long = a.get(&format!("/get/a:{}", "x".repeat(17_000))).await;
    assert_eq!(long.error(), (414, "ERR the URL is longer than 16384 bytes".into()));
    let long = a.get(&format!("/get/a:own?{}", "x".repeat(17_000))).await;
    assert_eq!(long.error().0, 414);
    let head = head(&tenants, "GET /get/a:own");
    assert_eq!(raw(address, &format!("{head}\r\nX: {}", "x".repeat(70_000)), b"").await.0, 431);
    assert_eq!(raw(address, &format!("{head}{}", "\r\nX: y".repeat(200)), b"").await.0, 431);
    watch.finish().await;
}

/// Bodies with a large declared length, or of nothing but brackets.
async fn bodies_that_are_larger_inside(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    let watch = tenants.watch();
    let deep = "[".repeat(1_000_000);
    for path in ["/", "/pipeline", "/multi-exec"] {
        for body in [deep.clone(), format!("[[{deep}"), format!("[{{\"a\":{deep}")] {
            let (status, text) = tenants.a.post(path, body).await.error();
            assert!(status == 400 && text.starts_with("ERR "), "{path}: {status} {text}");
        }
    }
    for body in [
        "*1000000000\r\n",
        "*1\r\n*1000000000\r\n",
        "*2\r\n$1000000000\r\nGET\r\n",
        "*2\r\n$-1\r\n$1\r\nx\r\n",
        "*-1\r\n",
        "*18446744073709551617\r\n$4\r\nPING\r\n",
        "PING\r\n",
        "*1\r\n$4\r\nPINGPONG",
        "*1\r\n$4\r\nPING\r\n*1",
        "$4\r\nPING\r\n",
        "",
    ] {
        for path in ["/pipeline", "/multi-exec"] {
            let (status, text) = tenants.a.resp(path, body.into()).await.error();
            assert!(matches!(status, 400 | 413) && text.starts_with("ERR "), "{body:?}: {status} {text}");
        }
    }
    watch.finish().await;
}

/// The number of requests in progress, by the metrics.
pub async fn level(admin: &Caller, name: &str) -> u64 {
    let text = admin.get("/metrics").await.text();
    let line =
        text.lines().find(|line| line.starts_with(&format!("isocache_{name}{{"))).unwrap_or_else(|| panic!("{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Waits until a gauge has the expected value.
pub async fn reaches(admin: &Caller, name: &str, value: u64) {
    let wait = async {
        while level(admin, name).await != value {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let limit = tokio::time::timeout(PATIENCE, wait).await;
    assert!(limit.is_ok(), "{name} does not get to {value}");
}

async fn one_tenant_cannot_take_all_places(store: StoreKind) {
    let config = tenants::config("[server]\nbody-timeout = \"600s\"", LIMITS);
    let tenants = Tenants::with(store, Start::config(config)).await;
    let address = tenants.bridge.address;
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut connection = Raw::connect(address).await;
        let head = head(&tenants, "POST /");
        connection.send(format!("{head}\r\nConnection: close\r\nContent-Length: 15\r\n\r\n[\"GET\"")).await;
        slow.push(connection);
    }
    reaches(&tenants.admin, "in_flight", 2).await;
    let watch = tenants.watch();
    for _ in 0..10 {
        let third = tenants.a.command(&["GET", "a:own"]).await;
        assert_eq!(third.error(), (429, "ERR refused by the bridge: too many requests at once, the limit is 2".into()));
        assert_eq!(third.header("retry-after"), Some("1"));
    }
    // Other tokens with the prefix of A are other callers.
    assert_eq!(tenants.reader.result(&["GET", "a:own"]).await, "A-OWN");
    watch.finish().await;
    for mut connection in slow {
        connection.send(",\"a:own\"]").await;
        assert!(connection.rest().await.ends_with("{\"result\":\"A-OWN\"}"));
    }
    reaches(&tenants.admin, "in_flight", 0).await;
    assert_eq!(tenants.a.result(&["GET", "a:own"]).await, "A-OWN");
}

async fn whoever_is_slow_is_cut_off(store: StoreKind) {
    let more = "[server]\nbody-timeout = \"500ms\"\nhead-timeout = \"4s\"";
    let tenants = Tenants::with(store, Start::config(tenants::config(more, ""))).await;
    let address = tenants.bridge.address;
    let head = head(&tenants, "POST /");
    let mut silent = Vec::new();
    for beginning in [
        "",
        "G",
        "GET /get/a:own HTTP/1.1\r\nHost: ",
        &head,
        "PRI * HTTP",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ] {
        let mut connection = Raw::connect(address).await;
        connection.send(beginning).await;
        silent.push((beginning.to_owned(), connection));
    }
    // The same after a complete request.
    let mut connection = Raw::connect(address).await;
    connection.send(format!("{head}\r\nContent-Length: 17\r\n\r\n[\"GET\", \"a:own\"]\n")).await.until("A-OWN").await;
    connection.send(&head).await;
    silent.push(("a second head".into(), connection));
    for (beginning, mut connection) in silent {
        let rest = connection.rest().await;
        assert!(!rest.contains("A-OWN"), "{beginning:?}: {rest:?}");
    }
    for body in ["", "[\"GET\","] {
        let mut connection = Raw::connect(address).await;
        connection.send(format!("{head}\r\nContent-Length: 17\r\n\r\n{body}")).await;
        let response = connection.until("did not arrive in time").await;
        assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
        assert!(!connection.rest().await.contains("HTTP/1.1"));
    }
    // One byte after the other: the whole body must arrive in time.
    let mut connection = Raw::connect(address).await;
    connection.send(format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n")).await;
    reaches(&tenants.admin, "in_flight", 1).await;
    let dribble = async {
        while level(&tenants.admin, "in_flight").await > 0 {
            connection.send("1\r\n \r\n").await;
        }
    };
    tokio::time::timeout(PATIENCE, dribble).await.expect("it is never cut off");
    tenants.b_is_well().await;
}

crate::on_both_stores!(
    paths_mean_what_they_say,
    no_request_hides_in_another,
    each_limit_has_its_response,
    bodies_that_are_larger_inside,
    one_tenant_cannot_take_all_places,
    whoever_is_slow_is_cut_off,
);
