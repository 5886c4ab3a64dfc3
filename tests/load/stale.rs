//! Stale values, early loads and jitter.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use isocache::{
    BoxFuture, CacheAside, CacheProvider, LoadOptions, Loaded, ManualClock, MemoryCacheProvider, Monitor, Runtime,
};

use crate::provider::Remote;

/// Keeps tasks until they are asked for.
#[derive(Clone, Default)]
struct Later(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Runtime for Later {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
        self.0.lock().unwrap().push(task);
        Ok(())
    }

    fn sleep(&self, _: Duration) -> Option<BoxFuture<'static, ()>> {
        None
    }
}

/// Runs no tasks.
struct Nothing;

impl Runtime for Nothing {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
        Err(task)
    }

    fn sleep(&self, _: Duration) -> Option<BoxFuture<'static, ()>> {
        None
    }
}

impl Later {
    fn run(&self) -> usize {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap());
        let count = tasks.len();
        tasks.into_iter().for_each(pollster::block_on);
        count
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

struct Scene {
    clock: ManualClock,
    cache: MemoryCacheProvider<u64>,
    later: Later,
    monitor: Arc<Monitor>,
    version: Arc<AtomicU64>,
}

impl Scene {
    fn new() -> Self {
        let clock = ManualClock::new();
        let cache = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
        let monitor = Arc::new(Monitor::new("scene"));
        Self { clock, cache, later: Later::default(), monitor, version: Arc::default() }
    }

    fn options(&self) -> LoadOptions {
        LoadOptions::new().ttl(seconds(10)).runtime(self.later.clone()).monitor(Arc::clone(&self.monitor))
    }

