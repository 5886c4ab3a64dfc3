//! The rules for providers, over HTTP, with both serializers.

use std::sync::atomic::{AtomicU32, Ordering};

use isocache::{CacheProvider, HttpCacheProvider, ManualClock, MessagePackSerializer, Serializer};
use serde_json::Value;

use super::foreign::foreign;
use super::patient;
use super::serving::{TOKEN, memory_bridge};
use crate::conformance::following::Following;
use crate::conformance::{
    Case, Knowledge, MORE_OPERATIONS, Options, RULES, count, run_knowing, run_more_operations, unlimited,
    without_counters,
};
use crate::counter::counters;

/// All rules, through providers that share a store, each with a namespace of its own. The store goes by `time`, which a
/// case's clock moves.
async fn all_rules<S: Serializer<Value> + Clone>(
    url: &str,
    serializer: S,
    is_json: bool,
    batch: bool,
    time: &ManualClock,
) {
    static NAMESPACE: AtomicU32 = AtomicU32::new(0);
    let factory = |options: &Options, clock: ManualClock| {
        let namespace = format!("case*{}", NAMESPACE.fetch_add(1, Ordering::Relaxed));
        let builder = patient(url).token(TOKEN).serializer(serializer.clone()).namespace(namespace).batch(batch);
        let builder = match options.default_ttl() {
            Some(ttl) => builder.default_ttl(ttl),
            None => builder,
        };
        Following { inner: builder.build().unwrap(), case: clock, time: time.clone() }
    };
    let mut ran = 0;
    for rule in 1..=RULES {
        let cases = run_knowing(rule, Knowledge::OwnActions, unlimited, factory).await;
        assert_eq!(cases, count(rule, unlimited));
        ran += cases;
    }
    assert!(ran > 70, "{ran}");
    let applies = |case: &Case| unlimited(case) && (is_json || without_counters(case));
    let more = run_more_operations(Knowledge::OwnActions, applies, factory).await;
    assert!(more > 30 && more == count(MORE_OPERATIONS, applies), "{more}");
    let clock = ManualClock::new();
    let numbers: HttpCacheProvider<i64> = patient(url).token(TOKEN).namespace("counters").batch(batch).build().unwrap();
    let following = Following { inner: numbers.clone(), case: clock.clone(), time: time.clone() };
    counters(&following, &clock).await;
    numbers.clear_pattern("*").await.unwrap();
}

async fn everything(url: &str, time: &ManualClock) {
    all_rules(url, isocache::JsonSerializer, true, true, time).await;
    all_rules(url, MessagePackSerializer, false, true, time).await;
    all_rules(url, isocache::JsonSerializer, true, false, time).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_over_the_embedded_store() {
    let time = ManualClock::new();
    everything(&memory_bridge(&time).await, &time).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_another_kind() {
    let time = ManualClock::new();
    everything(&foreign(&time).await, &time).await;
}
