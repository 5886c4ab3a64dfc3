//! Loading in WebAssembly, where time limits and loads behind answered callers run on the platform's timers and promises.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use isocache::{CacheAside, LoadError, LoadOptions, ManualClock, MemoryCacheProvider};
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

/// Lets what is ready run.
pub async fn turn() {
    JsFuture::from(Promise::resolve(&JsValue::UNDEFINED)).await.unwrap();
}

#[wasm_bindgen_test]
async fn callers_share_a_load_and_writes_win() {
    let cache = MemoryCacheProvider::<u64>::default();
    let loads = Cell::new(0);
    let ask = |at: u64| {
        let (cache, loads) = (&cache, &loads);
        async move {
            let load = || async {
                loads.set(loads.get() + 1);
                turn().await;
                cache.sync().set("k", 5, None).unwrap();
                turn().await;
                Ok::<u64, Infallible>(4)
            };
            assert_eq!(cache.get_or_set("k", None, load).await.unwrap(), 4, "caller {at}");
        }
    };
    join_all((0..10).map(ask)).await;
    assert_eq!((loads.get(), cache.sync().get("k").unwrap()), (1, Some(5)));
}

#[wasm_bindgen_test]
async fn a_stale_value_is_loaded_behind() {
    let clock = ManualClock::new();
    let cache = MemoryCacheProvider::<u64>::builder().clock(clock.clone()).build().unwrap();
    let version = Rc::new(Cell::new(0));
    let ask = || {
        let options = LoadOptions::new().ttl(Duration::from_secs(10)).stale_while_revalidate(Duration::from_secs(10));
        let version = Rc::clone(&version);
        cache.get_or_refresh_optional("k", options, move || async move {
            version.set(version.get() + 1);
            Ok::<_, Infallible>(Some(version.get()))
        })
    };
    assert_eq!(ask().await.unwrap(), Some(1));
    clock.advance(Duration::from_secs(15));
    assert_eq!(ask().await.unwrap(), Some(1));
    // As many turns as it takes; a load that never came would end with the time limit of the test.
    while cache.sync().peek("k").unwrap() != Some(2) {
        turn().await;
    }
    assert_eq!((ask().await.unwrap(), version.get()), (Some(2), 2));
}

#[wasm_bindgen_test]
async fn a_loader_has_a_limit() {
    let cache = MemoryCacheProvider::<u64>::default();
    let options = LoadOptions::new().timeout(Duration::from_millis(5));
    let never = || std::future::pending::<Result<u64, Infallible>>();
    let error = cache.get_or_set("k", options, never).await.unwrap_err();
    assert!(matches!(error, LoadError::TimedOut { .. }), "{error}");
}
