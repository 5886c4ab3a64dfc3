//! The slowest single calls in a large cache that is full: what sorting, compacting and cleaning up cost at a time.
//!
//! On Linux in processor time, so that the calls during which another process ran do not count as slow.

use std::hint::black_box;
#[cfg(not(target_os = "linux"))]
use std::time::Instant;

use crate::caches::Cache;
use crate::streams;

/// Times of single calls, in microseconds, the clock included.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    pub median: f64,
    /// One call of 10,000 took longer.
    pub rare: f64,
    pub longest: f64,
}

/// Nanoseconds of this thread's processor time.
#[cfg(target_os = "linux")]
fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

#[cfg(not(target_os = "linux"))]
fn now() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Four times as many calls as entries: writes of new keys, and reads of keys written not long before.
pub fn of<C: Cache>(entries: usize) -> Pauses {
    let keys = streams::distinct(4 * entries);
    let cache = C::new(entries, None);
    (0..entries).for_each(|at| cache.set(keys.key(at), at as u64));
    cache.settle();
    let mut times: Vec<u32> = (entries..keys.len())
        .map(|at| {
            let start = now();
            if at % 4 == 0 {
                black_box(cache.get(keys.key(at - entries / 2 - at % 1009)));
            } else {
                cache.set(keys.key(at), at as u64);
            }
            u32::try_from(now() - start).unwrap_or(u32::MAX)
        })
        .collect();
    times.sort_unstable();
    let at = |part: f64| f64::from(times[((times.len() - 1) as f64 * part) as usize]) / 1000.0;
    Pauses { median: at(0.5), rare: at(0.9999), longest: at(1.0) }
}
