//! A tiered cache in WebAssembly: the rules, and near copies that are dropped by announcements.

use std::time::Duration;

use isocache::{CacheProvider, InvalidationChannel, LinkState, ManualClock, MemoryCacheProvider, TieredCacheProvider};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::conformance::memory::memory;
use crate::conformance::{Case, RULES, count, run};

fn applies(case: &Case) -> bool {
    case.options.max_entries.is_none() && case.options.max_bytes.is_none()
}

#[wasm_bindgen_test]
async fn the_rules_of_providers() {
    for rule in 1..=RULES {
        let ran = run(rule, applies, |options, clock: ManualClock| {
            let builder = TieredCacheProvider::builder(memory(options, clock.clone()));
            builder.invalidations(InvalidationChannel::new()).clock(clock).build().unwrap()
        });
        assert_eq!(ran.await, count(rule, applies));
    }
}

#[wasm_bindgen_test]
async fn announcements_drop_copies() {
    let (far, channel) = (MemoryCacheProvider::<u64>::default(), InvalidationChannel::new());
    let cache = TieredCacheProvider::builder(far.clone()).invalidations(channel.clone()).build().unwrap();
    cache.ready(Duration::from_secs(300)).await.unwrap();
    cache.set("k", 1, Some(Duration::from_secs(3600))).await.unwrap();
    far.set("k", 2, None).await.unwrap();
    assert_eq!(cache.get("k").await.unwrap(), Some(1), "not announced yet");
    channel.keys(["k"]);
    assert_eq!(cache.get("k").await.unwrap(), Some(2));
    channel.disconnect(isocache::CacheError::Connection("cut".into()));
    far.set("k", 3, None).await.unwrap();
    assert_eq!(cache.get("k").await.unwrap(), Some(3), "copies wait");
    assert_eq!(cache.tier_stats().link, LinkState::Disconnected);
}
