//! Memory before Redis: announcements of a server, a cluster and a primary behind Sentinels, and what happens to near
//! copies when they stop.

use std::time::Duration;

use isocache::{
    CacheProvider, CounterProvider, LinkState, RedisCacheProvider, Tagged, TaggedEntry, TieredCacheProvider,
    TouchProvider,
};

use super::{bounded, patient, recovers};
use crate::{lease_scenes, load_scenarios, tag_scenes};
use servers::cluster::Cluster;
use servers::proxy::Proxy;
use servers::redis::RedisServer;
use servers::sentinel::SentinelSet;
use servers::tools::valkey_server;

/// Short, so that silence is noticed soon.
const HEARTBEAT: Duration = Duration::from_millis(200);

const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

type Tier<T> = TieredCacheProvider<T, RedisCacheProvider<T>>;

fn tier<T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static>(
    far: RedisCacheProvider<T>,
    heartbeat: Duration,
) -> Tier<T> {
    let source = far.invalidations().heartbeat(heartbeat).unwrap();
    TieredCacheProvider::builder(far).invalidations(source).build().unwrap()
}

async fn ready<T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static>(
    far: RedisCacheProvider<T>,
) -> Tier<T> {
    // Longer than any pause of the machine.
    let tier = tier(far, Duration::from_secs(3600));
    bounded(tier.ready(servers::PATIENCE)).await.unwrap();
    tier
}