    fn refresh(&self, cache: &(impl CacheAside<u64> + Clone + 'static), options: LoadOptions) -> Option<u64> {
        let version = Arc::clone(&self.version);
        let load = move || async move { Ok::<_, Infallible>(Some(version.fetch_add(1, Ordering::SeqCst) + 1)) };
        pollster::block_on(cache.get_or_refresh_optional("k", options, load)).unwrap()
    }
}

#[test]
fn a_stale_value_is_answered_at_once_and_loaded_behind_once() {
    let scene = Scene::new();
    for remote in [false, true] {
        let over = Remote::over(scene.cache.clone());
        let ask = || {
            let options = scene.options().stale_while_revalidate(seconds(5));
            if remote { scene.refresh(&over, options) } else { scene.refresh(&scene.cache, options) }
        };
        let first = ask();
        assert_eq!(first, Some(scene.version.load(Ordering::SeqCst)));
        scene.clock.advance(seconds(9));
        assert_eq!((ask(), scene.later.run()), (first, 0), "fresh");
        scene.clock.advance(seconds(2));
        assert_eq!((ask(), ask()), (first, first), "stale");
        let loaded = scene.version.load(Ordering::SeqCst);
        assert!(scene.later.run() > 0);
        assert_eq!(scene.version.load(Ordering::SeqCst), loaded + 1, "one load behind, however many asked");
        assert_eq!(ask(), Some(loaded + 1));
        scene.clock.advance(seconds(15));
        assert_eq!(ask(), Some(loaded + 2), "beyond the window callers wait");
        assert_eq!(scene.later.run(), 0);
        scene.cache.sync().clear();
    }
    let stats = scene.monitor.stats();
    assert_eq!((stats.stale, stats.background, stats.loads), (4, 2, 6));
}

#[test]
fn a_borrowing_loader_makes_one_caller_wait_and_no_other() {
    let scene = Scene::new();
    let options = scene.options().stale_while_revalidate(seconds(5));
    pollster::block_on(async {
        scene.cache.get_or_set("k", &options, || async { Ok::<u64, Infallible>(1) }).await.unwrap();
        scene.clock.advance(seconds(12));
        let inner = Mutex::new(None);
        let outer = scene.cache.get_or_set("k", &options, || async {
            let meanwhile = scene.cache.clone();
            let other = std::thread::scope(|threads| {
                let asking = threads.spawn(|| {
                    let load = || async { unreachable!("a load is under way") };
                    pollster::block_on(meanwhile.get_or_set::<u64, Infallible, _>("k", &options, load))
                });
                asking.join().unwrap().unwrap()
            });
            *inner.lock().unwrap() = Some(other);
            Ok::<u64, Infallible>(2)
        });
        assert_eq!(outer.await.unwrap(), 2);
        assert_eq!(inner.into_inner().unwrap(), Some(1));
    });
}

#[test]
fn a_failing_load_falls_back_to_what_was() {
    let scene = Scene::new();
    let options = scene.options().stale_if_error(seconds(60));
    pollster::block_on(async {
        let failing = || async { Err::<u64, _>("down") };
        scene.cache.get_or_set("k", &options, || async { Ok::<u64, &str>(1) }).await.unwrap();
        scene.clock.advance(seconds(69));
        assert_eq!(scene.cache.get_or_set("k", &options, failing).await.unwrap(), 1);
        scene.clock.advance(seconds(1));
        assert_eq!(scene.cache.get_or_set("k", &options, failing).await.unwrap_err().to_string(), "down");
    });
    assert_eq!(scene.monitor.stats().stale, 1);
}

#[test]
fn a_value_that_ends_soon_is_loaded_early() {
    let scene = Scene::new();
    // Chance decides by logarithm: with 1/e, exactly the time that a load takes before the end.
    let options = || scene.options().early_refresh(seconds(2)).random(|| (-1.0_f64).exp());
    assert_eq!(scene.refresh(&scene.cache, options()), Some(1));
    scene.clock.advance(Duration::from_millis(7999));
    assert_eq!((scene.refresh(&scene.cache, options()), scene.later.run()), (Some(1), 0));
    scene.clock.advance(Duration::from_millis(2));
    assert_eq!((scene.refresh(&scene.cache, options()), scene.later.run()), (Some(1), 1));
    assert_eq!(scene.refresh(&scene.cache, options()), Some(2));
}

#[test]
fn jitter_shortens_the_ttl() {
    let scene = Scene::new();
    let options = scene.options().jitter(0.5).random(|| 0.5);
    assert_eq!(scene.refresh(&scene.cache, options), Some(1));
    let left = pollster::block_on(scene.cache.get_with_ttl("k")).unwrap().unwrap().1;
    assert_eq!(left, Some(Duration::from_millis(7500)));
}

#[test]
fn without_a_runtime_the_caller_loads_itself() {
    let scene = Scene::new();
    let options = || LoadOptions::new().ttl(seconds(10)).stale_while_revalidate(seconds(5)).runtime(Nothing);
    assert_eq!(scene.refresh(&scene.cache, options()), Some(1));
    scene.clock.advance(seconds(12));
    assert_eq!(scene.refresh(&scene.cache, options()), Some(2));
}

#[test]
fn a_mistake_in_a_background_load_is_reported() {
    let clock = ManualClock::new();
    let cache = MemoryCacheProvider::<u64>::builder().clock(clock.clone()).build().unwrap();
    let (later, monitor) = (Later::default(), Arc::new(Monitor::new("users::get")));
    let options = LoadOptions::new().ttl(seconds(10)).stale_while_revalidate(seconds(10));
    let options = options.runtime(later.clone()).monitor(Arc::clone(&monitor));
    let call = |value: u64, ttl: u64| {
        let load = move || async move { Ok::<_, Infallible>(Loaded::new(value).ttl(seconds(ttl))) };
        pollster::block_on(cache.get_or_refresh("k", &options, load))
    };
    assert_eq!(call(1, 10).unwrap(), 1);
    clock.advance(seconds(15));
    assert_eq!(call(2, 0).unwrap(), 1, "the caller has the stale value");
    assert_eq!(later.run(), 1);
    let reports = monitor.reports();
    assert!(reports.len() == 1 && reports[0].to_string().contains("ttl"), "{reports:?}");
    assert_eq!(monitor.stats().bypasses, 1);
}
