//! Servers that refuse, break off, stall, fail, or speak something else: each operation ends with the right error.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use isocache::{CacheError, CacheProvider, CounterProvider, HttpCacheBuilder, HttpCacheProvider, ManualClock};

use super::scripted::{Act, Scripted, error, result};
use super::{bounded, patient};

/// Whether an error is the right one.
type Fits = fn(&CacheError) -> bool;

const OK: &str = "\"OK\"";

/// A client without a breaker.
fn steady(url: &str) -> HttpCacheBuilder<String> {
    patient(url).breaker(0, Duration::ZERO)
}

#[tokio::test]
async fn what_is_not_the_protocol_is_a_protocol_error() {
    let html = "<html>\u{7}It works!</html>".to_owned();
    for act in [
        Act::Answer(200, "", html.clone()),
        Act::Answer(404, "", html.clone()),
        Act::Answer(302, "location: /elsewhere\r\n", String::new()),
        Act::Answer(200, "", "[{\"result\":\"dmFs".into()),
        Act::Answer(200, "", "[]".into()),
        Act::Answer(200, "", "[{\"result\":\"T0s=\"},{\"result\":1}]".into()),
        Act::Answer(200, "isocache-extensions: x-resp\r\n", "{\"result\":1}".into()),
        result("{\"a\":1}"),
        result("[1]"),
        result("true"),
    ] {
        let server = Scripted::start([act]).await;
        let cache = steady(&server.url).build().unwrap();
        let error = bounded(cache.get("k")).await.unwrap_err();
        assert!(matches!(&error, CacheError::Protocol(_)), "{error:?}");
        assert!(!error.to_string().contains('\u{7}'), "{error}");
        assert_eq!(server.requests().len(), 1, "there is no use in asking again");
    }
    let cache = steady(&Scripted::start([result("17")]).await.url).build().unwrap();
    assert!(matches!(cache.get("k").await, Err(CacheError::Protocol(_))), "a number is no value");
    let cache = steady(&Scripted::start([result("\"!\"")]).await.url).build().unwrap();
    assert!(matches!(cache.get("k").await, Err(CacheError::Protocol(_))), "no base64");
}

#[tokio::test]
async fn refusals_are_told_apart_and_the_token_is_in_none() {
    let secret = "a-very-secret-token";
    let cases: [(Act, Fits); 8] = [
        (error(401, "", "WRONGPASS invalid or missing auth token"), |error| matches!(error, CacheError::Refused(_))),
        (error(403, "", "ERR this origin is not allowed"), |error| matches!(error, CacheError::Refused(_))),
        (error(400, "", "NOPERM this user has no permissions"), |error| matches!(error, CacheError::Refused(_))),
        (error(400, "", "ERR The user executing the script can't run this command"), |error| {
            matches!(error, CacheError::Refused(_))
        }),
        (error(413, "", "ERR max request size exceeded"), |error| {
            matches!(error, CacheError::InvalidArgument { argument: "value", .. })
        }),
        (error(504, "", "ERR the store did not reply in time"), |error| matches!(error, CacheError::Timeout(_))),
        (error(503, "retry-after: 60\r\n", "ERR away"), |error| matches!(error, CacheError::Unavailable(_))),
        (error(429, "retry-after: 60\r\n", "ERR rate"), |error| matches!(error, CacheError::Unavailable(_))),
    ];
    for (act, fits) in cases {
        let server = Scripted::start([act]).await;
        let cache = steady(&server.url).token(secret).retries(0).build().unwrap();
        let error = bounded(cache.get("k")).await.unwrap_err();
        assert!(fits(&error), "{error:?}");
        assert!(!format!("{error} {error:?} {cache:?}").contains(secret));
        let requests = server.requests();
        assert_eq!(requests.len(), 1);
        assert!(requests[0].to_lowercase().contains(&format!("authorization: bearer {secret}")));
        assert!(!requests[0].lines().next().unwrap().contains(secret), "not in the URL");
    }
    for (text, fits) in [
        (
            "WRONGTYPE Operation against a key",
            (|error| matches!(error, CacheError::Deserialize { key, .. } if key == "k")) as Fits,
        ),
        ("OOM command not allowed", |error| matches!(error, CacheError::Full(_))),
        ("LOADING Redis is loading", |error| matches!(error, CacheError::Unavailable(_))),
        ("ERR unknown command 'GET'", |error| matches!(error, CacheError::Protocol(_))),
    ] {
        let body = format!("[{{\"error\":\"{text}\"}}]");
        let server = Scripted::start([Act::Answer(200, "", body)]).await;
        let error = steady(&server.url).build().unwrap().get("k").await.unwrap_err();
        assert!(fits(&error), "{error:?}");
    }
}

