//! What callers see, case by case.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use isocache::{
    CacheAside, CacheError, CacheProvider, DynCacheProvider, LoadError, LoadOptions, Loaded, ManualClock,
    MemoryCacheProvider, Monitor, OnError, Typed,
};

use crate::executor::{Executor, Seeded, pause};
use crate::provider::Remote;

fn run<'a>(futures: impl IntoIterator<Item = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>>) {
    let mut executor = Executor::default();
    futures.into_iter().for_each(|future| {
        executor.spawn(future);
    });
    assert_eq!(executor.run(&mut Seeded(7)), 0);
}

#[test]
fn failures_are_shared_once_and_not_stored() {
    let cache = MemoryCacheProvider::<u64>::default();
    let loads = AtomicU64::new(0);
    let monitor = Arc::new(Monitor::new("it"));
    let failing = || async {
        let error = cache
            .get_or_set("k", LoadOptions::new().monitor(Arc::clone(&monitor)), || async {
                loads.fetch_add(1, Ordering::SeqCst);
                pause(3).await;
                Err::<u64, _>("down")
            })
            .await;
        let Err(LoadError::Loader(error)) = error else { panic!("{error:?}") };
        assert_eq!(*error, "down");
    };
    run((0..5).map(|_| Box::pin(failing()) as _));
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    let stats = monitor.stats();
    assert_eq!((stats.loads, stats.failures, stats.coalesced), (1, 1, 4));
    run([Box::pin(failing()) as _]);
    assert_eq!(loads.load(Ordering::SeqCst), 2, "it was not stored");
}

#[test]
fn a_loader_may_load_other_keys_and_its_own() {
    for provider in [DynCacheProvider::new(MemoryCacheProvider::default()), DynCacheProvider::new(Remote::default())] {
        run([Box::pin(async {
            let cache = &provider;
            let inner = || async { Ok::<u64, Infallible>(1) };
            let outer = cache.get_or_set("a", None, || async {
                let b = cache.get_or_set("b", None, inner).await.unwrap();
                let own = cache.get_or_set("a", None, inner).await.unwrap();
                assert!(!cache.exists("a").await.unwrap(), "what the inner load brought is not stored");
                Ok::<_, Infallible>(10 + b + own)
            });
            assert_eq!(outer.await.unwrap(), 12);
            assert_eq!(cache.get("a").await.unwrap(), Some(12));
        }) as _]);
    }
}

#[test]
fn the_loader_may_write_its_key_and_wins_over_itself() {
    let cache = Remote::default();
    run([Box::pin(async {
        let loaded = cache.get_or_set("k", None, || async {
            cache.set("k", 5, None).await.unwrap();
            Ok::<u64, Infallible>(4)
        });
        assert_eq!(loaded.await.unwrap(), 4);
        assert_eq!(cache.get("k").await.unwrap(), Some(5));
    }) as _]);
}

#[test]
fn what_is_loaded_may_name_its_ttl_or_not_be_stored() {
    let clock = ManualClock::new();
    let cache = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
    pollster::block_on(async {
        let seconds = Duration::from_secs;
        let short = || async { Ok::<_, Infallible>(Loaded::new(1_u64).ttl(seconds(1))) };
        cache.get_or_set("short", seconds(60), short).await.unwrap();
        cache.get_or_set("none", None, || async { Ok::<_, Infallible>(Loaded::new(1).no_store()) }).await.unwrap();
        let absent = cache.get_or_set_optional("absent", None, || async { Ok::<Option<u64>, Infallible>(None) }).await;
        assert_eq!(absent.unwrap(), None);
        assert_eq!(cache.sync().keys(), ["short"]);
        clock.advance(seconds(1));
        assert!(cache.sync().is_empty());
    });
}

#[test]
fn callers_of_other_types_load_for_themselves() {
    let bytes = DynCacheProvider::new(MemoryCacheProvider::default());
    let (numbers, texts): (Typed<u64>, Typed<String>) = (Typed::new(bytes.clone()), Typed::new(bytes));
    run([
        Box::pin(async {
            let load = || async {
                pause(3).await;
                Ok::<_, Infallible>(1)
            };
            assert_eq!(numbers.get_or_set("k", None, load).await.unwrap(), 1);
        }) as std::pin::Pin<Box<dyn Future<Output = ()>>>,
        Box::pin(async {
            let load = || async { Ok::<_, Infallible>("one".to_owned()) };
            let text = texts.get_or_set("k", None, load).await;
            assert_eq!(text.unwrap(), "one");
        }) as _,
    ]);
}

