//! Thousands of orders of events with tags: writers of new tags, and invalidations at every point of a load, in the same
//! process and in another.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use isocache::{CacheAside, CacheProvider, CounterProvider, MemoryCacheProvider, Tagged, TaggedEntry};

use crate::executor::{Executor, Seeded, pause};
use crate::provider::Remote;

const SEEDS: u64 = if cfg!(miri) { 4 } else { 10_000 };
const KEY: &str = "user:1";

type Process = Tagged<Remote<TaggedEntry<u64>>, Remote<i64>>;

/// Processes over one store.
fn processes<const N: usize>() -> [Process; N] {
    let (entries, counters) = (MemoryCacheProvider::default(), MemoryCacheProvider::default());
    std::array::from_fn(|_| Tagged::new(Remote::over(entries.clone()), Remote::over(counters.clone())))
}

#[test]
fn writers_of_a_new_tag_do_not_end_each_others_entries() {
    let keys = ["a", "b", "c", "d"];
    for seed in 0..SEEDS {
        let mut seeded = Seeded(seed);
        let [tags] = processes();
        let mut executor = Executor::default();
        for key in keys {
            let (start, tags) = (seeded.below(8), &tags);
            // One that goes away leaves the beginning to the others.
            let dropped = (key == "d" && seeded.one_in(2)).then(|| 1 + seeded.below(12));
            executor.spawn_dropped(dropped, async move {
                pause(start).await;
                tags.with_tags(&["new"]).await.unwrap().set(key, 1, None).await.unwrap();
            });
        }
        assert_eq!(executor.run(&mut seeded), 0);
        let mut after = Executor::default();
        after.spawn(async {
            let found = tags.with_tags(&[]).await.unwrap().get_many(&keys[..3]).await.unwrap();
            assert_eq!(found, [Some(1); 3], "seed {seed}");
        });
        assert_eq!(after.run(&mut seeded), 0);
    }
}

/// What the cache stands before, and what callers that ask from now on must see at least.
#[derive(Default)]
struct Origin {
    version: AtomicU64,
    written: AtomicU64,
}

/// A caller: when it asks, and how long its loader takes before it reads and after.
async fn ask<P, C>(tags: &Tagged<P, C>, origin: &Origin, [start, before, after]: [usize; 3]) -> (u64, u64)
where
    P: CacheProvider<TaggedEntry<u64>> + Clone + 'static,
    C: CacheProvider<i64> + CounterProvider + Clone + 'static,
{
    pause(start).await;
    let least = origin.written.load(Ordering::SeqCst);
    let load = || async {
        pause(before).await;
        let version = origin.version.load(Ordering::SeqCst);
        pause(after).await;
        Ok::<_, Infallible>(version)
    };
    let view = tags.with_tags(&["t", "u"]).await.unwrap();
    (view.get_or_set(KEY, None, load).await.unwrap(), least)
}

/// Writes of all kinds, one after the other: of two at once, either may be the last.
async fn write<P, C>(tags: &Tagged<P, C>, origin: &Origin, writes: Vec<(usize, usize)>)
where
    P: CacheProvider<TaggedEntry<u64>> + Clone + 'static,
    C: CacheProvider<i64> + CounterProvider + Clone + 'static,
{
    for (start, kind) in writes {
        pause(start).await;
        let mine = origin.version.fetch_add(1, Ordering::SeqCst) + 1;
        match kind {
            0 => tags.with_tags(&["t", "u"]).await.unwrap().set(KEY, mine, None).await.unwrap(),
            1 => drop(tags.with_tags(&[]).await.unwrap().delete(KEY).await.unwrap()),
            2 => drop(tags.with_tags(&[]).await.unwrap().clear_pattern("user:*").await.unwrap()),
            3 => tags.invalidate_tags(&["u"]).await.unwrap(),
            _ => tags.invalidate_tags(&["t", "u"]).await.unwrap(),
        }
        origin.written.store(mine, Ordering::SeqCst);
    }
}

/// What is in the cache in the end is what the origin has.
fn nothing_came_back<P, C>(tags: &Tagged<P, C>, origin: &Origin, seed: u64)
where
    P: CacheProvider<TaggedEntry<u64>> + Clone + 'static,
    C: CacheProvider<i64> + CounterProvider + Clone + 'static,
{
    let mut after = Executor::default();
    after.spawn(async {
        let cached = tags.with_tags(&[]).await.unwrap().get(KEY).await.unwrap();
        let version = origin.version.load(Ordering::SeqCst);
        assert!(cached.is_none_or(|cached| cached == version), "seed {seed}: {cached:?} came back, it is {version}");
    });
    assert_eq!(after.run(&mut Seeded(seed)), 0, "seed {seed}");
}

fn within_a_process<P, C>(tags: &Tagged<P, C>, seed: u64)
where
    P: CacheProvider<TaggedEntry<u64>> + Clone + 'static,
    C: CacheProvider<i64> + CounterProvider + Clone + 'static,
{
    let (mut seeded, origin) = (Seeded(seed), Origin::default());
    let mut executor = Executor::default();
    for _ in 0..2 + seeded.below(5) {
        let (when, origin) = ([seeded.below(20), seeded.below(5), seeded.below(5)], &origin);
        let dropped = seeded.one_in(4).then(|| 1 + seeded.below(20));
        executor.spawn_dropped(dropped, async move {
            let (value, least) = ask(tags, origin, when).await;
            assert!(value >= least, "seed {seed}: {value} was answered after {least} had been written");
        });
    }
    let writes = (0..seeded.below(4)).map(|_| (seeded.below(15), seeded.below(5))).collect();
    executor.spawn(write(tags, &origin, writes));
    assert_eq!(executor.run(&mut seeded), 0, "seed {seed}");
    nothing_came_back(tags, &origin, seed);
}

#[test]
fn nothing_comes_back_with_tags() {
    for seed in 0..SEEDS {
        within_a_process(&Tagged::new(MemoryCacheProvider::default(), MemoryCacheProvider::default()), seed);
        let [tags] = processes();
        within_a_process(&tags, seed);
    }
}

#[test]
fn an_invalidation_in_one_process_wins_over_loads_in_another() {
    for seed in 0..SEEDS / 2 {
        let (mut seeded, origin) = (Seeded(seed), Origin::default());
        let [one, other]: [Process; 2] = processes();
        let mut executor = Executor::default();
        for at in 0..4 {
            let is_other = at % 2 == 1;
            let (tags, origin) = (if is_other { &other } else { &one }, &origin);
            let when = [seeded.below(20), seeded.below(5), seeded.below(5)];
            executor.spawn(async move {
                let (value, least) = ask(tags, origin, when).await;
                // Who waits in another process for a load that began before gets what that brings.
                assert!(value >= least || is_other, "seed {seed}: {value} was answered after {least} had been written");
            });
        }
        let writes = (0..seeded.below(4)).map(|_| (seeded.below(15), 3 + seeded.below(2))).collect();
        executor.spawn(write(&one, &origin, writes));
        assert_eq!(executor.run(&mut seeded), 0, "seed {seed}");
        nothing_came_back(&one, &origin, seed);
        nothing_came_back(&other, &origin, seed);
    }
}