#[tokio::test]
async fn every_wait_has_a_limit() {
    let head = "HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n[{";
    for act in [Act::Stall(""), Act::Stall("HTTP/1.1 200 X\r\n"), Act::Stall(head)] {
        let server = Scripted::start([act]).await;
        let cache = steady(&server.url).timeout(Duration::from_millis(300)).build().unwrap();
        let error = bounded(cache.get("k")).await.unwrap_err();
        assert!(matches!(&error, CacheError::Timeout(text) if text.contains("300ms")), "{error:?}");
        assert!(server.requests().len() <= 1, "it is not sent again; a busy machine may not have sent it at all");
    }
    let server = Scripted::start([Act::Endless]).await;
    let cache = patient::<String>(&server.url).max_response_bytes(100_000).build().unwrap();
    let error = bounded(cache.get("k")).await.unwrap_err();
    assert!(matches!(&error, CacheError::Protocol(text) if text.contains("max_response_bytes")), "{error:?}");
}

#[tokio::test]
async fn what_is_harmless_is_tried_again_and_an_increment_is_not() {
    let broken = [
        Act::Cut(""),
        Act::Cut("HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n[{"),
        error(500, "", "ERR"),
        error(502, "", "ERR"),
        error(503, "", "ERR"),
    ];
    for act in broken {
        let server = Scripted::start([act.clone(), result(OK)]).await;
        let cache = patient(&server.url).build().unwrap();
        bounded(cache.set("k", "v".to_owned(), None)).await.unwrap();
        assert_eq!(server.requests().len(), 2);

        let server = Scripted::start([act, result("1")]).await;
        let cache: HttpCacheProvider<i64> = patient(&server.url).build().unwrap();
        assert!(bounded(cache.increment("n", 1, None)).await.is_err());
        assert!(bounded(cache.increment("n", 1, Some(Duration::from_secs(9)))).await.is_err());
        assert!(server.requests().len() <= 2, "each was sent once");
    }
    // Nothing was carried out: even an increment may be sent again.
    let server = Scripted::start([error(429, "retry-after: 0\r\n", "ERR rate"), result("1")]).await;
    let cache: HttpCacheProvider<i64> = patient(&server.url).build().unwrap();
    assert_eq!(bounded(cache.increment("n", 1, None)).await.unwrap(), 1);
    // Not forever.
    let server = Scripted::start([error(503, "", "ERR away")]).await;
    let cache: HttpCacheProvider<String> = patient(&server.url).retries(3).build().unwrap();
    let error = bounded(cache.get("k")).await.unwrap_err();
    assert!(matches!(&error, CacheError::Unavailable(text) if text.contains("ERR away")), "{error:?}");
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_server_that_is_away_costs_no_time_while_the_breaker_is_open() {
    let server = Scripted::start([Act::Cut(""), Act::Cut(""), Act::Cut(""), result("\"InYi\"")]).await;
    let clock = ManualClock::new();
    let cache: HttpCacheProvider<String> =
        patient(&server.url).retries(0).breaker(2, Duration::from_secs(5)).clock(clock.clone()).build().unwrap();
    for _ in 0..2 {
        assert!(matches!(bounded(cache.get("k")).await, Err(CacheError::Connection(_))));
    }
    for _ in 0..100 {
        let error = bounded(cache.get("k")).await.unwrap_err();
        assert!(error.is_retryable());
        assert!(
            matches!(&error, CacheError::Unavailable(text)
            if text.contains(" failed 2 times in a row; next try in 5.0 s (last: ")),
            "{error:?}"
        );
    }
    assert_eq!(server.requests().len(), 2);
    clock.advance(Duration::from_secs(5));
    assert!(matches!(bounded(cache.get("k")).await, Err(CacheError::Connection(_))), "the probe failed");
    assert!(matches!(bounded(cache.get("k")).await, Err(CacheError::Unavailable(_))));
    clock.advance(Duration::from_secs(5));
    assert_eq!(bounded(cache.get("k")).await.unwrap().as_deref(), Some("v"));
    assert_eq!(bounded(cache.get("k")).await.unwrap().as_deref(), Some("v"), "it is closed");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn nobody_listens() {
    let url = format!("http://127.0.0.1:{}", servers::free_port());
    let cache = steady(&url).retries(1).build().unwrap();
    let error = bounded(cache.get("k")).await.unwrap_err();
    assert!(matches!(&error, CacheError::Connection(text) if text.contains("refused")), "{error:?}");
    // Where there is no runtime at all.
    let without = std::thread::spawn(move || pollster::block_on(cache.get("k")));
    let error = without.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}

#[tokio::test]
async fn a_token_that_has_expired_is_requested_again_once() {
    let refused = || error(401, "", "WRONGPASS invalid or missing auth token");
    let server = Scripted::start([result("null"), refused(), result("null"), refused(), refused()]).await;
    let made = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&made);
    let maker = move || {
        let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
        async move { Ok(format!("token-{number}")) }
    };
    let cache: HttpCacheProvider<String> = patient(&server.url).token_maker(maker).build().unwrap();
    assert_eq!(bounded(cache.get("k")).await.unwrap(), None);
    assert_eq!(bounded(cache.get("k")).await.unwrap(), None);
    assert_eq!(made.load(Ordering::Relaxed), 2);
    assert!(matches!(bounded(cache.get("k")).await, Err(CacheError::Refused(_))), "a new one is refused as well");
    assert_eq!(made.load(Ordering::Relaxed), 3);
    let tokens: Vec<_> = server.requests().iter().map(|request| request.contains("token-1")).collect();
    assert_eq!(tokens, [true, true, false, false, false]);
}
