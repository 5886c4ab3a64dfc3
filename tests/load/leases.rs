//! Processes over one store: one loader among them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use isocache::{
    BoxFuture, CacheAside, CacheError, CacheProvider, Clock, LoadError, LoadOptions, Loaded, MemoryCacheProvider,
    OnError, Runtime,
};

use crate::executor::{Executor, Seeded, pause};
use crate::processes::{KEY, LEASE, Scene, TICK, seconds};
use crate::provider::Remote;

#[test]
fn callers_of_several_processes_share_one_load() {
    for seed in 0..300 {
        let scene = Scene::default();
        let processes = [scene.process(), scene.process(), scene.process()];
        let (scene, processes) = (&scene, &processes);
        let ask = |caller: usize| -> BoxFuture<'_, ()> {
            Box::pin(async move {
                let value = scene.ask(&processes[caller % 3], scene.options(), seconds(2)).await;
                assert_eq!(value, 1, "seed {seed}");
            })
        };
        scene.run(seed, (0..12).map(ask).collect());
        assert_eq!(scene.counts(), (1, 1), "seed {seed}");
        let stats = scene.monitor.stats();
        assert_eq!((stats.loads, stats.coalesced, stats.bypasses), (1, 11, 0), "seed {seed}");
        assert!(!scene.holders.sync().exists(KEY).unwrap(), "seed {seed}: it was given back");
        assert!(scene.time.clock.now_ms() < 3000, "seed {seed}: waits are short, {}", scene.time.clock.now_ms());
    }
}

#[test]
fn without_a_lease_each_process_loads() {
    let scene = Scene::default();
    let processes = [scene.process(), scene.process()];
    let (scene, processes) = (&scene, &processes);
    let ask = |caller: usize| -> BoxFuture<'_, ()> {
        let options = LoadOptions::new().runtime(scene.time.clone());
        Box::pin(async move {
            let _ = scene.ask(&processes[caller], options, seconds(2)).await;
        })
    };
    scene.run(1, (0..2).map(ask).collect());
    assert_eq!(scene.counts(), (2, 2));
}

#[test]
fn a_holder_that_died_is_followed_by_one_other_when_its_lease_ends() {
    for seed in 0..100 {
        let scene = Scene::default();
        scene.give_lease("who died");
        let processes = [scene.process(), scene.process()];
        let (scene, processes) = (&scene, &processes);
        let ask = |caller: usize| -> BoxFuture<'_, ()> {
            Box::pin(async move {
                scene.ask(&processes[caller % 2], scene.options(), seconds(2)).await;
                let now = scene.time.clock.now_ms();
                assert!((12_000..13_000).contains(&now), "seed {seed}: {now}");
            })
        };
        scene.run(seed, (0..4).map(ask).collect());
        assert_eq!(scene.counts(), (1, 1), "seed {seed}");
    }
}

#[test]
fn a_waiting_process_continues_when_the_value_comes_or_the_lease_is_free() {
    for by_value in [true, false] {
        let scene = Scene::default();
        scene.give_lease("another");
        let process = scene.process();
        let (scene, process) = (&scene, &process);
        let asks: BoxFuture<'_, ()> = Box::pin(async move {
            let value = scene.ask(process, scene.options(), seconds(0)).await;
            assert_eq!(value, if by_value { 7 } else { 1 });
            let now = scene.time.clock.now_ms();
            assert!((5000..5500).contains(&now), "{now}");
        });
        let other: BoxFuture<'_, ()> = Box::pin(async move {
            scene.time.sleep(seconds(5)).unwrap().await;
            if by_value {
                scene.store.sync().set(KEY, 7, None).unwrap();
            } else {
                scene.holders.sync().delete(KEY).unwrap();
            }
        });
        scene.run(3, vec![asks, other]);
        assert_eq!(scene.counts().0, usize::from(!by_value));
        // What another holds stays its own.
        assert_eq!(scene.holders.sync().get(KEY).unwrap().is_some(), by_value);
    }
}

#[test]
fn a_process_that_waits_too_long_loads_without_the_lease_and_leaves_it_to_its_holder() {
    let scene = Scene::default();
    let process = scene.process();
    let (scene, process) = (&scene, &process);
    let asks: BoxFuture<'_, ()> = Box::pin(async move {
        scene.ask(process, scene.options(), seconds(0)).await;
        let now = scene.time.clock.now_ms();
        assert!((20_000..20_300).contains(&now), "twice the ttl of a lease, {now}");
    });
    let holder: BoxFuture<'_, ()> = Box::pin(async move {
        for _ in 0..8 {
            scene.give_lease("who goes on");
            scene.time.sleep(seconds(3)).unwrap().await;
        }
    });
    // First the holder.
    scene.give_lease("who goes on");
    scene.run(1, vec![holder, asks]);
    assert_eq!(scene.counts(), (1, 1));
    assert_eq!(scene.holders.sync().get(KEY).unwrap().as_deref(), Some("who goes on"));
}

