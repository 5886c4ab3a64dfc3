//! Functions that are not asynchronous.

use std::sync::{Barrier, LazyLock};
use std::time::Duration;

use isocache::cached;

use crate::support::{At, at_clock, called, calls};

#[cached]
fn fibonacci(n: u64) -> u64 {
    called("sync_fibonacci");
    if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
}

#[cached(key = "sync_other:{n}", name = "other")]
fn other(n: u64) -> Option<&'static str> {
    called("sync_other");
    (n > 0).then_some("some")
}

#[test]
fn each_has_a_memory_of_its_own() {
    assert_eq!(fibonacci(80), 23_416_728_348_467_685);
    assert_eq!(calls("sync_fibonacci"), 81);
    assert_eq!((other(0), other(0), other(1), other(1)), (None, None, Some("some"), Some("some")));
    assert_eq!(calls("sync_other"), 3);
    assert_eq!(other::invalidate(1), Ok(true));
    assert_eq!(other::invalidate(1), Ok(false));
    assert_eq!((other(1), other::stats().hits), (Some("some"), 1));
    assert_eq!((other::refresh(1), other::uncached(1)), (Some("some"), Some("some")));
    assert_eq!(calls("sync_other"), 6);
}

static CLOCKED: LazyLock<At<u64>> = LazyLock::new(at_clock);

#[cached(ttl = "1m", stale_if_error = "1m", key = "sync:{id}", provider = CLOCKED.cache)]
fn fallible(id: u64) -> Result<u64, String> {
    if called("sync_fallible").is_multiple_of(2) {
        return Err("even".to_owned());
    }
    let text: u64 = "1".parse().map_err(|_| "never".to_owned())?;
    Ok(id + text)
}

#[test]
fn options_count_as_for_asynchronous_functions() {
    assert_eq!((fallible(1), fallible(1)), (Ok(2), Ok(2)));
    assert_eq!(calls("sync_fallible"), 1);
    assert_eq!(fallible(2), Err("even".to_owned()));
    CLOCKED.clock.advance(Duration::from_secs(60));
    assert_eq!(fallible(2), Ok(3));
    // The fourth call fails, and what is there stands in.
    assert_eq!(fallible(1), Ok(2));
    assert_eq!(calls("sync_fallible"), 4);
}

#[cached(key = "sync:generic:{id}", provider = CLOCKED.cache)]
fn generic<T: Into<u64>>(id: u64, value: T) -> u64 {
    called("sync_generic");
    id + value.into()
}

#[cached(key = "sync:slow")]
fn slow() -> u64 {
    called("sync_slow")
}

#[test]
fn threads_share_a_load() {
    assert_eq!((generic(1, 2_u8), generic(1, 3_u32)), (3, 3));
    assert_eq!(calls("sync_generic"), 1);
    let barrier = Barrier::new(8);
    let values: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    slow()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!((values, calls("sync_slow")), (vec![1; 8], 1));
}
