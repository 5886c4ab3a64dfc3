//! Tiered caches over HTTP, with real bridges: restarts, networks that break, many caches, tenants, polling; and the rules of
//! providers and loading, memory before HTTP.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use isocache::{
    CacheError, CacheProvider, HttpCacheProvider, InvalidationSource, LinkState, ManualClock, TieredCacheProvider,
};
use isocache_bridge::access::{Digest, Profile, Role, Scope, Tokens};
use isocache_bridge::store::Store;
use isocache_bridge::store::memory::{MemoryStore, MemoryStoreOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use servers::proxy::Proxy;
use servers::redis::RedisServer;

use super::serving::{Announcing, Killable, TOKEN, memory_bridge};
use super::{bounded, patient};
use crate::conformance::following::Following;
use crate::conformance::{Case, Knowledge, Options, RULES, count, run_knowing, run_more_operations};
use crate::{lease_scenes, load_scenarios};

type Tier<T> = TieredCacheProvider<T, HttpCacheProvider<T>>;

/// What is done to a line.
type Fault = fn(&Proxy);

/// The number that the last write of a counting writer has.
const LAST: u64 = 300;

/// Heartbeats are frequent, so that tests notice silence soon.
const HEARTBEAT: Duration = Duration::from_millis(100);

fn embedded() -> Store {
    Store::Memory(MemoryStore::new(MemoryStoreOptions::default()).unwrap())
}

fn redis(server: &RedisServer) -> Store {
    let limit = servers::PATIENCE;
    let builder = isocache::RedisCacheBuilder::new(&server.url()).connect_timeout(limit).operation_timeout(limit);
    Store::redis(&builder, limit).unwrap()
}

fn http<T>(url: &str) -> HttpCacheProvider<T> {
    patient(url).token(TOKEN).breaker(0, Duration::ZERO).build().unwrap()
}

/// A tiered cache that knows its own changes, connected.
async fn tier<T>(http: &HttpCacheProvider<T>) -> Tier<T>
where
    T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    let (far, source) = http.with_invalidations();
    let tier = TieredCacheProvider::builder(far).invalidations(source).build().unwrap();
    bounded(tier.ready(servers::PATIENCE)).await.unwrap();
    tier
}

