//! What `tests/servers/for-wasm.mjs` serves to the tests.

use std::sync::atomic::{AtomicU64, Ordering};

use isocache::{HttpCacheBuilder, HttpCacheProvider};
use js_sys::{Function, Promise, Reflect};
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::conformance::following::StoreTime;

/// The bridge.
#[derive(Deserialize)]
pub struct Bridge {
    pub url: String,
    pub token: String,
}

/// What a script was asked.
#[derive(Deserialize)]
pub struct Asked {
    pub times: u32,
    /// How many of its answers are still on their way.
    pub open: u32,
    /// The header `Authorization` of the last request.
    pub token: Option<String>,
}

/// The URL below which everything is.
fn servers() -> &'static str {
    let url = option_env!("ISOCACHE_TEST_SERVERS");
    url.unwrap_or_else(|| panic!("compile and run these tests by scripts/wasm-tests.sh"))
}

/// Calls a function of the platform.
fn call(name: &str, first: &JsValue, second: &JsValue) -> JsValue {
    let function: Function = Reflect::get(&js_sys::global(), &name.into()).unwrap().unchecked_into();
    function.call2(&JsValue::UNDEFINED, first, second).unwrap()
}

/// What a server answers.
pub async fn ask(path: &str) -> String {
    let response =
        JsFuture::from(Promise::from(call("fetch", &format!("{}/{path}", servers()).into(), &JsValue::UNDEFINED)));
    let response = response.await.unwrap();
    let text: Function = Reflect::get(&response, &"text".into()).unwrap().unchecked_into();
    let text = JsFuture::from(Promise::from(text.call0(&response).unwrap())).await.unwrap();
    text.as_string().unwrap()
}

/// A turn of the event loop, and a little time: for what is asked again and again.
pub async fn moment() {
    let promise = Promise::new(&mut |resolve, _| {
        call("setTimeout", &resolve, &10.into());
    });
    JsFuture::from(promise).await.unwrap();
}

pub async fn bridge() -> Bridge {
    serde_json::from_str(&ask("bridge").await).unwrap()
}

/// A builder whose limits a busy machine does not reach: for tests that are not about limits.
pub fn patient<T>(url: &str) -> HttpCacheBuilder<T> {
    HttpCacheProvider::builder(url).timeout(std::time::Duration::from_secs(300))
}

/// The wall clock of the bridge.
#[derive(Default)]
pub struct BridgeTime {
    last: AtomicU64,
}

impl StoreTime for BridgeTime {
    async fn set_ms(&self, ms: u64) {
        if self.last.swap(ms, Ordering::Relaxed) != ms {
            ask(&format!("clock/{ms}")).await;
        }
    }
}

/// How often a test asks, a hundred times a second at most, before it counts as a hang.
const POLLS: u32 = 20_000;

/// A server that acts as it is told: so, and then as the last act says. The acts are in `for-wasm.mjs`.
pub struct Script {
    pub url: String,
    id: String,
}

impl Script {
    pub fn new(acts: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Other runs of tests ask the same servers.
        let id = format!("{}-{:x}", NEXT.fetch_add(1, Ordering::Relaxed), js_sys::Math::random().to_bits());
        Self { url: format!("{}/script/{id}/{acts}", servers()), id }
    }

    pub async fn asked(&self) -> Asked {
        serde_json::from_str(&ask(&format!("asked/{}", self.id)).await).unwrap()
    }

    /// Waits until no response is on its way any more. On a busy machine, a request may have been given up before it was
    /// sent; it is not sent twice.
    pub async fn is_over(&self) {
        for _ in 0..POLLS {
            let asked = self.asked().await;
            assert!(asked.times <= 1, "asked {} times", asked.times);
            if asked.open == 0 {
                return;
            }
            moment().await;
        }
        panic!("a response is still on its way");
    }

    /// Waits until this many requests have arrived, and this many responses are on their way.
    pub async fn has(&self, times: u32, open: u32) {
        for _ in 0..POLLS {
            let asked = self.asked().await;
            if (asked.times, asked.open) == (times, open) {
                return;
            }
            moment().await;
        }
        let asked = self.asked().await;
        panic!("asked {} times, {} open, not {times} and {open}", asked.times, asked.open);
    }
}
