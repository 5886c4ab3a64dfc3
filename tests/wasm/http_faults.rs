//! Servers that refuse, break off, stall, fail, or speak something else, asked through `fetch`: each operation ends with the
//! right error, and leaves nothing running.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::{Either, join, join_all, select};
use isocache::{CacheError, CacheProvider, CounterProvider, HttpCacheProvider, ManualClock};
use wasm_bindgen_test::wasm_bindgen_test;

use super::servers::{Script, ask, bridge, moment, patient};

#[wasm_bindgen_test]
async fn what_is_not_the_protocol_is_a_protocol_error() {
    for act in ["html", "half", "object", "one", "redirect"] {
        let script = Script::new(act);
        let cache = patient::<String>(&script.url).token("secret").build().unwrap();
        let error = cache.get("k").await.unwrap_err();
        assert!(matches!(&error, CacheError::Protocol(_)), "{act}: {error:?}");
        assert!(!error.to_string().contains('\u{7}'), "{error}");
        assert_eq!(script.asked().await.times, 1, "{act}: there is no use in asking again");
    }
    assert_eq!(ask("asked/elsewhere").await, r#"{"times":0,"open":0}"#, "no redirection is followed");
}

#[wasm_bindgen_test]
async fn an_answer_without_an_end_is_refused_and_stopped() {
    let script = Script::new("endless");
    let cache = patient::<String>(&script.url).max_response_bytes(100_000).build().unwrap();
    let error = cache.get("k").await.unwrap_err();
    assert!(matches!(&error, CacheError::Protocol(text) if text.contains("max_response_bytes")), "{error:?}");
    script.has(1, 0).await;
}

#[wasm_bindgen_test]
async fn a_wrong_token_is_refused_and_not_told() {
    let bridge = bridge().await;
    let secret = "a-very-secret-token";
    let cache = patient::<String>(&bridge.url).token(secret).build().unwrap();
    let error = cache.get("k").await.unwrap_err();
    assert!(matches!(error, CacheError::Refused(_)), "{error:?}");
    assert!(!format!("{error} {error:?} {cache:?}").contains(secret));
}

#[wasm_bindgen_test]
async fn a_token_that_has_expired_is_requested_again_once() {
    let script = Script::new("nothing,refused,nothing,refused");
    let made = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&made);
    let maker = move || {
        let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
        async move { Ok(format!("token-{number}")) }
    };
    let cache = patient::<String>(&script.url).token_maker(maker).build().unwrap();
    assert_eq!(cache.get("k").await, Ok(None));
    assert_eq!(cache.get("k").await, Ok(None));
    assert_eq!(script.asked().await.token.as_deref(), Some("Bearer token-2"));
    assert!(matches!(cache.get("k").await, Err(CacheError::Refused(_))), "a new one is refused as well");
    assert_eq!((made.load(Ordering::Relaxed), script.asked().await.times), (3, 5));
}

#[wasm_bindgen_test]
async fn nobody_listens_and_the_breaker_opens() {
    let clock = ManualClock::new();
    let url = ask("closed").await;
    let builder = patient::<String>(&url).retries(0).breaker(2, Duration::from_secs(5)).clock(clock.clone());
    let cache = builder.build().unwrap();
    for _ in 0..2 {
        let error = cache.get("k").await.unwrap_err();
        assert!(matches!(&error, CacheError::Connection(text) if text.contains(&url)), "{error:?}");
    }
    for _ in 0..100 {
        let error = cache.get("k").await.unwrap_err();
        assert!(matches!(&error, CacheError::Unavailable(text) if text.contains("next try in 5.0 s")), "{error:?}");
    }
    clock.advance(Duration::from_secs(5));
    assert!(matches!(cache.get("k").await, Err(CacheError::Connection(_))), "the probe failed");
    assert!(matches!(cache.get("k").await, Err(CacheError::Unavailable(_))));
}

#[wasm_bindgen_test]
async fn the_breaker_closes_when_a_probe_is_answered() {
    let script = Script::new("cut-body,cut-body,nothing");
    let clock = ManualClock::new();
    let builder = patient::<String>(&script.url).retries(0).breaker(2, Duration::from_secs(5)).clock(clock.clone());
    let cache = builder.build().unwrap();
    for _ in 0..2 {
        assert!(matches!(cache.get("k").await, Err(CacheError::Connection(_))));
    }
    assert!(matches!(cache.get("k").await, Err(CacheError::Unavailable(_))));
    assert_eq!(script.asked().await.times, 2);
    clock.advance(Duration::from_secs(5));
    assert_eq!((cache.get("k").await, cache.get("k").await), (Ok(None), Ok(None)));
    assert_eq!(script.asked().await.times, 4);
}