#[test]
fn a_lease_that_ends_during_the_load_is_left_to_who_has_it_by_then() {
    let scene = Scene::default();
    let process = scene.process();
    let (scene, process) = (&scene, &process);
    let slow: BoxFuture<'_, ()> = Box::pin(async move {
        assert_eq!(scene.ask(process, scene.options(), seconds(15)).await, 1);
    });
    let other: BoxFuture<'_, ()> = Box::pin(async move {
        scene.time.sleep(seconds(11)).unwrap().await;
        assert!(!scene.holders.sync().exists(KEY).unwrap(), "it has ended");
        scene.give_lease("another");
    });
    scene.run(5, vec![slow, other]);
    assert_eq!(scene.store.sync().get(KEY).unwrap(), Some(1), "what it brought is stored");
    assert_eq!(scene.holders.sync().get(KEY).unwrap().as_deref(), Some("another"));
}

#[test]
fn a_caller_that_goes_away_gives_the_lease_back() {
    for polls in 1..40 {
        let scene = Scene::default();
        let processes = [scene.process(), scene.process()];
        let (scene, processes) = (&scene, &processes);
        let working = AtomicUsize::new(1);
        let mut executor = Executor::default();
        executor.spawn_dropped(Some(polls), async move {
            scene.ask(&processes[0], scene.options(), seconds(5)).await;
        });
        executor.spawn(async {
            scene.time.sleep(seconds(1)).unwrap().await;
            scene.ask(&processes[1], scene.options(), seconds(5)).await;
            working.fetch_sub(1, Ordering::SeqCst);
        });
        executor.spawn(scene.time.pass(&working));
        assert_eq!(executor.run(&mut Seeded(polls as u64)), 0);
        // Far less than the ttl of a lease.
        assert!(scene.time.clock.now_ms() < 8000, "{polls} polls: {}", scene.time.clock.now_ms());
        assert!(!scene.holders.sync().exists(KEY).unwrap(), "{polls} polls");
    }
}

#[test]
fn a_load_that_fails_or_is_not_stored_or_is_overtaken_gives_the_lease_back() {
    let scene = Scene::default();
    let process = scene.process();
    let (scene, process) = (&scene, &process);
    let asks: BoxFuture<'_, ()> = Box::pin(async move {
        let held = || assert!(scene.holders.sync().exists(KEY).unwrap(), "it is held while the loader runs");
        let free = || assert!(!scene.holders.sync().exists(KEY).unwrap(), "it is given back");
        let failed = process.get_or_set(KEY, scene.options(), || async {
            held();
            Err::<u64, _>("no")
        });
        assert!(matches!(failed.await, Err(LoadError::Loader(_))));
        free();
        let unstored = process.get_or_set(KEY, scene.options(), || async {
            held();
            Ok::<_, Infallible>(Loaded::new(1).no_store())
        });
        assert_eq!(unstored.await.unwrap(), 1);
        free();
        let overtaken = process.get_or_set(KEY, scene.options(), || async {
            process.set(KEY, 9, None).await.unwrap();
            held();
            Ok::<_, Infallible>(2)
        });
        assert_eq!((overtaken.await.unwrap(), scene.store.sync().get(KEY).unwrap()), (2, Some(9)));
        free();
        let fresh = process.get_or_set(KEY, scene.options().force_fresh(), || async {
            free();
            Ok::<_, Infallible>(3)
        });
        assert_eq!(fresh.await.unwrap(), 3, "it waits for no lease, and takes none");
    });
    scene.run(1, vec![asks]);
}

#[test]
fn a_stale_value_is_answered_while_another_process_loads() {
    let scene = Scene::default();
    let process = scene.process();
    let (scene, process) = (&scene, &process);
    let options = || scene.options().ttl(seconds(60)).stale_while_revalidate(seconds(60));
    let asks: BoxFuture<'_, ()> = Box::pin(async move {
        assert_eq!(scene.ask(process, options(), seconds(0)).await, 1);
        scene.time.advance(seconds(61));
        scene.give_lease("another");
        let before = scene.time.clock.now_ms();
        assert_eq!(scene.ask(process, options(), seconds(0)).await, 1);
        let behind = || async { Err::<Option<u64>, _>("it is not run") };
        assert_eq!(process.get_or_refresh_optional(KEY, options(), behind).await.unwrap(), Some(1));
        assert!(scene.time.clock.now_ms() - before < 1000, "nobody waits");
        scene.time.sleep(LEASE).unwrap().await;
        assert_eq!(scene.ask(process, options(), seconds(0)).await, 2, "the lease is free");
    });
    scene.run(1, vec![asks]);
    let stats = scene.monitor.stats();
    assert_eq!((stats.stale, stats.loads, stats.failures), (2, 2, 0));
}

