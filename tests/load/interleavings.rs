//! Ten thousand orders of events: callers, writes at every point of their loads, callers that go away, loaders that fail.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use isocache::{CacheAside, LoadError, MemoryCacheProvider};

use crate::executor::{Executor, Seeded, pause};
use crate::provider::Remote;

const SEEDS: u64 = if cfg!(miri) { 4 } else { 10_000 };
const KEY: &str = "user:1";

/// What the cache stands before: its value only grows.
#[derive(Default)]
struct Origin {
    version: AtomicU64,
    loads: AtomicU64,
}

impl Origin {
    /// Takes turns before it reads and after.
    async fn load(&self, before: usize, after: usize) -> u64 {
        self.loads.fetch_add(1, Ordering::SeqCst);
        pause(before).await;
        let version = self.version.load(Ordering::SeqCst);
        pause(after).await;
        version
    }

    fn change(&self) -> u64 {
        self.version.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// One order of events over one provider.
fn run(cache: &impl CacheAside<u64>, seed: u64) {
    let mut seeded = Seeded(seed);
    let origin = Origin::default();
    // The version that every later caller must see at least.
    let written = AtomicU64::new(0);
    let mut executor = Executor::default();
    let mut panicking = 0;
    for _ in 0..2 + seeded.below(5) {
        let (start, before, after) = (seeded.below(12), seeded.below(4), seeded.below(4));
        let dropped = seeded.one_in(4).then(|| 1 + seeded.below(12));
        let (fails, panics) = (seeded.one_in(8), seeded.one_in(8));
        panicking += usize::from(panics);
        let (origin, written) = (&origin, &written);
        executor.spawn_dropped(dropped, async move {
            pause(start).await;
            let least = written.load(Ordering::SeqCst);
            let value = cache
                .get_or_set(KEY, None, || async move {
                    let value = origin.load(before, after).await;
                    assert!(!panics, "the loader panics, as it should");
                    if fails { Err("the loader fails") } else { Ok(value) }
                })
                .await;
            match value {
                Ok(value) => {
                    assert!(value >= least, "seed {seed}: {value} was answered after {least} had been written");
                }
                Err(LoadError::Loader(error)) => assert_eq!(*error, "the loader fails"),
                Err(error) => panic!("seed {seed}: {error}"),
            }
        });
    }
    let writes: Vec<_> = (0..seeded.below(4)).map(|_| (seeded.below(10), seeded.below(4))).collect();
    executor.spawn(async {
        // One after the other: of two writes at once, either may be the last.
        for (start, kind) in writes {
            pause(start).await;
            let version = origin.change();
            match kind {
                0 => cache.set(KEY, version, None).await.unwrap(),
                1 => drop(cache.clear_pattern("user:*").await.unwrap()),
                2 => drop(cache.delete_many(&["other", KEY]).await.unwrap()),
                _ => drop(cache.delete(KEY).await.unwrap()),
            }
            written.store(version, Ordering::SeqCst);
        }
    });
    let panics = executor.run(&mut seeded);
    assert!(panics <= panicking, "seed {seed}: something else panicked");
    let mut after = Executor::default();
    after.spawn(async {
        if let Some(cached) = cache.get(KEY).await.unwrap() {
            assert_eq!(cached, origin.version.load(Ordering::SeqCst), "seed {seed}: it came back");
        }
        cache.delete(KEY).await.unwrap();
        let loads = origin.loads.load(Ordering::SeqCst);
        let value = cache.get_or_set(KEY, None, || async { Ok::<_, Infallible>(origin.load(0, 0).await) }).await;
        assert_eq!(value.unwrap(), origin.version.load(Ordering::SeqCst), "seed {seed}: after all");
        assert_eq!(origin.loads.load(Ordering::SeqCst), loads + 1, "seed {seed}: no flight is left over");
    });
    assert_eq!(after.run(&mut seeded), 0, "seed {seed}");
}

/// Panics of loaders are wanted here: they are not to be shown.
fn quietly(work: impl FnOnce()) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.to_string().contains("as it should") {
            hook(info);
        }
    }));
    work();
}

#[test]
fn nothing_comes_back_and_nobody_hangs_in_memory() {
    quietly(|| (0..SEEDS).for_each(|seed| run(&MemoryCacheProvider::default(), seed)));
}

#[test]
fn nothing_comes_back_and_nobody_hangs_with_a_store_that_takes_turns() {
    quietly(|| (0..SEEDS).for_each(|seed| run(&Remote::default(), seed)));
}

#[test]
fn without_writes_there_is_one_load() {
    for seed in 0..SEEDS.div_ceil(10) {
        let mut seeded = Seeded(seed);
        let (cache, origin) = (Remote::default(), Origin::default());
        let mut executor = Executor::default();
        for _ in 0..10 {
            let (start, before) = (seeded.below(10), seeded.below(5));
            let (cache, origin) = (&cache, &origin);
            executor.spawn(async move {
                pause(start).await;
                let load = || async { Ok::<_, Infallible>(origin.load(before, 1).await) };
                assert_eq!(cache.get_or_set(KEY, None, load).await.unwrap(), 0);
            });
        }
        assert_eq!(executor.run(&mut seeded), 0);
        assert_eq!(origin.loads.load(Ordering::SeqCst), 1, "seed {seed}");
    }
}
