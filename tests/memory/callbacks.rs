//! The caller's code inside the cache: when it panics, the cache stays whole; when it uses the cache, nothing hangs.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use isocache::{Clock, ManualClock, MemoryCache, MemoryCacheBuilder};

/// How long an operation may take before it counts as a hang, on a machine of any speed.
const PATIENCE: Duration = Duration::from_secs(300);

#[track_caller]
fn panics<R>(work: impl FnOnce() -> R) {
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err(), "it should have panicked");
}

/// Runs `work` on a thread of its own, and fails if it does not come back.
#[track_caller]
fn comes_back(work: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let thread = thread::spawn(move || {
        work();
        done.send(()).unwrap();
    });
    if wait.recv_timeout(PATIENCE) != Err(mpsc::RecvTimeoutError::Timeout) {
        thread.join().expect("no panic");
        return;
    }
    panic!("it hangs");
}

/// A value whose clone panics when told to, and whose drop is counted.
struct Fragile {
    shared: Arc<Switches>,
}

#[derive(Default)]
struct Switches {
    clone_panics: AtomicBool,
    alive: AtomicU64,
}

impl Fragile {
    fn new(shared: &Arc<Switches>) -> Self {
        shared.alive.fetch_add(1, Ordering::SeqCst);
        Self { shared: Arc::clone(shared) }
    }
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!self.shared.clone_panics.load(Ordering::SeqCst), "clone");
        Self::new(&self.shared)
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        self.shared.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_clone_that_panics_changes_nothing() {
    let shared = Arc::new(Switches::default());
    let cache = MemoryCache::builder().max_entries(2).build().unwrap();
    cache.set("a", Fragile::new(&shared), None).unwrap();
    cache.set("b", Fragile::new(&shared), None).unwrap();
    let before = (cache.stats(), cache.keys());
    shared.clone_panics.store(true, Ordering::SeqCst);
    panics(|| cache.get("a"));
    panics(|| cache.get_with_ttl("a"));
    panics(|| cache.peek("a"));
    panics(|| cache.get_many(&["a", "b"]));
    assert_eq!((cache.stats(), cache.keys()), before);
    shared.clone_panics.store(false, Ordering::SeqCst);
    // From another thread too: the lock is not left poisoned.
    let found = thread::scope(|scope| scope.spawn(|| cache.get("a").unwrap().is_some()).join().unwrap());
    assert!(found);
    cache.set("c", Fragile::new(&shared), None).unwrap();
    assert_eq!(cache.keys(), ["c", "a"]);
    assert_eq!(shared.alive.load(Ordering::SeqCst), 2);
    drop(cache);
    assert_eq!(shared.alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_size_of_that_panics_changes_nothing() {
    let size_of = |_: &str, value: &u64| if *value == 13 { panic!("size_of") } else { *value };
    let cache = MemoryCache::builder().max_bytes(20).size_of(size_of).build().unwrap();
    cache.set("a", 1, None).unwrap();
    let before = (cache.stats(), cache.keys());
    panics(|| cache.set("a", 13, None));
    panics(|| cache.set("b", 13, None));
    panics(|| cache.set_many(vec![("c", 2, None), ("a", 13, None)]));
    assert_eq!((cache.stats(), cache.keys()), before);
    cache.set("a", 20, None).unwrap();
    assert_eq!(cache.stats().bytes, Some(20));
}

#[test]
fn a_listener_that_panics_leaves_the_operation_done() {
    let shared = Arc::new(Switches::default());
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let clock = ManualClock::new();
    let cache = MemoryCache::builder()
        .max_entries(3)
        .clock(clock.clone())
        .on_removal(move |_, _: Fragile, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            panic!("listener");
        })
        .build()
        .unwrap();
    let set = |key, ttl| cache.set(key, Fragile::new(&shared), ttl);
    let ttl = Some(Duration::from_millis(10));
    for key in ["a", "b", "c"] {
        set(key, ttl).unwrap();
    }
    panics(|| set("d", None));
    assert_eq!(cache.keys(), ["d", "c", "b"]);
    panics(|| set("d", None));
    panics(|| cache.delete("d"));
    assert_eq!(cache.keys(), ["c", "b"]);
    clock.advance(Duration::from_millis(10));
    // Both leave at once: the first is reported, and with the panic the second is dropped.
    panics(|| cache.stats());
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    assert_eq!(shared.alive.load(Ordering::SeqCst), 0);
    let stats = cache.stats();
    assert_eq!((stats.sets, stats.evictions, stats.deletes, stats.expirations, stats.entries), (5, 1, 1, 2, Some(0)));
    set("e", None).unwrap();
    set("f", None).unwrap();
    panics(|| cache.clear());
    assert!(cache.is_empty());
    assert_eq!(shared.alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_clock_that_panics_changes_nothing() {
    struct Broken(AtomicBool);
    impl Clock for Broken {
        fn now_ms(&self) -> u64 {
            assert!(!self.0.load(Ordering::SeqCst), "clock");
            5
        }
    }
    let clock = Arc::new(Broken(AtomicBool::new(false)));
    let cache = MemoryCache::builder().clock(Arc::clone(&clock)).build().unwrap();
    cache.set("a", 1, Some(Duration::from_secs(1))).unwrap();
    clock.0.store(true, Ordering::SeqCst);
    panics(|| cache.get("a"));
    panics(|| cache.set("a", 2, None));
    panics(|| cache.delete("a"));
    clock.0.store(false, Ordering::SeqCst);
    assert_eq!(cache.get("a"), Ok(Some(1)));
    assert_eq!((cache.stats().sets, cache.stats().hits), (1, 1));
}

type Handle = Arc<Mutex<Option<MemoryCache<Social>>>>;

/// A value that uses the cache when it is dropped.
struct Social {
    cache: Handle,
    weight: u64,
}

/// The weight of a value whose clone panics.
const UNCLONEABLE: u64 = 2;

impl Clone for Social {
    fn clone(&self) -> Self {
        assert_ne!(self.weight, UNCLONEABLE, "clone");
        Self { cache: Arc::clone(&self.cache), weight: self.weight }
    }
}

thread_local! {
    /// What the caller's code does in the cache may call the caller's code again; one level is enough.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Uses every kind of operation of the cache.
fn use_cache(handle: &Handle) {
    if INSIDE.replace(true) {
        return;
    }
    let cache = handle.lock().unwrap().clone();
    if let Some(cache) = cache {
        let value = Social { cache: Arc::clone(handle), weight: 1 };
        cache.set("inside", value, Some(Duration::from_secs(5))).unwrap();
        assert!(cache.exists("inside").is_ok());
        let _ = cache.get("inside").unwrap();
        let _ = cache.delete("inside").unwrap();
        let _ = cache.clear_pattern("inside*").unwrap();
        let _ = (cache.stats(), cache.keys(), cache.sweep());
    }
    INSIDE.set(false);
}

impl Drop for Social {
    fn drop(&mut self) {
        use_cache(&self.cache);
    }
}

/// Every way for a value to leave, or never to come in.
fn every_way_out(clock: &ManualClock, handle: &Handle, builder: MemoryCacheBuilder<Social, MemoryCache<Social>>) {
    let builder = builder.max_entries(3).clock(Sociable { clock: clock.clone(), cache: Arc::clone(handle) });
    let measuring = Arc::clone(handle);
    let builder = builder.max_bytes(10).size_of(move |_, value: &Social| {
        use_cache(&measuring);
        value.weight
    });
    let cache = builder.build().unwrap();
    *handle.lock().unwrap() = Some(cache.clone());
    let value = |weight| Social { cache: Arc::clone(handle), weight };
    let ttl = Some(Duration::from_millis(10));

    for key in ["a", "b", "a", "c", "d", "e"] {
        cache.set(key, value(1), ttl).unwrap();
    }
    cache.set("heavy", value(9), None).unwrap();
    assert!(cache.set("too heavy", value(11), None).is_err());
    assert!(cache.set("a", value(1), Some(Duration::ZERO)).is_err());
    assert!(cache.set("", value(1), None).is_err());
    let entries = || ["x", "y", "z"].map(|key| (key, value(1), None)).to_vec();
    cache.set_many(entries()).unwrap();
    let bad = vec![("x", value(1), None), ("y", value(11), None), ("z", value(1), None)];
    assert!(cache.set_many(bad).is_err());
    let bad = vec![("x", value(1), None), ("y", value(1), Some(Duration::ZERO)), ("z", value(1), None)];
    assert!(cache.set_many(bad).is_err());
    let _ = cache.get_many(&["x", "y", "nothing"]).unwrap();
    let _ = cache.delete("x").unwrap();
    let _ = cache.clear_pattern("*").unwrap();
    cache.set("p", value(1), ttl).unwrap();
    cache.set("q", value(1), ttl).unwrap();
    clock.advance(Duration::from_millis(10));
    assert!(cache.get("p").unwrap().is_none());
    let _ = cache.stats();
    cache.set_many(entries()).unwrap();
    cache.resize(Some(1), Some(5)).unwrap();
    cache.clear();
    cache.set("last", value(1), None).unwrap();
    // The handle keeps the cache and the cache keeps the handle; somebody has to let go.
    *handle.lock().unwrap() = None;
}

/// A clock that looks into the cache first.
struct Sociable {
    clock: ManualClock,
    cache: Handle,
}

impl Clock for Sociable {
    fn now_ms(&self) -> u64 {
        use_cache(&self.cache);
        self.clock.now_ms()
    }
}

#[test]
fn drop_size_of_and_clock_may_use_the_cache() {
    comes_back(|| every_way_out(&ManualClock::new(), &Handle::default(), MemoryCache::builder()));
}

#[test]
fn the_listener_may_use_the_cache() {
    comes_back(|| {
        let (handle, calls) = (Handle::default(), Arc::new(AtomicU64::new(0)));
        let (inside, counted) = (Arc::clone(&handle), Arc::clone(&calls));
        let builder = MemoryCache::builder().on_removal(move |_, _, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            use_cache(&inside);
        });
        every_way_out(&ManualClock::new(), &handle, builder);
        assert!(calls.load(Ordering::SeqCst) > 10);
    });
}

/// The clones that were made before the one that panics are dropped on its way out.
#[test]
fn a_clone_that_panics_among_many_does_not_drop_the_others_under_the_lock() {
    comes_back(|| {
        let handle = Handle::default();
        let cache = MemoryCache::default();
        *handle.lock().unwrap() = Some(cache.clone());
        for (key, weight) in [("a", 1), ("b", UNCLONEABLE)] {
            cache.set(key, Social { cache: Arc::clone(&handle), weight }, None).unwrap();
        }
        panics(|| cache.get_many(&["a", "b"]));
        assert_eq!(cache.len(), 2);
        *handle.lock().unwrap() = None;
    });
}