#[wasm_bindgen_test]
async fn every_wait_has_a_limit_and_stops_the_request() {
    for act in ["stall", "stall-body"] {
        let script = Script::new(act);
        let cache: HttpCacheProvider<String> =
            HttpCacheProvider::builder(&script.url).timeout(Duration::from_millis(300)).build().unwrap();
        let error = cache.get("k").await.unwrap_err();
        assert!(matches!(&error, CacheError::Timeout(text) if text.contains("300ms")), "{error:?}");
        script.is_over().await;
    }
}

#[wasm_bindgen_test]
async fn a_future_that_is_dropped_stops_its_request() {
    for batch in [true, false] {
        let script = Script::new("stall");
        let cache = patient::<String>(&script.url).batch(batch).build().unwrap();
        let asked = Box::pin(script.has(1, 1));
        match select(Box::pin(cache.get("k")), asked).await {
            Either::Left((found, _)) => panic!("{found:?}"),
            Either::Right(((), get)) => drop(get),
        }
        script.has(1, 0).await;
    }
}

#[wasm_bindgen_test]
async fn what_is_harmless_is_tried_again_and_an_increment_is_not() {
    for act in ["failing", "cut-body"] {
        let script = Script::new(&format!("{act},ok"));
        let cache = patient::<String>(&script.url).build().unwrap();
        cache.set("k", "v".to_owned(), None).await.unwrap();
        assert_eq!(script.asked().await.times, 2, "{act}");

        let script = Script::new(&format!("{act},one"));
        let cache = patient::<i64>(&script.url).build().unwrap();
        assert!(cache.increment("n", 1, None).await.is_err(), "{act}");
        assert_eq!(script.asked().await.times, 1, "{act}");
    }
    // Nothing was carried out: even an increment may be sent again.
    let script = Script::new("too-many,one");
    let cache = patient::<i64>(&script.url).build().unwrap();
    assert_eq!(cache.increment("n", 1, None).await, Ok(1));
    assert_eq!(script.asked().await.times, 2);
}

/// How often it was asked is the platform's affair: a browser by itself sends a request again whose connection it had kept.
#[wasm_bindgen_test]
async fn a_connection_breaks_before_the_answer() {
    let cache = patient::<i64>(&Script::new("cut").url).retries(0).build().unwrap();
    assert!(matches!(cache.get("k").await, Err(CacheError::Connection(_))));
    assert!(matches!(cache.increment("n", 1, None).await, Err(CacheError::Connection(_))));
}

#[wasm_bindgen_test]
async fn what_the_server_says_of_waiting_is_heard() {
    let script = Script::new("come-later,nothing");
    let cache = patient::<String>(&script.url).build().unwrap();
    let error = cache.get("k").await.unwrap_err();
    assert!(matches!(&error, CacheError::Unavailable(text) if text.contains("ERR away")), "{error:?}");
    assert_eq!(script.asked().await.times, 1, "an hour is longer than the time limit");
}

#[wasm_bindgen_test]
async fn what_is_asked_in_one_turn_travels_in_one_request() {
    let script = Script::new("object");
    let cache = patient::<String>(&script.url).build().unwrap();
    // Two commands with one reply.
    let (one, other) = join(cache.get("a"), cache.get("b")).await;
    assert!(matches!((one, other), (Err(CacheError::Protocol(_)), Err(CacheError::Protocol(_)))));
    assert_eq!(script.asked().await.times, 1);
}

#[wasm_bindgen_test]
async fn replies_go_to_those_who_asked_although_others_give_up() {
    let bridge = bridge().await;
    let cache = patient::<usize>(&bridge.url).token(&bridge.token).namespace("many").build().unwrap();
    let keys: Vec<String> = (0..1000).map(|number| format!("k{number}")).collect();
    cache.set_many(keys.iter().enumerate().map(|(own, key)| (key.as_str(), own, None)).collect()).await.unwrap();
    let lookups = keys.iter().enumerate().map(|(own, key)| {
        let cache = &cache;
        async move {
            if own % 3 == 0 {
                let given_up = Box::pin(moment());
                if let Either::Left((found, _)) = select(Box::pin(cache.get(key)), given_up).await {
                    assert_eq!(found, Ok(Some(own)));
                }
            } else {
                assert_eq!(cache.get(key).await, Ok(Some(own)));
            }
        }
    });
    join_all(lookups).await;
    assert_eq!(cache.clear_pattern("*").await, Ok(1000));
}

#[wasm_bindgen_test]
async fn ten_thousand_operations_leave_no_memory_behind() {
    let script = Script::new("nothing");
    let cache = patient::<String>(&script.url).batch(false).build().unwrap();
    let pages = || core::arch::wasm32::memory_size(0);
    let some = async || {
        let found = join_all((0..100).map(|_| cache.get("k"))).await;
        assert!(found.iter().all(|found| *found == Ok(None)));
    };
    for _ in 0..20 {
        some().await;
    }
    let before = pages();
    for _ in 0..100 {
        some().await;
    }
    // Fewer than 16 pages of 64 KiB are a hundred bytes an operation, which timing may take for a while.
    let taken = pages() - before;
    assert!(taken < 16, "{taken} pages of memory");
}