/// Waits until a read gives a value. How soon is a matter of the machine.
async fn becomes(cache: &Tier<String>, key: &str, value: Option<&str>) {
    let started = std::time::Instant::now();
    loop {
        let found = cache.get(key).await;
        if found.as_ref().is_ok_and(|found| found.as_deref() == value) {
            return;
        }
        assert!(started.elapsed() < servers::PATIENCE, "{key} is still {found:?}, not {value:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Reads until there is a near copy to read.
async fn is_kept(cache: &Tier<String>, key: &str) {
    let started = std::time::Instant::now();
    let before = cache.tier_stats().near_hits;
    while cache.tier_stats().near_hits == before {
        let _ = cache.get(key).await;
        assert!(started.elapsed() < servers::PATIENCE, "no near copy of {key}: {:?}", cache.tier_stats());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What changes a key, whoever does it, drops the copy.
async fn every_change_is_noticed(url: &str, cli: impl Fn(&[&str])) {
    let far: RedisCacheProvider<String> = patient(url).namespace("shop").build().unwrap();
    let cache = ready(far.clone()).await;
    far.set("k", "old".into(), HOUR).await.unwrap();
    for (command, after) in [
        (&["SET", "shop:k", "\"new\""][..], Some("new")),
        (&["DEL", "shop:k"], None),
        (&["PEXPIREAT", "shop:k", "1"], None),
        (&["EVAL", "return redis.call('SET', KEYS[1], '\"script\"')", "1", "shop:k"], Some("script")),
        (&["FLUSHALL"], None),
    ] {
        far.set("k", "old".into(), HOUR).await.unwrap();
        becomes(&cache, "k", Some("old")).await;
        is_kept(&cache, "k").await;
        cli(command);
        becomes(&cache, "k", after).await;
    }
    far.set("k", "old".into(), HOUR).await.unwrap();
    becomes(&cache, "k", Some("old")).await;
    is_kept(&cache, "k").await;
    cli(&["RENAME", "shop:k", "shop:other"]);
    becomes(&cache, "k", None).await;
    becomes(&cache, "other", Some("old")).await;
    let stats = cache.tier_stats();
    assert!(stats.invalidations > 5 && stats.near_hits > 5 && stats.link == LinkState::Connected, "{stats:?}");
}

#[tokio::test]
async fn every_change_is_noticed_in_redis() {
    let server = RedisServer::plain();
    every_change_is_noticed(&server.url(), |command| drop(server.cli(command))).await;
}

#[tokio::test]
async fn every_change_is_noticed_in_valkey() {
    let Some(program) = valkey_server() else { return };
    let server = RedisServer::start(servers::redis::Options { program: Some(program), ..Default::default() });
    every_change_is_noticed(&server.url(), |command| drop(server.cli(command))).await;
}

#[tokio::test]
async fn the_scenes_of_loading_leases_and_tags() {
    let server = RedisServer::plain();
    let far =
        |namespace: &str| -> RedisCacheProvider<u64> { patient(&server.url()).namespace(namespace).build().unwrap() };
    Box::pin(load_scenarios::all(&ready(far("scenes")).await)).await;
    Box::pin(lease_scenes::all(&ready(far("leases")).await, &ready(far("leases")).await)).await;
    let far: RedisCacheProvider<TaggedEntry<u64>> = patient(&server.url()).namespace("tags").build().unwrap();
    let entries = ready(far.clone()).await;
    let counters = entries.view(far.view::<i64>()).build().unwrap();
    Box::pin(tag_scenes::all(entries, counters)).await;
}

#[tokio::test]
async fn a_tagged_hit_costs_no_command() {
    let server = RedisServer::plain();
    let far: RedisCacheProvider<TaggedEntry<String>> = patient(&server.url()).namespace("tags").build().unwrap();
    let entries = ready(far.clone()).await;
    let counters = entries.view(far.view::<i64>()).build().unwrap();
    let tagged = Tagged::new(entries.clone(), counters.clone());
    tagged.with_tags(&["org:7"]).await.unwrap().set("user:1", "Ada".to_owned(), HOUR).await.unwrap();
    let view = tagged.with_tags(&[]).await.unwrap();
    let started = std::time::Instant::now();
    loop {
        let before = (server.cli(&["INFO", "commandstats"]), entries.tier_stats().near_hits);
        assert_eq!(view.get("user:1").await.unwrap().as_deref(), Some("Ada"));
        let gets = |info: &str| info.lines().filter(|line| line.starts_with("cmdstat_get:")).map(str::to_owned).next();
        if entries.tier_stats().near_hits > before.1 && gets(&before.0) == gets(&server.cli(&["INFO", "commandstats"]))
        {
            break;
        }
        assert!(started.elapsed() < servers::PATIENCE, "{:?}", entries.tier_stats());
    }
    tagged.invalidate_tags::<String>(&["org:7"]).await.unwrap();
    assert_eq!(view.get("user:1").await.unwrap(), None);
}

#[tokio::test]
async fn more_operations_reach_the_store() {
    let server = RedisServer::plain();
    let cache: Tier<i64> = ready(patient(&server.url()).build().unwrap()).await;
    cache.set("n", 1, HOUR).await.unwrap();
    assert_eq!(cache.increment("n", 2, None).await.unwrap(), 3);
    assert_eq!(cache.get("n").await.unwrap(), Some(3));
    assert!(cache.touch("n", Some(Duration::from_secs(1800))).await.unwrap());
    let (_, left) = cache.get_with_ttl("n").await.unwrap().unwrap();
    assert!(left <= Some(Duration::from_secs(1800)), "{left:?}");
}

#[tokio::test]
async fn a_line_that_is_cut_or_silent_serves_nothing_old() {
    let server = RedisServer::plain();
    let proxy = Proxy::start(server.port);
    let direct: RedisCacheProvider<String> = patient(&server.url()).build().unwrap();
    let far: RedisCacheProvider<String> = RedisCacheProvider::builder(&proxy.url())
        .connect_timeout(Duration::from_millis(500))
        .operation_timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    let cache = tier(far, HEARTBEAT);
    bounded(cache.ready(servers::PATIENCE)).await.unwrap();
    for round in 0..4 {
        direct.set("k", format!("old {round}"), HOUR).await.unwrap();
        becomes(&cache, "k", Some(&format!("old {round}"))).await;
        is_kept(&cache, "k").await;
        match round % 2 {
            0 => proxy.cut(),
            // Half open: what the server sends is lost.
            _ => proxy.swallow(),
        }
        direct.set("k", format!("new {round}"), HOUR).await.unwrap();
        // Within the bound, the old value may still be read; afterwards, it is an error or the new one.
        let started = std::time::Instant::now();
        while cache.tier_stats().link == LinkState::Connected && round % 2 == 1 {
            assert!(started.elapsed() < servers::PATIENCE, "{:?}", cache.tier_stats());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if round % 2 == 1 {
            assert!(cache.get("k").await.is_err(), "a silent line serves no copy");
        }
        proxy.pass();
        proxy.cut();
        becomes(&cache, "k", Some(&format!("new {round}"))).await;
        recovers(|| cache.get("k")).await;
        bounded(cache.ready(servers::PATIENCE)).await.unwrap();
    }
    assert!(cache.tier_stats().suspect_time > Duration::ZERO);
}

#[tokio::test]
async fn a_server_that_restarts() {
    let mut server = RedisServer::plain();
    let cache = ready(patient(&server.url()).namespace("shop").build().unwrap()).await;
    cache.far().set("k", "old".to_owned(), HOUR).await.unwrap();
    becomes(&cache, "k", Some("old")).await;
    is_kept(&cache, "k").await;
    server.kill();
    server.restart();
    becomes(&cache, "k", None).await;
    bounded(cache.ready(servers::PATIENCE)).await.unwrap();
    cache.far().set("k", "again".to_owned(), HOUR).await.unwrap();
    becomes(&cache, "k", Some("again")).await;
    is_kept(&cache, "k").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_slots_move_and_whose_primary_dies() {
    let mut cluster = Cluster::start(None);
    let far: RedisCacheProvider<String> = patient(&cluster.url()).build().unwrap();
    let cache = tier(far.clone(), HEARTBEAT);
    bounded(cache.ready(servers::PATIENCE)).await.unwrap();
    let keys = ["{tag}", "a", "b", "c", "d", "e"];
    for key in keys {
        far.set(key, "old".into(), HOUR).await.unwrap();
        becomes(&cache, key, Some("old")).await;
        is_kept(&cache, key).await;
        far.set(key, "new".into(), HOUR).await.unwrap();
        becomes(&cache, key, Some("new")).await;
        is_kept(&cache, key).await;
    }
    let slot: u16 = cluster.nodes[0].cli(&["CLUSTER", "KEYSLOT", "{tag}"]).parse().unwrap();
    let owner = usize::from(slot) * 3 / 16_384;
    let elsewhere = (owner + 1) % 3;
    tokio::task::block_in_place(|| cluster.move_slot(slot, owner, elsewhere, || {}));
    recovers(|| far.set("{tag}", "moved".into(), HOUR)).await;
    becomes(&cache, "{tag}", Some("moved")).await;
    is_kept(&cache, "{tag}").await;
    tokio::task::block_in_place(|| cluster.fail_over(elsewhere));
    recovers(|| far.set("{tag}", "failed over".into(), HOUR)).await;
    becomes(&cache, "{tag}", Some("failed over")).await;
    is_kept(&cache, "{tag}").await;
    recovers(|| far.set("{tag}", "after".into(), HOUR)).await;
    becomes(&cache, "{tag}", Some("after")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_behind_sentinels_that_fails_over() {
    let mut set = SentinelSet::start(None, None);
    let far: RedisCacheProvider<String> = patient(&set.url()).build().unwrap();
    let cache = tier(far.clone(), HEARTBEAT);
    bounded(cache.ready(servers::PATIENCE)).await.unwrap();
    far.set("k", "old".into(), HOUR).await.unwrap();
    becomes(&cache, "k", Some("old")).await;
    is_kept(&cache, "k").await;
    tokio::task::block_in_place(|| set.fail_over());
    recovers(|| far.set("k", "new".into(), HOUR)).await;
    becomes(&cache, "k", Some("new")).await;
    is_kept(&cache, "k").await;
    recovers(|| far.set("k", "after".into(), HOUR)).await;
    becomes(&cache, "k", Some("after")).await;
}
