//! A hit allocates nothing, and its future is small.
#![cfg(not(target_arch = "wasm32"))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use isocache::{CacheProvider, DynCacheProvider, Kept, Lookup, ManualClock, MemoryCache, MemoryCacheProvider};

/// The system's allocator, which counts what each thread asks of it.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more, and no test that asks.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations that `work` makes on this thread.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// The answer of a future that never waits.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("memory does not wait"),
    }
}

const ENTRIES: u64 = 100;

/// A full cache. With a ttl and `size_of` there is more to do on the way; with a long key there is more to compare.
fn caches() -> Vec<(MemoryCache<u64>, Vec<String>)> {
    let plain = || MemoryCache::builder().max_entries(100);
    let eventful =
        plain().default_ttl(Duration::from_secs(60)).clock(ManualClock::new()).max_bytes(1 << 20).size_of(|_, _| 8);
    let caches = [plain(), eventful.on_removal(|_, _, _| ())].map(|builder| builder.build().unwrap());
    let filled = caches.into_iter().map(|cache| {
        let keys: Vec<_> = (0..ENTRIES).map(|n| format!("a key of more than twenty-four bytes:{n}")).collect();
        keys.iter().zip(0..).for_each(|(key, n)| cache.set(key, n, None).unwrap());
        (cache, keys)
    });
    filled.collect()
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
    assert_eq!(allocations(|| ()), 0);
}

#[test]
fn a_hit_allocates_nothing() {
    for (cache, keys) in caches() {
        let hits = || cache.stats().hits;
        let provider = MemoryCacheProvider::from(cache.clone());
        let counted = allocations(|| {
            for (key, n) in keys.iter().zip(0..) {
                assert_eq!(cache.get(key), Ok(Some(n)));
                assert_eq!(ready(provider.get(key)), Ok(Some(n)));
                let known = provider.loading().unwrap().look_now(key, Lookup::Fresh).unwrap();
                assert_eq!(known.unwrap().map(Kept::into_value), Some(n));
                assert_eq!(ready(provider.get_with_ttl(key)).unwrap().unwrap().0, n);
                assert_eq!(cache.exists(key), Ok(true));
                assert_eq!(cache.peek(key), Ok(Some(n)));
            }
        });
        assert_eq!((counted, hits()), (0, 4 * ENTRIES));
    }
}

#[test]
fn a_miss_allocates_nothing() {
    for (cache, _) in caches() {
        let provider = MemoryCacheProvider::from(cache.clone());
        let counted = allocations(|| {
            assert_eq!(cache.get("nothing"), Ok(None));
            assert_eq!(ready(provider.get("nothing")), Ok(None));
        });
        assert_eq!(counted, 0);
    }
}

#[test]
fn a_hit_through_an_erased_provider_allocates_nothing() {
    for (cache, keys) in caches() {
        let erased = DynCacheProvider::new(MemoryCacheProvider::from(cache.clone()));
        let twice = DynCacheProvider::new(erased.clone());
        let counted = allocations(|| {
            for (key, n) in keys.iter().zip(0..) {
                assert_eq!(ready(erased.get(key)), Ok(Some(n)));
                assert_eq!(ready(twice.get(key)), Ok(Some(n)));
            }
        });
        assert_eq!((counted, cache.stats().hits), (0, 2 * ENTRIES));
    }
}

/// The new value takes the place of the old one, and the key stays.
#[test]
fn overwriting_a_value_allocates_nothing() {
    let cache = MemoryCache::default();
    for key in ["user:1", "a key of more than twenty-four bytes"] {
        cache.set(key, 1, None).unwrap();
        assert_eq!(allocations(|| cache.set(key, 2, None).unwrap()), 0, "{key}");
        assert_eq!(cache.get(key), Ok(Some(2)));
    }
}

/// What a task that awaits an operation has to hold, in bytes: the arguments and a little more. The bounds are what was measured
/// with 64-bit pointers; a larger future is no fault in itself, but nobody should make it so without noticing.
#[test]
fn the_futures_are_small() {
    let cache = MemoryCacheProvider::<u64>::default();
    let erased = DynCacheProvider::new(cache.clone());
    let sizes = [
        ("get", size_of_val(&cache.get("a")), 32),
        ("exists", size_of_val(&cache.exists("a")), 32),
        ("delete", size_of_val(&cache.delete("a")), 32),
        ("set", size_of_val(&cache.set("a", 1, None)), 56),
        ("erased get", size_of_val(&erased.get("a")), 104),
    ];
    assert!(sizes.iter().all(|(_, size, bound)| size <= bound), "{sizes:?}");
}
