//! Loading without futures.

use std::convert::Infallible;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use isocache::{LoadError, LoadOptions, MemoryCache};

#[test]
fn threads_share_one_load() {
    let cache = MemoryCache::<u64>::default();
    let loads = AtomicU64::new(0);
    let together = Barrier::new(8);
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                together.wait();
                let load = || Ok::<_, Infallible>(loads.fetch_add(1, Ordering::SeqCst));
                assert_eq!(cache.get_or_set("k", None, load).unwrap(), 0);
            });
        }
    });
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}

#[test]
fn a_write_during_a_load_wins() {
    let cache = MemoryCache::<u64>::default();
    let load = || {
        std::thread::scope(|threads| threads.spawn(|| cache.set("k", 2, None).unwrap()).join().unwrap());
        Ok::<u64, Infallible>(1)
    };
    assert_eq!(cache.get_or_set("k", None, load).unwrap(), 1);
    assert_eq!(cache.get("k").unwrap(), Some(2));
}

#[test]
fn a_loader_that_panics_leaves_the_key_to_others() {
    let cache = MemoryCache::<u64>::default();
    let other = cache.clone();
    let panicked = std::thread::spawn(move || {
        other.get_or_set::<u64, Infallible>("k", None, || panic!("as it should")).map(|_| ())
    });
    assert!(panicked.join().is_err());
    assert_eq!(cache.get_or_set("k", None, || Ok::<u64, Infallible>(1)).unwrap(), 1);
}

#[test]
fn a_loader_may_ask_for_its_own_key() {
    let cache = MemoryCache::<u64>::default();
    let inner = || cache.get_or_set("k", None, || Ok::<u64, Infallible>(1));
    assert_eq!(cache.get_or_set("k", None, || inner().map(|one| one + 1)).unwrap(), 2);
    assert_eq!(cache.get("k").unwrap(), Some(2));
}

#[test]
fn failures_and_nothing_are_not_stored() {
    let cache = MemoryCache::<u64>::default();
    let error = cache.get_or_set("k", LoadOptions::new(), || Err::<u64, _>("down")).unwrap_err();
    assert!(matches!(error, LoadError::Loader(error) if *error == "down"));
    let nothing = cache.get_or_set_optional("k", None, || Ok::<Option<u64>, Infallible>(None));
    assert_eq!(nothing.unwrap(), None);
    assert!(cache.is_empty());
}
