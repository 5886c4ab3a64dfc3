//! The rules for providers, memory before a real Redis.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use isocache::{ManualClock, RedisCacheProvider, TieredCacheProvider};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::at_clock::{AtClock, ServerTime};
use super::{bounded, patient};
use crate::conformance::{
    Knowledge, MORE_OPERATIONS, Options, RULES, count, run_knowing, run_more_operations, unlimited,
};
use servers::clock::ServerClock;
use servers::redis::{self, RedisServer};

/// Longer than any case.
const HEARTBEAT: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_before_redis() {
    static NAMESPACE: AtomicU32 = AtomicU32::new(0);
    let clock = ServerClock::new();
    let server = RedisServer::start(redis::Options { clock: Some(clock.clone()), ..Default::default() });
    let time = ServerTime::new(clock);
    let factory = |options: &Options, clock: ManualClock| {
        let namespace = format!("case*{}", NAMESPACE.fetch_add(1, Ordering::Relaxed));
        let mut builder = patient::<Value>(&server.url()).namespace(namespace);
        if let Some(ttl) = options.default_ttl() {
            builder = builder.default_ttl(ttl);
        }
        let redis: RedisCacheProvider<Value> = builder.build().unwrap();
        let source = redis.invalidations().heartbeat(HEARTBEAT).unwrap();
        let far = AtClock::new(redis, time.clone(), clock.clone());
        let tier = TieredCacheProvider::builder(far).invalidations(source).clock(clock).build().unwrap();
        block_in_place(|| Handle::current().block_on(bounded(tier.ready(servers::PATIENCE)))).unwrap();
        tier
    };
    for rule in 1..=RULES {
        let cases = run_knowing(rule, Knowledge::OwnActions, unlimited, factory).await;
        assert_eq!(cases, count(rule, unlimited));
    }
    let more = run_more_operations(Knowledge::OwnActions, unlimited, factory).await;
    assert_eq!(more, count(MORE_OPERATIONS, unlimited));
}
