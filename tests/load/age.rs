//! What a caller may get from the load of another: nothing that the store had no more when the caller began, whatever the
//! load still does, and no stale value that its own options do not allow.

use std::convert::Infallible;

use isocache::{BoxFuture, CacheAside, MemoryCacheProvider, Runtime};

use crate::executor::{Executor, Seeded, pause};
use crate::processes::{KEY, Scene, seconds};
use crate::provider::Remote;

/// The second caller begins this many steps later, in several orders of events.
fn steps() -> impl Iterator<Item = (usize, u64)> {
    let seeds = if cfg!(miri) { 1 } else { 100 };
    (0..20).flat_map(move |steps| (0..seeds).map(move |seed| (steps, seed)))
}

#[test]
fn a_loaded_value_that_was_removed_since_it_was_stored() {
    let mut removed = 0;
    for (steps, seed) in steps() {
        let store = MemoryCacheProvider::default();
        let remote = Remote { owns_stores: seed % 2 == 0, ..Remote::over(store.clone()) };
        let (remote, store, removed) = (&remote, store.sync(), &mut removed);
        let mut executor = Executor::default();
        executor.spawn(async move {
            assert_eq!(remote.get_or_set(KEY, None, || async { Ok::<u64, Infallible>(1) }).await.unwrap(), 1);
        });
        executor.spawn(async move {
            pause(steps).await;
            // Its caller may still wait for the response of the store.
            if store.delete(KEY).unwrap() {
                *removed += 1;
                let value = remote.get_or_set(KEY, None, || async { Ok::<u64, Infallible>(2) }).await.unwrap();
                assert_eq!(value, 2, "{steps} steps, seed {seed}");
            }
        });
        assert_eq!(executor.run(&mut Seeded(seed)), 0);
    }
    assert!(removed > 0);
}

#[test]
fn a_value_of_another_process_that_was_removed_while_the_lease_is_released() {
    for (steps, seed) in steps() {
        let scene = Scene::default();
        scene.give_lease("another");
        let process = scene.process();
        let (scene, process) = (&scene, &process);
        let waits: BoxFuture<'_, ()> = Box::pin(async move {
            assert!([7, 1].contains(&scene.ask(process, scene.options(), seconds(0)).await));
        });
        let other: BoxFuture<'_, ()> = Box::pin(async move {
            // The first caller has found nothing, and waits for the lease.
            scene.time.sleep(seconds(1)).unwrap().await;
            scene.store.sync().set(KEY, 7, None).unwrap();
            scene.holders.sync().delete(KEY).unwrap();
            pause(steps).await;
            scene.store.sync().delete(KEY).unwrap();
            let value = scene.ask(process, scene.options(), seconds(0)).await;
            assert_eq!(value, 1, "{steps} steps, seed {seed}");
        });
        scene.run(seed, vec![waits, other]);
        assert_eq!(scene.counts().0, 1);
    }
}

#[test]
fn a_stale_value_while_another_process_loads() {
    for (steps, seed) in steps() {
        let scene = Scene::default();
        let process = scene.process();
        let (scene, process) = (&scene, &process);
        let windows = || scene.options().ttl(seconds(60)).stale_while_revalidate(seconds(60));
        let asks: BoxFuture<'_, ()> = Box::pin(async move {
            assert_eq!(scene.ask(process, windows(), seconds(0)).await, 1);
            scene.time.advance(seconds(61));
            scene.give_lease("another");
            let unused = || async { Err::<Option<u64>, &str>("another process loads") };
            let stale = async {
                if seed % 2 == 0 {
                    assert_eq!(process.get_or_set_optional(KEY, windows(), unused).await.unwrap(), Some(1));
                } else {
                    assert_eq!(process.get_or_refresh_optional(KEY, windows(), unused).await.unwrap(), Some(1));
                }
            };
            let fresh = async {
                pause(steps).await;
                let found = process.get_or_set_optional(KEY, scene.options(), unused).await;
                assert_eq!(found.unwrap(), Some(7), "{steps} steps, seed {seed}");
            };
            let loads = async {
                scene.time.sleep(seconds(2)).unwrap().await;
                scene.store.sync().set(KEY, 7, None).unwrap();
                scene.holders.sync().delete(KEY).unwrap();
            };
            futures_util::join!(stale, fresh, loads);
        });
        scene.run(seed, vec![asks]);
    }
}
