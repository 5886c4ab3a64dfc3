//! The traces of `tests/vectors/loading.json` over real servers: Redis, a bridge over its embedded store, and a bridge
//! over Redis. Time is that of the trace, for the servers, too.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use isocache::{
    CacheError, CacheProvider, Clock, HttpCacheProvider, InvalidationChannel, InvalidationSource, KeysProvider,
    ManualClock, RedisCacheProvider, TieredCacheBuilder, TieredCacheProvider,
};
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

/// Longer than any case.
const HEARTBEAT: Duration = Duration::from_secs(3600);

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

/// A provider, and its announcements.
type Announced<P> = (P, Arc<dyn InvalidationSource>);

/// Runs the traces over a provider of texts, and over memory before it, and the scenes of freshness over one of numbers. Both
/// are built of a namespace, at a clock.
fn run<P, Q>(
    name: &str,
    set_server_ms: impl Fn(u64, Moment) + Clone + Send + Sync + 'static,
    texts: impl Fn(&str, ManualClock) -> Announced<P>,
    numbers: impl Fn(&str, ManualClock) -> Announced<Q>,
) where
    P: CacheProvider<String> + KeysProvider + Clone + 'static,
    Q: CacheProvider<u64> + 'static,
{
    let times = Times::new();
    let traced = || {
        let clock = times.next();
        let (cache, source) = texts(&Times::namespace(&clock), clock.clone());
        (Traced::new(cache, clock.clone(), set_server_ms.clone()), source, clock)
    };
    let others = run_all(name, &HAS, SEEDS, || {
        let (cache, _, _) = traced();
        (cache.clone(), cache)
    });
    assert!(others.is_empty(), "not run: {others:?}");

    // A near copy is found although the store fails, or takes long. What the traces say of that is seen without copies.
    let tiers = RefCell::new(Vec::new());
    run_all(&format!("memory before {name}"), &HAS[1..], SEEDS, || {
        let (far, source, clock) = traced();
        let tier = connected(TieredCacheProvider::builder(far.clone()).invalidations(source).clock(clock));
        tiers.borrow_mut().push(tier.clone());
        (tier, far)
    });
    let near_hits: u64 = tiers.take().iter().map(|tier| tier.tier_stats().near_hits).sum();
    assert!(near_hits > 0);
    let others = run_all(&format!("memory that waits before {name}"), &HAS, 1, || {
        let (far, _, clock) = traced();
        let channel = InvalidationChannel::new();
        channel.disconnect(CacheError::Connection("the bus is down".into()));
        let tier = TieredCacheProvider::builder(far.clone()).invalidations(channel).clock(clock).build().unwrap();
        (tier, far)
    });
    assert!(others.is_empty(), "not run: {others:?}");

    let clock = times.next();
    let process = || {
        let (cache, _) = numbers(&Times::namespace(&clock), clock.clone());
        Traced::new(cache, clock.clone(), set_server_ms.clone())
    };
    Handle::current().block_on(freshness_scenes::all(&process(), &process(), |by| clock.advance(by)));
}

/// A tier that serves its copies.
fn connected<T, P>(builder: TieredCacheBuilder<T, P>) -> TieredCacheProvider<T, P>
where
    T: Clone + Send + 'static,
{
    let tier = builder.build().unwrap();
    Handle::current().block_on(http::bounded(tier.ready(servers::PATIENCE))).unwrap();
    tier
}

fn redis_at<T>(url: &str, namespace: &str, clock: ManualClock) -> Announced<RedisCacheProvider<T>> {
    let cache = redis::patient(url).namespace(namespace).unix_clock(clock).build().unwrap();
    let source = cache.invalidations().heartbeat(HEARTBEAT).unwrap();
    (cache, Arc::new(source))
}

#[test]
fn over_redis() {
    let time = ServerClock::new();
    let server = RedisServer::start(Options { clock: Some(time.clone()), ..Options::default() });
    let runtime = runtime();
    let _entered = runtime.enter();
    let url = server.url();
    run(
        "Redis",
        move |ms, moment| time.set_ms(moment.of_redis(ms)),
        |namespace, clock| redis_at(&url, namespace, clock),
        |namespace, clock| redis_at(&url, namespace, clock),
    );
}

fn http_at<T>(url: &str, namespace: &str, clock: ManualClock) -> Announced<HttpCacheProvider<T>> {
    let cache = http::patient(url).token(TOKEN).namespace(namespace).unix_clock(clock).build().unwrap();
    let (cache, source) = cache.with_invalidations();
    (cache, Arc::new(source))
}

fn over_http(name: &str, url: &str, set_server_ms: impl Fn(u64, Moment) + Clone + Send + Sync + 'static) {
    run(
        name,
        set_server_ms,
        |namespace, clock| http_at(url, namespace, clock),
        |namespace, clock| http_at(url, namespace, clock),
    );
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