#[test]
fn a_broken_provider_is_passed_over_or_reported() {
    let cache = Remote::default();
    cache.broken.store(true, Ordering::SeqCst);
    let monitor = Arc::new(Monitor::new("it"));
    let options = LoadOptions::new().monitor(Arc::clone(&monitor));
    run([Box::pin(async {
        let load = || async { Ok::<u64, Infallible>(1) };
        assert_eq!(cache.get_or_set("k", &options, load).await.unwrap(), 1);
        let strict = options.clone().on_error(OnError::Propagate);
        let error = cache.get_or_set("k", strict, load).await.unwrap_err();
        assert!(matches!(error, LoadError::Cache(CacheError::Connection(_))), "{error}");
    }) as _]);
    assert_eq!(monitor.stats().bypasses, 1, "where looking fails, storing is not tried");
}

#[test]
fn bad_arguments_are_named_and_nothing_is_loaded() {
    let cache = MemoryCacheProvider::<u64>::default();
    pollster::block_on(async {
        let never = || async { unreachable!("nothing is to be loaded") };
        let refused = |options: LoadOptions, key: &'static str| {
            let cache = cache.clone();
            async move { cache.get_or_set::<u64, Infallible, _>(key, options, never).await.unwrap_err().to_string() }
        };
        assert!(refused(LoadOptions::new(), "").await.contains("key"));
        assert!(refused(LoadOptions::new().jitter(1.5), "k").await.contains("jitter"));
        assert!(refused(LoadOptions::new().ttl(Duration::ZERO), "k").await.contains("ttl"));
    });
}

#[tokio::test(start_paused = true)]
async fn a_loader_has_a_limit_and_what_comes_late_is_not_stored() {
    let cache = MemoryCacheProvider::<u64>::default();
    let options = LoadOptions::new().timeout(Duration::from_secs(2));
    let slow = || async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok::<u64, Infallible>(1)
    };
    let (first, second) = tokio::join!(cache.get_or_set("k", &options, slow), cache.get_or_set("k", &options, slow));
    for error in [first.unwrap_err(), second.unwrap_err()] {
        assert!(matches!(&error, LoadError::TimedOut { limit, .. } if limit.as_secs() == 2), "{error}");
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(cache.sync().is_empty());
}

#[test]
fn force_fresh_does_not_take_what_an_older_load_brings() {
    let cache = Remote::default();
    run([
        Box::pin(async {
            let old = || async {
                pause(20).await;
                Ok::<u64, Infallible>(1)
            };
            assert_eq!(cache.get_or_set("k", None, old).await.unwrap(), 1);
        }) as std::pin::Pin<Box<dyn Future<Output = ()>>>,
        Box::pin(async {
            pause(5).await;
            let new = || async { Ok::<u64, Infallible>(2) };
            assert_eq!(cache.get_or_set("k", LoadOptions::new().force_fresh(), new).await.unwrap(), 2);
        }) as _,
    ]);
    assert_eq!(cache.store.sync().get("k").unwrap(), Some(2));
}

#[test]
fn a_write_that_ends_during_a_load_wins_though_it_began_before() {
    let cache = Remote::default();
    run([Box::pin(async {
        let mut set = std::pin::pin!(cache.set("k", 5, None));
        assert!(futures_util::future::poll_immediate(&mut set).await.is_none(), "it is on its way");
        let load = || async {
            pause(20).await;
            Ok::<u64, Infallible>(4)
        };
        // Without a look, which the write would come before.
        let loading = cache.get_or_set("k", LoadOptions::new().force_fresh(), load);
        let (loaded, set) = futures_util::future::join(loading, set).await;
        assert_eq!((set, loaded.unwrap()), (Ok(()), 4));
    }) as _]);
    assert_eq!(cache.store.sync().get("k").unwrap(), Some(5));
}
