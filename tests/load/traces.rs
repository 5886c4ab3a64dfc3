//! The traces of `tests/vectors/loading.json` over the memory cache, and over a store whose operations take time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use isocache::{ManualClock, MemoryCacheProvider};

use crate::provider::{Kind, Remote};
use crate::trace_runner::{Controls, run_all};

/// In how many orders each case runs.
const SEEDS: u64 = if cfg!(miri) { 1 } else { 20 };

struct Local {
    clock: ManualClock,
    store: MemoryCacheProvider<String>,
    /// The provider around the store, if its operations take time.
    remote: Option<Remote<String>>,
}

impl Controls for Local {
    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn count(&self) -> u64 {
        self.store.sync().stats().entries.unwrap()
    }

    fn become_state(&self, state: &str) {
        let remote = self.remote.as_ref().expect("a provider whose operations take time");
        remote.broken.store(state == "fails", Ordering::SeqCst);
        remote.refuses.store(state == "refuses", Ordering::SeqCst);
        remote.barrier.hold(Kind::held_in(state));
    }
}

fn memory() -> (MemoryCacheProvider<String>, ManualClock) {
    let clock = ManualClock::new();
    (MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap(), clock)
}

#[test]
fn the_traces_in_memory() {
    let others = run_all("memory", &["ttl", "count"], SEEDS, || {
        let (store, clock) = memory();
        (store.clone(), Local { clock, store, remote: None })
    });
    // Its operations take no time, and do not fail.
    assert_eq!(others.len(), 21);
}

#[test]
fn the_traces_with_a_store_that_takes_time() {
    let others = run_all("a store that takes time", &["ttl", "count", "store"], SEEDS, || {
        let (store, clock) = memory();
        let remote = Remote { owns_stores: true, ..Remote::over(store.clone()) };
        (remote.clone(), Local { clock, store, remote: Some(remote) })
    });
    assert!(others.is_empty());
}
