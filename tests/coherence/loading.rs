//! Loading over tiers of memory: the traces, the scenes, tags.

use std::time::Duration;

use isocache::{InvalidationChannel, ManualClock, MemoryCacheProvider, TieredCacheProvider};

use crate::trace_runner::{Controls, run_all};
use crate::watched::Watched;
use crate::{freshness_scenes, scenarios, tag_scenes};

/// In how many orders each case runs.
const SEEDS: u64 = if cfg!(miri) { 1 } else { 20 };

type Tier<T> = TieredCacheProvider<T, Watched<T>>;

fn tier<T: Clone + Send + Sync + 'static>(
    store: &MemoryCacheProvider<T>,
    channel: &InvalidationChannel,
    clock: &ManualClock,
) -> Tier<T> {
    let far = Watched::new(store.clone(), channel.clone());
    TieredCacheProvider::builder(far).invalidations(channel.clone()).clock(clock.clone()).build().unwrap()
}

struct Local {
    clock: ManualClock,
    store: MemoryCacheProvider<String>,
}

impl Controls for Local {
    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn count(&self) -> u64 {
        self.store.sync().stats().entries.unwrap()
    }

    fn become_state(&self, _: &str) {
        unreachable!("its operations take no time");
    }
}

fn memory<T>() -> (MemoryCacheProvider<T>, ManualClock) {
    let clock = ManualClock::new();
    clock.set_ms(1_700_000_000_000);
    (MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap(), clock)
}

#[test]
fn the_traces() {
    run_all("memory before memory", &["ttl", "count"], SEEDS, || {
        let (store, clock) = memory();
        let tier = tier(&store, &InvalidationChannel::new(), &clock);
        pollster::block_on(tier.ready(crate::READY_LIMIT)).unwrap();
        (tier, Local { clock, store })
    });
}

#[tokio::test]
async fn the_scenes() {
    let (store, clock) = memory();
    let tier = tier(&store, &InvalidationChannel::new(), &clock);
    tier.ready(crate::READY_LIMIT).await.unwrap();
    scenarios::all(&tier).await;
    assert!(tier.tier_stats().near_hits > 0);
}

#[tokio::test]
async fn the_scenes_of_freshness() {
    let ((store, clock), channel) = (memory(), InvalidationChannel::new());
    let processes = [(); 2].map(|()| tier(&store, &channel, &clock));
    for process in &processes {
        process.ready(crate::READY_LIMIT).await.unwrap();
    }
    freshness_scenes::all(&processes[0], &processes[1], |by| clock.advance(by)).await;
}

#[tokio::test]
async fn the_scenes_of_tags() {
    let ((entries, clock), channel) = (memory(), InvalidationChannel::new());
    let (counters, _) = memory();
    let entries = tier(&entries, &channel, &clock);
    let counters = entries.view(Watched::new(counters, channel)).build().unwrap();
    counters.ready(crate::READY_LIMIT).await.unwrap();
    tag_scenes::all(entries, counters).await;
}