#[test]
fn a_value_that_another_process_has_refreshed_is_not_refreshed_again() {
    let scene = Scene::default();
    let process = scene.process();
    let (scene, process) = (&scene, &process);
    let options = || scene.options().ttl(seconds(60)).stale_while_revalidate(seconds(60));
    let asks: BoxFuture<'_, ()> = Box::pin(async move {
        assert_eq!(scene.ask(process, options(), seconds(0)).await, 1);
        scene.time.advance(seconds(61));
        let unused = || async { Err::<Option<u64>, _>("it is not run") };
        assert_eq!(process.get_or_refresh_optional(KEY, options(), unused).await.unwrap(), Some(1));
        // Before what goes on behind has looked.
        scene.store.sync().set(KEY, 7, Some(seconds(120))).unwrap();
    });
    scene.run(1, vec![asks]);
    assert_eq!((scene.store.sync().get(KEY).unwrap(), scene.monitor.stats().loads), (Some(7), 1));
}

#[test]
fn a_failing_store_is_bypassed_or_reported() {
    let scene = Scene::default();
    let process = scene.process();
    process.broken.store(true, Ordering::SeqCst);
    let (scene, process) = (&scene, &process);
    let asks: BoxFuture<'_, ()> = Box::pin(async move {
        assert_eq!(scene.ask(process, scene.options(), seconds(0)).await, 1);
        // It breaks between the look and the lease.
        process.broken.store(false, Ordering::SeqCst);
        for on_error in [OnError::Bypass, OnError::Propagate] {
            let before = scene.monitor.stats().bypasses;
            let ask = process.get_or_set(KEY, scene.options().on_error(on_error), || async { Ok::<_, Infallible>(5) });
            let breaks = async {
                pause(2).await;
                process.broken.store(true, Ordering::SeqCst);
            };
            let (answer, ()) = futures_util::join!(ask, breaks);
            match on_error {
                OnError::Bypass => {
                    assert_eq!(answer.unwrap(), 5);
                    assert_eq!(scene.monitor.stats().bypasses, before + 2, "the lease, and the value");
                }
                OnError::Propagate => assert!(matches!(answer, Err(LoadError::Cache(CacheError::Connection(_))))),
            }
            process.broken.store(false, Ordering::SeqCst);
        }
    });
    scene.run(1, vec![asks]);
}

#[test]
fn a_provider_without_leases_refuses_them_and_memory_needs_none() {
    let options = || LoadOptions::new().lease(LEASE);
    let load = || async { Ok::<u64, Infallible>(1) };
    let refused = |answer: Result<u64, LoadError<Infallible>>| {
        let error = answer.unwrap_err().to_string();
        assert!(error.contains("lease"), "{error}");
    };
    pollster::block_on(async {
        refused(Remote::default().get_or_set(KEY, options(), load).await);
        let memory = MemoryCacheProvider::default();
        for ttl in [Duration::ZERO, Duration::MAX] {
            refused(memory.get_or_set(KEY, options().lease(ttl), load).await);
        }
        assert_eq!(memory.get_or_set(KEY, options(), load).await.unwrap(), 1);
    });
}

/// Two processes, with callers that go away, loaders that fail, and writes: never two loaders at once, and nobody hangs.
#[test]
fn there_are_never_two_loaders_while_leases_hold() {
    for seed in 0..4000 {
        let scene = Scene::default();
        let processes = [scene.process(), scene.process()];
        let (scene, processes) = (&scene, &processes);
        let mut seeded = Seeded(seed);
        let mut executor = Executor::default();
        let working = Arc::new(AtomicUsize::new(0));
        let done = AtomicU64::new(0);
        let done = &done;
        for caller in 0..2 + seeded.below(6) {
            let (start, takes) = (seeded.below(40), seeded.below(40));
            let fails = seeded.one_in(6);
            let dropped = seeded.one_in(4).then(|| 1 + seeded.below(60));
            // Whatever becomes of the caller.
            let counted = Counted::new(&working);
            executor.spawn_dropped(dropped, async move {
                let _counted = counted;
                pause(start).await;
                let takes = TICK * u32::try_from(takes).unwrap();
                let load = || async move {
                    let number = scene.load(takes).await;
                    if fails { Err("the loader fails") } else { Ok(number) }
                };
                let value = processes[caller % 2].get_or_set(KEY, scene.options(), load).await;
                assert!(!matches!(value, Err(LoadError::Cache(_) | LoadError::TimedOut { .. })), "seed {seed}");
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        for process in processes.iter().take(seeded.below(3)) {
            let (start, deletes) = (seeded.below(60), seeded.one_in(2));
            let counted = Counted::new(&working);
            executor.spawn(async move {
                let _counted = counted;
                pause(start).await;
                if deletes {
                    process.delete(KEY).await.unwrap();
                } else {
                    process.set(KEY, 1000, None).await.unwrap();
                }
            });
        }
        executor.spawn(async move { scene.time.pass(&working).await });
        assert_eq!(executor.run(&mut seeded), 0, "seed {seed}");
        assert!(scene.most.load(Ordering::SeqCst) <= 1, "seed {seed}: two loaders at once");
        assert!(!scene.holders.sync().exists(KEY).unwrap(), "seed {seed}: a lease is left");
        // Nobody has come to the end of a lease.
        assert!(scene.time.clock.now_ms() < 10_000, "seed {seed}: {}", scene.time.clock.now_ms());
    }
}

/// Counts who works, until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(working: &Arc<AtomicUsize>) -> Self {
        working.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(working))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
