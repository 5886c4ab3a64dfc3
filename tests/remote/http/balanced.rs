//! Tiered caches over two bridges before one Redis, behind a balancer: the stream of a client is at one bridge, and its
//! requests go to either. Positions of one bridge mean nothing to the other.

use std::time::Duration;

use futures_util::future::{join, join_all};
use isocache::{
    CacheProvider, HttpCacheProvider, InvalidationSource, LinkState, ManualClock, Position, TieredCacheProvider,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use servers::redis::RedisServer;

use super::balancer::Balancer;
use super::serving::{Killable, TOKEN};
use super::tiered::becomes;
use super::{bounded, patient};

type Tier<T> = TieredCacheProvider<T, HttpCacheProvider<T>>;

const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

/// Two bridges, and what is before and behind them.
struct Balanced {
    redis: RedisServer,
    bridges: [Killable; 2],
    balancer: Balancer,
}

impl Balanced {
    async fn start(heartbeat: Duration) -> Self {
        let redis = RedisServer::plain();
        let bridges = [(); 2].map(|()| Killable::start(&redis.url(), heartbeat));
        let balancer = Balancer::start(bridges.iter().map(Killable::url)).await;
        Self { redis, bridges, balancer }
    }

    fn http<T>(&self) -> HttpCacheProvider<T> {
        patient(&self.balancer.url).token(TOKEN).breaker(0, Duration::ZERO).build().unwrap()
    }

    async fn tier<T>(&self) -> Tier<T>
    where
        T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
    {
        let (far, source) = self.http().with_invalidations();
        let tier = TieredCacheProvider::builder(far).invalidations(source).build().unwrap();
        bounded(tier.ready(servers::PATIENCE)).await.unwrap();
        tier
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_to_another_bridge_do_not_disturb_the_stream() {
    let balanced = Balanced::start(Duration::from_secs(3600)).await;
    // Their streams are at different bridges.
    let tiers = [balanced.tier::<String>().await, balanced.tier().await];
    for round in 0..20 {
        let (old, new) = (round.to_string(), (round + 1).to_string());
        for tier in &tiers {
            for number in 0..4 {
                tier.set(&format!("{round}-{number}"), "x".into(), HOUR).await.unwrap();
                tier.get("k").await.unwrap();
            }
        }
        balanced.redis.cli(&["SET", "k", &format!("\"{new}\"")]);
        for tier in &tiers {
            becomes(tier, "k", &[Some(&old), None], Some(&new)).await;
        }
    }
    for tier in &tiers {
        let stats = tier.tier_stats();
        assert_eq!((stats.link, stats.suspect_time), (LinkState::Connected, Duration::ZERO), "{stats:?}");
        assert!(stats.near_hits > 0, "{stats:?}");
    }
    assert_eq!(balanced.balancer.streams(), 2, "one for each tier");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_never_goes_back_whichever_bridge_it_reaches() {
    const LAST: u64 = 300;
    let mut balanced = Balanced::start(Duration::from_millis(200)).await;
    let writers = [balanced.tier::<u64>().await, balanced.tier().await];
    let readers: Vec<Tier<u64>> = join_all((0..3).map(|_| balanced.tier())).await;
    let Balanced { bridges, .. } = &mut balanced;
    let write = async {
        for number in 1..=LAST {
            // A bridge that is gone is a failure of every second request. The number is written again, until it is.
            while writers[usize::from(number % 2 == 0)].set("n", number, HOUR).await.is_err() {
                tokio::task::yield_now().await;
            }
            match number {
                100 | 200 => bridges[usize::from(number == 200)].kill(),
                150 | 250 => bridges[usize::from(number == 250)].restart(),
                _ => {}
            }
        }
    };
    let read = join_all(readers.iter().map(|reader| async {
        let mut last = 0;
        while last < LAST {
            let Ok(read) = reader.get("n").await else { continue };
            let read = read.unwrap_or(0);
            assert!(read >= last, "{read} after {last}");
            last = read;
            // A near hit does not yield by itself.
            tokio::task::yield_now().await;
        }
    }));
    bounded(join(write, read)).await;
    // Copies are used as soon as the line permits.
    bounded(join_all(readers.iter().map(|reader| async {
        while reader.tier_stats().near_hits == 0 {
            let _ = reader.get("n").await;
            tokio::task::yield_now().await;
        }
    })))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_continues_at_another_bridge_continues_nothing() {
    // Only the end of a bridge ends the stream: it is always at the one that is killed next.
    let mut balanced = Balanced::start(Duration::from_secs(3600)).await;
    let tier = balanced.tier::<String>().await;
    for (round, killed) in [0, 1, 0, 1].into_iter().enumerate() {
        let (old, new) = (format!("old {round}"), format!("new {round}"));
        balanced.redis.cli(&["SET", "k", &format!("\"{old}\"")]);
        let before = round.checked_sub(1).map(|round| format!("new {round}"));
        becomes(&tier, "k", &[before.as_deref()], Some(&old)).await;
        let resets = tier.tier_stats().resets;
        // Each stream goes to the other bridge.
        balanced.bridges[killed].kill();
        balanced.redis.cli(&["SET", "k", &format!("\"{new}\"")]);
        bounded(async {
            while tier.tier_stats().resets == resets {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        becomes(&tier, "k", &[], Some(&new)).await;
        balanced.bridges[killed].restart();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_of_any_bridge_are_as_old_as_the_interval() {
    let balanced = Balanced::start(Duration::from_secs(60)).await;
    let clock = ManualClock::new();
    let (far, source) = balanced.http::<String>().with_invalidations();
    let source = source.polling(Duration::from_secs(5)).unwrap();
    let tier = TieredCacheProvider::builder(far).invalidations(source).clock(clock.clone()).build().unwrap();
    bounded(tier.ready(servers::PATIENCE)).await.unwrap();
    let positions = || async { join_all(balanced.bridges.iter().map(position)).await };
    for round in 0..10 {
        let (old, new) = (tier.get("k").await.unwrap(), round.to_string());
        let before = positions().await;
        balanced.redis.cli(&["SET", "k", &format!("\"{new}\"")]);
        for _ in 0..round {
            let read = tier.get("k").await.unwrap();
            assert!(read == old || read.as_deref() == Some(&new), "{read:?}");
        }
        // Redis tells both bridges, a moment after the write.
        bounded(async {
            while positions().await.iter().zip(&before).any(|(now, before)| !now.is_after(*before)) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        clock.advance(Duration::from_secs(5));
        assert_eq!(tier.get("k").await.unwrap(), Some(new));
    }
}

/// Where the changes of a bridge are.
async fn position(bridge: &Killable) -> Position {
    let direct: HttpCacheProvider<String> = patient(&bridge.url()).token(TOKEN).build().unwrap();
    direct.invalidations().poll(None).await.unwrap().position().unwrap()
}
