//! The traces of `tests/vectors/loading.json` over real servers: Redis, a bridge over its embedded store, and a bridge
//! over Redis. Time is that of the trace, for the servers, too.

use std::sync::atomic::{AtomicU64, Ordering};

use isocache::{CacheProvider, Clock, HttpCacheProvider, KeysProvider, ManualClock, RedisCacheProvider};
use servers::clock::ServerClock;
use servers::redis::{Options, RedisServer};
use tokio::runtime::{Handle, Runtime};

use crate::http::serving::{TOKEN, memory_bridge, redis_bridge_at};
use crate::trace_runner::run_all;
use crate::traced::{Moment, Traced};
use crate::{freshness_scenes, http, redis};

/// In how many orders each case runs.
const SEEDS: u64 = 2;

/// What the traces need of a provider, as far as servers have it.
const HAS: [&str; 3] = ["store", "ttl", "count"];

/// The tasks of a trace run in the test's thread, requests in those of the runtime.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Clocks of cases, one after the other: what one case has stored is gone in the next.
struct Times(AtomicU64);

impl Times {
    fn new() -> Self {
        Self(AtomicU64::new(1_800_000_000_000))
    }

    fn next(&self) -> ManualClock {
        let clock = ManualClock::new();
        clock.set_ms(self.0.fetch_add(3_600_000, Ordering::SeqCst));
        clock
    }

    /// A namespace that no other case has.
    fn namespace(clock: &ManualClock) -> String {
        format!("at{}", clock.now_ms())
    }
}

/// Runs the traces and the scenes of freshness. `make` builds a provider of a namespace at a clock.
fn run<P, Q>(
    name: &str,
    set_server_ms: impl Fn(u64, Moment) + Clone + Send + Sync + 'static,
    make: impl Fn(&str, ManualClock) -> (P, Q),
) where
    P: CacheProvider<String> + KeysProvider + Clone + 'static,
    Q: CacheProvider<u64> + 'static,
{
    let times = Times::new();
    let others = run_all(name, &HAS, SEEDS, || {
        let clock = times.next();
        let (cache, _) = make(&Times::namespace(&clock), clock.clone());
        let cache = Traced::new(cache, clock, set_server_ms.clone());
        (cache.clone(), cache)
    });
    assert!(others.is_empty(), "not run: {others:?}");

    let clock = times.next();
    let process =
        || Traced::new(make(&Times::namespace(&clock), clock.clone()).1, clock.clone(), set_server_ms.clone());
    Handle::current().block_on(freshness_scenes::all(&process(), &process(), |by| clock.advance(by)));
}

#[test]
fn over_redis() {
    let time = ServerClock::new();
    let server = RedisServer::start(Options { clock: Some(time.clone()), ..Options::default() });
    let runtime = runtime();
    let _entered = runtime.enter();
    run(
        "Redis",
        move |ms, moment| time.set_ms(moment.of_redis(ms)),
        |namespace, clock| {
            let builder = redis::patient(&server.url()).namespace(namespace).unix_clock(clock.clone());
            let numbers = redis::patient(&server.url()).namespace(namespace).unix_clock(clock);
            let (texts, numbers): (RedisCacheProvider<String>, RedisCacheProvider<u64>) =
                (builder.build().unwrap(), numbers.build().unwrap());
            (texts, numbers)
        },
    );
}

fn over_http(name: &str, url: &str, set_server_ms: impl Fn(u64, Moment) + Clone + Send + Sync + 'static) {
    run(name, set_server_ms, |namespace, clock| {
        let texts = http::patient(url).token(TOKEN).namespace(namespace).unix_clock(clock.clone());
        let numbers = http::patient(url).token(TOKEN).namespace(namespace).unix_clock(clock);
        let (texts, numbers): (HttpCacheProvider<String>, HttpCacheProvider<u64>) =
            (texts.build().unwrap(), numbers.build().unwrap());
        (texts, numbers)
    });
}

#[test]
fn over_http_with_the_embedded_store() {
    let (runtime, clock) = (runtime(), ManualClock::new());
    let url = runtime.block_on(memory_bridge(&clock));
    let _entered = runtime.enter();
    over_http("HTTP, embedded store", &url, move |ms, _| clock.set_ms(ms));
}

#[test]
fn over_http_with_redis() {
    let time = ServerClock::new();
    let server = RedisServer::start(Options { clock: Some(time.clone()), ..Options::default() });
    let runtime = runtime();
    let clock = ManualClock::new();
    let url = runtime.block_on(redis_bridge_at(&server.url(), clock.clone()));
    let _entered = runtime.enter();
    over_http("HTTP, Redis", &url, move |ms, moment| {
        clock.set_ms(ms);
        time.set_ms(moment.of_redis(ms));
    });
}
