//! The rules for providers, over HTTP through `fetch`, against a bridge over the embedded store. Left out are the limits of
//! the store, which are its operator's; everything else is there, since the bridge's clock is the tests'.

use std::sync::atomic::{AtomicU32, Ordering};

use isocache::{CacheProvider, HttpCacheProvider, JsonSerializer, ManualClock, MessagePackSerializer, Serializer};
use serde_json::Value;
use wasm_bindgen_test::wasm_bindgen_test;

use super::servers::{BridgeTime, bridge, patient};
use crate::conformance::following::Following;
use crate::conformance::{Knowledge, Options, count, for_each_rule, run_knowing, unlimited};
use crate::counter::counters;

/// One rule, through providers that share a store, each with a namespace of its own.
async fn rule_over<S: Serializer<Value> + Clone>(number: u8, serializer: S, batch: bool) {
    static NAMESPACE: AtomicU32 = AtomicU32::new(0);
    let bridge = bridge().await;
    let run_of = js_sys::Math::random();
    let factory = |options: &Options, case: ManualClock| {
        let namespace = format!("{run_of}*{}", NAMESPACE.fetch_add(1, Ordering::Relaxed));
        let builder = patient(&bridge.url).token(&bridge.token).serializer(serializer.clone());
        let builder = builder.namespace(namespace).batch(batch);
        let builder = match options.default_ttl() {
            Some(ttl) => builder.default_ttl(ttl),
            None => builder,
        };
        Following { inner: builder.build().unwrap(), case, time: BridgeTime::default() }
    };
    let ran = run_knowing(number, Knowledge::OwnActions, unlimited, factory).await;
    assert_eq!(ran, count(number, unlimited));
}

macro_rules! rule {
    ($rule:ident, $number:literal) => {
        #[wasm_bindgen_test]
        async fn $rule() {
            rule_over($number, JsonSerializer, true).await;
            rule_over($number, MessagePackSerializer, true).await;
            rule_over($number, JsonSerializer, false).await;
        }
    };
}
for_each_rule!(rule);

#[wasm_bindgen_test]
fn what_is_left_out_is_not_much() {
    let ran: usize = (1..=crate::conformance::RULES).map(|rule| count(rule, unlimited)).sum();
    assert!(ran > 70, "{ran}");
}

#[wasm_bindgen_test]
async fn counters_count() {
    let bridge = bridge().await;
    let case = ManualClock::new();
    // The bridge takes 0 for the real time.
    case.set_ms(1_700_000_000_000);
    let builder = patient::<i64>(&bridge.url).token(&bridge.token).namespace("counters");
    let inner: HttpCacheProvider<i64> = builder.build().unwrap();
    let provider = Following { inner, case: case.clone(), time: BridgeTime::default() };
    counters(&provider, &case).await;
    provider.clear_pattern("*").await.unwrap();
}
