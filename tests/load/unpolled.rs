//! Callers that nobody polls any more: nobody waits for them, and nothing deleted comes back.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::future::{FutureExt, poll_immediate};
use isocache::{CacheAside, CacheProvider, LoadError, LoadOptions, ManualClock, MemoryCacheProvider};

use crate::executor::{Seeded, pause};
use crate::provider::Remote;

/// How many orders of events run, and how many polls the stopping points of a leader are apart.
const SEEDS: u64 = if cfg!(miri) { 4 } else { 2_000 };
const STEP: usize = if cfg!(miri) { 5 } else { 1 };

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Polls a future this many times, and then leaves it.
fn polled<F: Future + ?Sized>(future: &mut Pin<Box<F>>, times: usize) {
    for _ in 0..times {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
    }
}

/// A write ends within these polls, whatever becomes of others.
async fn at_once<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    for _ in 0..20 {
        if let Some(output) = poll_immediate(work.as_mut()).await {
            return output;
        }
        pause(1).await;
    }
    panic!("it waits for a future that nobody polls");
}

/// The caller that loads stops at every await, and a write of every kind comes then.
fn writes_do_not_wait<P: CacheAside<u64> + Clone>(new: impl Fn() -> P) {
    for stop in (0..24).step_by(STEP) {
        for kind in 0..4 {
            let (cache, version) = (new(), Arc::new(AtomicU64::new(1)));
            let (own, read) = (cache.clone(), Arc::clone(&version));
            let mut leader = Box::pin(
                async move {
                    own.get_or_set("user:1", None, || async {
                        let version = read.load(Ordering::SeqCst);
                        pause(3).await;
                        Ok::<u64, Infallible>(version)
                    })
                    .await
                }
                .fuse(),
            );
            polled(&mut leader, stop);
            version.store(2, Ordering::SeqCst);
            pollster::block_on(async {
                match kind {
                    0 => at_once(cache.set("user:1", 2, None)).await.unwrap(),
                    1 => drop(at_once(cache.delete("user:1")).await.unwrap()),
                    2 => drop(at_once(cache.clear_pattern("user:*")).await.unwrap()),
                    _ => at_once(cache.set_many(vec![("user:1", 2, None)])).await.unwrap(),
                }
            });
            polled(&mut leader, 100);
            let found = pollster::block_on(cache.get("user:1")).unwrap();
            // A caller that had not looked yet loads after the write, and what it stores is as new.
            let is_right = if matches!(kind, 0 | 3) { found == Some(2) } else { found != Some(1) };
            assert!(is_right, "stop {stop}, write {kind}: {found:?}");
        }
    }
}

#[test]
fn writes_do_not_wait_for_a_caller_that_is_not_polled() {
    writes_do_not_wait(MemoryCacheProvider::default);
    writes_do_not_wait(Remote::default);
    writes_do_not_wait(|| Remote { owns_stores: true, ..Remote::default() });
}

