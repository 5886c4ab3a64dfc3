//! The rules for providers, against each kind of server, with both serializers.

use std::sync::atomic::{AtomicU32, Ordering};

use isocache::{CacheProvider, ManualClock, MessagePackSerializer, RedisCacheProvider, Serializer};
use serde_json::Value;

use super::at_clock::{AtClock, ServerTime};
use super::patient;
use crate::conformance::{
    Case, Knowledge, MORE_OPERATIONS, Options, RULES, count, run_knowing, run_more_operations, unlimited,
    without_counters,
};
use crate::counter::counters;
use servers::clock::ServerClock;
use servers::cluster::Cluster;
use servers::redis::{self, RedisServer};
use servers::sentinel::SentinelSet;
use servers::tools::valkey_server;

/// All rules, through providers that share a store, each with a namespace of its own.
async fn all_rules<S: Serializer<Value> + Clone>(url: &str, serializer: S, is_json: bool, time: &ServerTime) {
    static NAMESPACE: AtomicU32 = AtomicU32::new(0);
    let factory = |options: &Options, clock: ManualClock| {
        let namespace = format!("case*{}", NAMESPACE.fetch_add(1, Ordering::Relaxed));
        let mut builder = patient(url).serializer(serializer.clone()).namespace(namespace);
        if let Some(ttl) = options.default_ttl() {
            builder = builder.default_ttl(ttl);
        }
        AtClock::new(builder.build().unwrap(), time.clone(), clock)
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
    let numbers: RedisCacheProvider<i64> = patient(url).namespace("counters").build().unwrap();
    counters(&AtClock::new(numbers.clone(), time.clone(), clock.clone()), &clock).await;
    // The next run counts from the beginning.
    numbers.clear_pattern("*").await.unwrap();
}

async fn both_serializers(url: &str, time: &ServerTime) {
    all_rules(url, isocache::JsonSerializer, true, time).await;
    all_rules(url, MessagePackSerializer, false, time).await;
}

#[tokio::test]
async fn standalone() {
    let clock = ServerClock::new();
    let server = RedisServer::start(redis::Options { clock: Some(clock.clone()), ..Default::default() });
    both_serializers(&server.url(), &ServerTime::new(clock)).await;
}

#[tokio::test]
async fn cluster() {
    let clock = ServerClock::new();
    let cluster = Cluster::start(Some(&clock));
    both_serializers(&cluster.url(), &ServerTime::new(clock)).await;
}

#[tokio::test]
async fn sentinel() {
    let clock = ServerClock::new();
    let set = SentinelSet::start(None, Some(&clock));
    both_serializers(&set.url(), &ServerTime::new(clock)).await;
}

#[tokio::test]
async fn valkey() {
    let Some(program) = valkey_server() else { return };
    let clock = ServerClock::new();
    let options = redis::Options {
        program: Some(program),
        clock: Some(clock.clone()),
        ..redis::Options::config(&["hz 500", "dynamic-hz no"])
    };
    let server = RedisServer::start(options);
    assert!(server.cli(&["INFO", "server"]).contains("valkey_version:9"), "{}", server.cli(&["INFO", "server"]));
    both_serializers(&server.url(), &ServerTime::of_sleeper(clock, server.port)).await;
}
