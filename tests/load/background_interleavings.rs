//! Ten thousand orders of events with detached loads, refreshes in the background and readers with different windows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use isocache::{CacheAside, LoadError, LoadOptions, ManualClock, MemoryCacheProvider};

use crate::executor::{Executor, Seeded, pause};
use crate::provider::Remote;
use crate::trace_runner::Stage;

const SEEDS: u64 = if cfg!(miri) { 4 } else { 10_000 };
const KEY: &str = "user:1";

fn seconds(seconds: usize) -> Duration {
    Duration::from_secs(seconds as u64)
}

fn run<P: CacheAside<u64> + Clone + 'static>(cache: &P, clock: &ManualClock, seed: u64) {
    let mut seeded = Seeded(seed);
    let stage = Stage::default();
    let version = Arc::new(AtomicU64::new(0));
    // The version that every later caller must see at least.
    let written = Arc::new(AtomicU64::new(0));
    let mut executor = Executor::default();
    for _ in 0..2 + seeded.below(5) {
        let (start, before, after) = (seeded.below(16), seeded.below(4), seeded.below(4));
        let dropped = seeded.one_in(4).then(|| 1 + seeded.below(16));
        let fails = seeded.one_in(6);
        let options = LoadOptions::new()
            .runtime(stage.clone())
            .ttl(seconds(10))
            .stale_while_revalidate(seconds(5 * seeded.below(3)))
            .stale_if_error(seconds(5 * seeded.below(3)));
        let options = if seeded.one_in(3) { options.detached() } else { options };
        let (cache, version, written) = (cache.clone(), Arc::clone(&version), Arc::clone(&written));
        executor.spawn_dropped(dropped, async move {
            pause(start).await;
            let least = written.load(Ordering::SeqCst);
            let load = move || async move {
                pause(before).await;
                let value = version.load(Ordering::SeqCst);
                pause(after).await;
                if fails { Err("the loader fails") } else { Ok(value) }
            };
            match cache.get_or_refresh(KEY, options, load).await {
                Ok(value) => {
                    assert!(value >= least, "seed {seed}: {value} was answered after {least} had been written");
                }
                Err(LoadError::Loader(error)) => assert_eq!(*error, "the loader fails"),
                Err(error) => panic!("seed {seed}: {error}"),
            }
        });
    }
    let events: Vec<_> = (0..2 + seeded.below(5)).map(|_| (seeded.below(6), seeded.below(5))).collect();
    let (writer, origin, clock) = (cache.clone(), Arc::clone(&version), clock.clone());
    executor.spawn(async move {
        for (start, kind) in events {
            pause(start).await;
            if kind > 2 {
                clock.advance(seconds(6));
                continue;
            }
            let version = origin.fetch_add(1, Ordering::SeqCst) + 1;
            match kind {
                0 => writer.set(KEY, version, Some(seconds(10))).await.unwrap(),
                1 => drop(writer.clear_pattern("user:*").await.unwrap()),
                _ => drop(writer.delete(KEY).await.unwrap()),
            }
            written.store(version, Ordering::SeqCst);
        }
    });
    loop {
        for task in stage.tasks() {
            executor.spawn(task);
        }
        if !executor.step(&mut seeded) {
            break;
        }
    }
    assert_eq!(executor.panics(), 0, "seed {seed}");
    assert_eq!(executor.run(&mut seeded), 0, "seed {seed}");
    let mut after = Executor::default();
    after.spawn(async {
        if let Some(cached) = cache.get(KEY).await.unwrap() {
            assert_eq!(cached, version.load(Ordering::SeqCst), "seed {seed}: it came back");
        }
    });
    assert_eq!(after.run(&mut seeded), 0, "seed {seed}");
}

#[test]
fn nothing_comes_back_with_detached_loads_and_different_windows() {
    for seed in 0..SEEDS {
        let clock = ManualClock::new();
        let store = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
        if seed % 2 == 0 {
            run(&store, &clock, seed);
        } else {
            run(&Remote { owns_stores: true, ..Remote::over(store) }, &clock, seed);
        }
    }
}