/// As above, in many orders, with several callers that stop anywhere.
#[test]
fn nothing_comes_back_when_callers_stop_anywhere() {
    for seed in 0..SEEDS {
        let mut seeded = Seeded(seed);
        let cache = Remote { owns_stores: seeded.one_in(2), ..Remote::default() };
        let version = AtomicU64::new(0);
        let mut callers: Vec<_> = (0..4)
            .map(|_| {
                let (cache, version, [before, after]) = (&cache, &version, [seeded.below(4), seeded.below(4)]);
                Box::pin(
                    async move {
                        let load = || async {
                            pause(before).await;
                            let version = version.load(Ordering::SeqCst);
                            pause(after).await;
                            Ok::<u64, Infallible>(version)
                        };
                        cache.get_or_set("k", None, load).await.unwrap();
                    }
                    .fuse(),
                )
            })
            .collect();
        for _ in 0..seeded.below(4) {
            let (at, polls) = (seeded.below(callers.len()), seeded.below(12));
            polled(&mut callers[at], polls);
        }
        pollster::block_on(async {
            version.fetch_add(1, Ordering::SeqCst);
            at_once(cache.delete("k")).await.unwrap();
        });
        for caller in &mut callers {
            polled(caller, 1 + seeded.below(30));
        }
        let found = cache.store.sync().get("k").unwrap();
        assert!(found.is_none_or(|found| found == 1), "seed {seed}: {found:?} came back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_follower_has_a_limit_of_its_own() {
    let cache = MemoryCacheProvider::<u64>::default();
    let mut leader = pin!(cache.get_or_set("k", LoadOptions::new().timeout(None), || async {
        std::future::pending::<Result<u64, Infallible>>().await
    }));
    assert!(poll_immediate(leader.as_mut()).await.is_none());
    let begun = tokio::time::Instant::now();
    let options = LoadOptions::new().timeout(seconds(5));
    let error = cache.get_or_set("k", options, || async { Ok::<u64, Infallible>(2) }).await.unwrap_err();
    assert!(matches!(error, LoadError::TimedOut { limit, .. } if limit == seconds(5)), "{error}");
    assert_eq!(begun.elapsed(), seconds(5));
}

#[tokio::test(start_paused = true)]
async fn a_follower_takes_over_from_a_leader_that_could_go_on() {
    let cache = MemoryCacheProvider::<u64>::default();
    let ready = tokio::sync::Notify::new();
    let mut leader = Box::pin(cache.get_or_set("k", None, || async {
        ready.notified().await;
        Ok::<u64, Infallible>(1)
    }));
    assert!(poll_immediate(leader.as_mut()).await.is_none());
    ready.notify_one();
    let value = cache.get_or_set("k", None, || async { Ok::<u64, Infallible>(2) }).await.unwrap();
    assert_eq!(value, 2, "it has loaded itself");
    assert_eq!(leader.await.unwrap(), 1, "the late one gets its value");
    assert_eq!(cache.get("k").await.unwrap(), Some(2), "which is not stored");
}

/// Followers wait until it is known that the value could be stored, but not for a leader that could go on.
#[tokio::test(start_paused = true)]
async fn a_follower_does_not_wait_for_a_leader_that_stops_while_it_stores() {
    let cache = Remote::default();
    let mut leader = Box::pin(cache.get_or_set("k", None, || async { Ok::<u64, Infallible>(1) }));
    // The lookup takes three polls; in the fourth, the loader runs and storing begins.
    polled(&mut leader, 4);
    let begun = tokio::time::Instant::now();
    let value = cache.get_or_set("k", None, || async { Ok::<u64, Infallible>(2) }).await.unwrap();
    assert_eq!(value, 1, "the outcome of the leader is known");
    assert!(begun.elapsed() <= seconds(2));
    assert_eq!(leader.await.unwrap(), 1);
    assert_eq!(cache.get("k").await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_delays_a_write_no_longer_than_a_second() {
    let cache = Remote { owns_stores: true, ..Remote::default() };
    let begun = tokio::time::Instant::now();
    let mut stored = pin!(cache.get_or_set("k", None, || async { Ok::<u64, Infallible>(1) }));
    for _ in 0..6 {
        assert!(poll_immediate(stored.as_mut()).await.is_none());
    }
    cache.delete("k").await.unwrap();
    assert!(begun.elapsed() <= seconds(1));
    let _ = stored.await;
    assert_eq!(cache.get("k").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn callers_that_give_up_leave_a_detached_load() {
    let cache = MemoryCacheProvider::<u64>::default();
    let loads = Arc::new(AtomicU64::new(0));
    let ask = || {
        let loads = Arc::clone(&loads);
        cache.get_or_refresh("k", LoadOptions::new().detached(), move || async move {
            tokio::time::sleep(seconds(3)).await;
            Ok::<u64, Infallible>(loads.fetch_add(1, Ordering::SeqCst) + 1)
        })
    };
    for _ in 0..5 {
        let _ = tokio::time::timeout(seconds(1), ask()).await;
    }
    assert_eq!((ask().await.unwrap(), loads.load(Ordering::SeqCst)), (1, 1));
    let error = cache.get_or_set("k", LoadOptions::new().detached(), || async { Ok::<u64, Infallible>(1) }).await;
    assert!(error.unwrap_err().to_string().contains("get_or_refresh"));
}

/// Without tokio, threads keep the time and run tasks.
#[test]
fn limits_and_background_work_hold_without_tokio() {
    let clock = ManualClock::new();
    let cache = MemoryCacheProvider::<u64>::builder().clock(clock.clone()).build().unwrap();
    let options = LoadOptions::new().timeout(Duration::from_millis(20));
    let never = || std::future::pending::<Result<u64, Infallible>>();
    let error = pollster::block_on(cache.get_or_set("never", options, never)).unwrap_err();
    assert!(matches!(error, LoadError::TimedOut { .. }), "{error}");

    let options = LoadOptions::new().ttl(seconds(10)).stale_while_revalidate(seconds(10));
    let ask = |value: u64| {
        pollster::block_on(cache.get_or_refresh("k", &options, move || async move { Ok::<_, Infallible>(value) }))
    };
    assert_eq!(ask(1).unwrap(), 1);
    clock.advance(seconds(15));
    assert_eq!(ask(2).unwrap(), 1, "the stale value is answered at once");
    while cache.sync().peek("k").unwrap() != Some(2) {
        std::thread::yield_now();
    }
}

/// A runtime without a timer does not break limits either.
#[test]
fn a_limit_holds_in_a_runtime_without_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let cache = MemoryCacheProvider::<u64>::default();
    let options = LoadOptions::new().timeout(Duration::from_millis(20));
    let never = || std::future::pending::<Result<u64, Infallible>>();
    assert!(runtime.block_on(cache.get_or_set("k", options, never)).is_err());
}
