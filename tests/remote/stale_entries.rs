//! Stale entries in Redis, behind the bridge, and behind another server of the protocol.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use isocache::{HttpCacheProvider, JsonSerializer, ManualClock, MessagePackSerializer, RedisCacheProvider, Serializer};
use serde_json::Value;

use crate::conformance::stale::{AGE, stale_entries_are_absent, touch_moves_freshness, wall_clock_ms};
use crate::http::foreign::foreign;
use crate::http::serving::{TOKEN, memory_bridge, redis_bridge};
use servers::clock::ServerClock;
use servers::cluster::Cluster;
use servers::redis::{self, RedisServer};

/// A namespace of its own for each scene.
fn namespace() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("scene{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A clock that is [`AGE`] behind the system time.
fn clock_of_writer() -> ManualClock {
    let clock = ManualClock::new();
    clock.set_ms(wall_clock_ms(AGE));
    clock
}

async fn over_redis<S: Serializer<Value> + Clone>(url: &str, serializer: S) {
    let namespace = namespace();
    let builder = || crate::redis::patient(url).serializer(serializer.clone()).namespace(namespace.clone());
    let writer: RedisCacheProvider<Value, S> = builder().unix_clock(clock_of_writer()).build().unwrap();
    stale_entries_are_absent(&writer, || builder().build().unwrap(), || {}).await;
}

async fn over_http<S: Serializer<Value> + Clone>(url: &str, serializer: S) {
    let namespace = namespace();
    let builder = || crate::http::patient(url).token(TOKEN).serializer(serializer.clone()).namespace(namespace.clone());
    let writer: HttpCacheProvider<Value, S> = builder().unix_clock(clock_of_writer()).build().unwrap();
    stale_entries_are_absent(&writer, || builder().build().unwrap(), || {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_in_redis() {
    let server = RedisServer::plain();
    over_redis(&server.url(), JsonSerializer).await;
    over_redis(&server.url(), MessagePackSerializer).await;
    over_http(&redis_bridge(&server.url()).await, JsonSerializer).await;
    over_http(&redis_bridge(&server.url()).await, MessagePackSerializer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_in_a_cluster() {
    let cluster = Cluster::start(None);
    over_redis(&cluster.url(), JsonSerializer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_behind_a_bridge_and_another_server() {
    let clock = ManualClock::new();
    clock.set_ms(wall_clock_ms(Duration::ZERO));
    for url in [memory_bridge(&clock).await, foreign(&clock).await] {
        over_http(&url, JsonSerializer).await;
        over_http(&url, MessagePackSerializer).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn touch_in_redis() {
    let server_clock = ServerClock::new();
    let start = wall_clock_ms(Duration::ZERO);
    server_clock.set_ms(start);
    let options = redis::Options { clock: Some(server_clock.clone()), ..redis::Options::default() };
    let server = RedisServer::start(options);
    let clock = ManualClock::new();
    clock.set_ms(start);
    let builder = || crate::redis::patient(&server.url()).namespace(namespace()).unix_clock(clock.clone());
    let age = |by: Duration| {
        clock.advance(by);
        server_clock.set_ms(isocache::Clock::now_ms(&clock));
    };
    let json: RedisCacheProvider<Value> = builder().build().unwrap();
    touch_moves_freshness(&json, age).await;
    let packed: RedisCacheProvider<Value, _> = builder().serializer(MessagePackSerializer).build().unwrap();
    touch_moves_freshness(&packed, age).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn touch_behind_a_bridge_and_another_server() {
    for is_bridge in [true, false] {
        let clock = ManualClock::new();
        clock.set_ms(wall_clock_ms(Duration::ZERO));
        let url = if is_bridge { memory_bridge(&clock).await } else { foreign(&clock).await };
        let builder = || crate::http::patient(&url).token(TOKEN).namespace(namespace()).unix_clock(clock.clone());
        let age = |by: Duration| clock.advance(by);
        let json: HttpCacheProvider<Value> = builder().build().unwrap();
        touch_moves_freshness(&json, age).await;
        let packed: HttpCacheProvider<Value, _> = builder().serializer(MessagePackSerializer).build().unwrap();
        touch_moves_freshness(&packed, age).await;
    }
}