/// Reads until the value is this one. Whatever is read before must be among `old`.
pub async fn becomes(tier: &impl CacheProvider<String>, key: &str, old: &[Option<&str>], new: Option<&str>) {
    bounded(async {
        loop {
            match tier.get(key).await {
                Ok(value) if value.as_deref() == new => return,
                Ok(value) => assert!(old.contains(&value.as_deref()), "{value:?}"),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_anywhere_drops_the_copies_everywhere() {
    let server = RedisServer::plain();
    for store in [embedded(), redis(&server)] {
        let bridge = Announcing::start(store, HEARTBEAT).await;
        let (a, b) = (tier(&http::<String>(&bridge.url)).await, tier(&http::<String>(&bridge.url)).await);
        a.set("k", "1".into(), None).await.unwrap();
        assert_eq!(b.get("k").await.unwrap().as_deref(), Some("1"));
        becomes(&a, "k", &[], Some("1")).await;
        for new in ["2", "3"] {
            let old = a.get("k").await.unwrap();
            b.set("k", new.into(), None).await.unwrap();
            becomes(&a, "k", &[old.as_deref()], Some(new)).await;
        }
        b.delete("k").await.unwrap();
        becomes(&a, "k", &[Some("3")], None).await;
        let near = a.tier_stats().near_hits;
        a.set("k", "4".into(), None).await.unwrap();
        becomes(&b, "k", &[None], Some("4")).await;
        bounded(async {
            while a.tier_stats().near_hits == near {
                a.get("k").await.unwrap();
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_tier_writes_stays_near_although_it_is_announced() {
    // Copies are served whatever pauses the machine makes.
    let bridge = Announcing::start(embedded(), Duration::from_secs(3600)).await;
    let shared = http::<String>(&bridge.url);
    let (a, b) = (tier(&shared).await, tier(&shared).await);
    for number in 0..20_u64 {
        let value = number.to_string();
        a.set("mine", value.clone(), Some(Duration::from_secs(600))).await.unwrap();
        let is_announced = async {
            while a.tier_stats().invalidations <= number {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        bounded(is_announced).await;
        assert_eq!(a.get("mine").await.unwrap(), Some(value));
        assert_eq!(a.tier_stats().near_hits, number + 1, "{:?}", a.tier_stats());
    }
    // The other one over the same connection is told that it has changed.
    assert_eq!(b.get("mine").await.unwrap().as_deref(), Some("19"));
    a.set("mine", "20".into(), None).await.unwrap();
    becomes(&b, "mine", &[Some("19")], Some("20")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_old_survives_a_restart_of_the_bridge() {
    let server = RedisServer::plain();
    let mut bridge = Killable::start(&server.url(), HEARTBEAT);
    let cache = http::<String>(&bridge.url());
    let tier = tier(&cache).await;
    server.cli(&["SET", "k", "\"old\""]);
    assert_eq!(tier.get("k").await.unwrap().as_deref(), Some("old"));
    let resets = tier.tier_stats().resets;
    bridge.kill();
    server.cli(&["SET", "k", "\"new\""]);
    bounded(async {
        while tier.tier_stats().link == LinkState::Connected {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert!(!matches!(tier.get("k").await, Ok(Some(value)) if value == "old"), "the copies are not served");
    bridge.restart();
    becomes(&tier, "k", &[], Some("new")).await;
    bounded(tier.ready(servers::PATIENCE)).await.unwrap();
    assert!(tier.tier_stats().resets > resets, "another epoch: {:?}", tier.tier_stats());
    becomes(&tier, "k", &[], Some("new")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_breaks_or_falls_silent_never_brings_a_value_back() {
    let bridge = Announcing::start(embedded(), HEARTBEAT).await;
    let proxy = Proxy::start(bridge.port());
    let writer = http::<String>(&bridge.url);
    let reader: HttpCacheProvider<String> = patient(&format!("http://127.0.0.1:{}", proxy.port))
        .token(TOKEN)
        .timeout(Duration::from_millis(300))
        .retries(0)
        .breaker(0, Duration::ZERO)
        .build()
        .unwrap();
    let tier = tier(&reader).await;
    let faults: [(&str, Fault); 5] = [
        ("cut", Proxy::cut),
        ("reset", Proxy::reset),
        ("refused", Proxy::refuse),
        ("half open", Proxy::swallow),
        ("slow", |proxy| proxy.delay(Duration::from_millis(50))),
    ];
    for (round, (name, spoil)) in faults.iter().cycle().take(10).enumerate() {
        let (old, new) = (format!("old-{round}"), format!("new-{round}"));
        writer.set("k", old.clone(), None).await.unwrap();
        let before = round.checked_sub(1).map(|round| format!("new-{round}"));
        becomes(&tier, "k", &[before.as_deref(), None], Some(&old)).await;
        spoil(&proxy);
        writer.set("k", new.clone(), None).await.unwrap();
        // The old one may be read until the silence is noticed, and never again after anything else.
        let mut is_over = false;
        bounded(async {
            while !is_over {
                is_over = !matches!(tier.get("k").await, Ok(Some(value)) if value == old);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        for _ in 0..20 {
            assert!(!matches!(tier.get("k").await, Ok(Some(value)) if value == old), "{name}: it came back");
        }
        proxy.pass();
        becomes(&tier, "k", &[], Some(&new)).await;
        bounded(tier.ready(servers::PATIENCE)).await.unwrap();
        becomes(&tier, "k", &[], Some(&new)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_never_goes_back_while_others_write() {
    let bridge = Announcing::start(embedded(), HEARTBEAT).await;
    let proxy = Proxy::start(bridge.port());
    let writers: Vec<Tier<u64>> = join_all((0..2).map(|_| async { tier(&http::<u64>(&bridge.url)).await })).await;
    let readers: Vec<Tier<u64>> =
        join_all((0..3).map(|_| async { tier(&http::<u64>(&format!("http://127.0.0.1:{}", proxy.port))).await })).await;
    let write = async {
        for number in 1..=LAST {
            writers[usize::from(number % 2 == 0)].set("n", number, None).await.unwrap();
            if number % 100 == 0 {
                proxy.cut();
            }
        }
    };
    let read = join_all(readers.iter().map(|reader| async {
        let (mut last, mut reads) = (0, 0_u64);
        while last < LAST {
            let Ok(read) = reader.get("n").await else { continue };
            let read = read.unwrap_or(0);
            assert!(read >= last, "{read} after {last}");
            (last, reads) = (read, reads + 1);
            // A near hit does not yield by itself.
            tokio::task::yield_now().await;
        }
        reads
    }));
    bounded(futures_util::future::join(write, read)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_caches_see_each_change() {
    let bridge = Announcing::start(embedded(), Duration::from_secs(10)).await;
    let shared = http::<String>(&bridge.url);
    shared.set("k", "old".into(), None).await.unwrap();
    let tiers: Vec<Tier<String>> = join_all((0..1000).map(|_| tier(&shared))).await;
    for read in join_all(tiers.iter().map(|tier| tier.get("k"))).await {
        assert_eq!(read.unwrap().as_deref(), Some("old"));
    }
    for new in ["new", "newer"] {
        let old = shared.get("k").await.unwrap();
        shared.set("k", new.into(), None).await.unwrap();
        let old = [old.as_deref()];
        join_all(tiers.iter().map(|tier| becomes(tier, "k", &old, Some(new)))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_sees_no_changes_of_another() {
    let mut tokens = Tokens::default();
    for (token, prefix) in [("token-of-a", "a:"), ("token-of-b", "b:")] {
        let profile = Profile::scoped(token, Role::ReadWrite, Scope::prefixes([prefix]).unwrap());
        tokens.add(Digest::of(token.as_bytes()), profile).unwrap();
    }
    let bridge = Announcing::with_tokens(embedded(), HEARTBEAT, tokens).await;
    let of = |token: &str, namespace: &str| -> HttpCacheProvider<String> {
        patient(&bridge.url).token(token).namespace(namespace).build().unwrap()
    };
    let (a, b) = (of("token-of-a", "a"), of("token-of-b", "b"));
    let (tier_a, tier_b) = (tier(&a).await, tier(&b).await);
    tier_a.set("k", "of a".into(), None).await.unwrap();
    tier_b.set("k", "of b".into(), None).await.unwrap();
    a.set("k", "new".into(), None).await.unwrap();
    becomes(&tier_a, "k", &[Some("of a")], Some("new")).await;
    b.set("end", "x".into(), None).await.unwrap();
    becomes(&tier_b, "end", &[None], Some("x")).await;
    assert_eq!(tier_b.get("k").await.unwrap().as_deref(), Some("of b"));
    // Two of its own keys; whoever counts more has seen another's.
    assert!(tier_b.tier_stats().invalidations <= 2, "{:?}", tier_b.tier_stats());
    // Under another's namespace there is nothing to be told.
    let error = bounded(of("token-of-a", "b").invalidations().poll(None)).await.unwrap_err();
    assert!(matches!(&error, CacheError::Refused(text) if text.contains("may read no keys")), "{error:?}");
    let nobody: HttpCacheProvider<String> = patient(&bridge.url).token("token-of-a").build().unwrap();
    let all = nobody.invalidations();
    let start = all.poll(None).await.unwrap().position();
    b.set("hidden", "x".into(), None).await.unwrap();
    a.set("shown", "x".into(), None).await.unwrap();
    let missed = all.poll(start).await.unwrap();
    let isocache::Invalidation::Keys { keys, .. } = missed else { panic!("{missed:?}") };
    assert_eq!(keys, ["a:shown"], "without a namespace, too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tier_that_polls_is_as_old_as_its_interval() {
    let bridge = Announcing::start(embedded(), HEARTBEAT).await;
    let clock = ManualClock::new();
    let (far, source) = http::<String>(&bridge.url).with_invalidations();
    let source = source.polling(Duration::from_secs(5)).unwrap();
    let tier = TieredCacheProvider::builder(far).invalidations(source).clock(clock.clone()).build().unwrap();
    bounded(tier.ready(servers::PATIENCE)).await.unwrap();
    let writer = http::<String>(&bridge.url);
    writer.set("k", "1".into(), None).await.unwrap();
    writer.set("other", "x".into(), None).await.unwrap();
    becomes(&tier, "k", &[None], Some("1")).await;
    becomes(&tier, "k", &[], Some("1")).await;
    writer.set("k", "2".into(), None).await.unwrap();
    clock.advance(Duration::from_secs(5) + Duration::from_millis(1));
    assert_eq!(tier.get("k").await.unwrap().as_deref(), Some("2"), "it polls first");
    // A copy of what is read now, and a change that any response tells of.
    assert_eq!(tier.get("k").await.unwrap().as_deref(), Some("2"));
    writer.set("k", "3".into(), None).await.unwrap();
    tier.get("other").await.unwrap();
    becomes(&tier, "k", &[Some("2")], Some("3")).await;
}

/// In these cases, the use of a near copy has to reach the far provider.
fn applies(case: &Case) -> bool {
    case.options.max_entries.is_none() && case.options.max_bytes.is_none()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_of_providers() {
    static NAMESPACE: AtomicU32 = AtomicU32::new(0);
    let time = ManualClock::new();
    let url = memory_bridge(&time).await;
    let factory = |options: &Options, clock: ManualClock| {
        let namespace = format!("case{}", NAMESPACE.fetch_add(1, Ordering::Relaxed));
        let builder = patient::<Value>(&url).token(TOKEN).namespace(namespace);
        let builder = match options.default_ttl() {
            Some(ttl) => builder.default_ttl(ttl),
            None => builder,
        };
        let (far, source) = builder.build().unwrap().with_invalidations();
        let inner = TieredCacheProvider::builder(far).invalidations(source).clock(clock.clone()).build().unwrap();
        Following { inner, case: clock, time: time.clone() }
    };
    let mut ran = 0;
    for rule in 1..=RULES {
        let cases = run_knowing(rule, Knowledge::OwnActions, applies, factory).await;
        assert_eq!(cases, count(rule, applies));
        ran += cases;
    }
    assert!(ran > 60, "{ran}");
    let more = run_more_operations(Knowledge::OwnActions, applies, factory).await;
    assert!(more > 30, "{more}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scenes_of_loading_tags_and_leases() {
    let server = RedisServer::plain();
    for store in [embedded(), redis(&server)] {
        let bridge = Announcing::start(store, HEARTBEAT).await;
        let tier = tier(&http::<u64>(&bridge.url)).await;
        load_scenarios::all(&tier).await;
        let process = || async { self::tier(&http::<u64>(&bridge.url)).await };
        lease_scenes::all(&process().await, &process().await).await;
        // Copies were used, too, as soon as the line permits.
        let before = tier.tier_stats().near_hits;
        bounded(async {
            while tier.tier_stats().near_hits == before {
                tier.set("near", 7, Some(Duration::from_secs(600))).await.unwrap();
                assert_eq!(tier.get("near").await, Ok(Some(7)));
                assert_eq!(tier.get("near").await, Ok(Some(7)));
            }
        })
        .await;
    }
}
