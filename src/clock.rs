//! Clocks. Elsewhere, only timers and limits on waiting read the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// A source of time, in whole milliseconds from its own origin.
///
/// It should not run backwards. If it does, entries live longer by that amount; there is no other effect.
pub trait Clock: Send + Sync {
    /// Milliseconds since the clock's origin.
    fn now_ms(&self) -> u64;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now_ms(&self) -> u64 {
        (**self).now_ms()
    }
}

/// The default clock of caches. It is monotonic, so that setting the system time does not affect ttls.
///
/// On Linux and Android it is the kernel's coarse monotonic clock, which is read without a system call in a tenth of
/// the time of [`Instant`](std::time::Instant). The kernel advances it at each of its timer's ticks, mostly every 1 to
/// 4 ms and at least every 10 ms. So an entry may expire up to 10 ms earlier or later than its ttl says. On a virtual
/// machine whose processor is withheld for longer than a tick, it may be later by that time.
///
/// On other systems it is `Instant`; in WebAssembly it is `performance.now`, or `Date.now` on platforms without it.
///
/// It may stop while a machine is suspended (as on Linux, macOS and most of their browsers); entries then live longer
/// by that time. If that is not acceptable, use [`UnixClock`], which continues during suspension but follows changes to
/// the system time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

// Miri cannot read the kernel's clock.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
impl Clock for SystemClock {
    #[inline]
    fn now_ms(&self) -> u64 {
        // Its origin is the start of the machine, so both numbers are positive.
        let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
        now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000
    }
}

#[cfg(not(any(
    all(any(target_os = "linux", target_os = "android"), not(miri)),
    all(target_arch = "wasm32", target_os = "unknown"),
)))]
impl Clock for SystemClock {
    #[inline]
    fn now_ms(&self) -> u64 {
        use std::sync::OnceLock;
        use std::time::Instant;
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        let elapsed = ORIGIN.get_or_init(Instant::now).elapsed();
        elapsed.as_secs() * 1000 + u64::from(elapsed.subsec_millis())
    }
}

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        whole(monotonic_now())
    }
}

/// Converts JavaScript's milliseconds, which are positive and exact in both types.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(ms: f64) -> u64 {
    ms as u64
}

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
fn monotonic_now() -> f64 {
    performance_now().unwrap_or_else(|_| date_now())
}

/// Measures elapsed time, for statistics only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(
    #[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))] std::time::Instant,
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))] f64,
);

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
impl Stopwatch {
    /// Starts measuring.
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Returns the time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
impl Stopwatch {
    /// Starts measuring.
    pub(crate) fn start() -> Self {
        Self(monotonic_now())
    }

    /// Returns the time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        Duration::try_from_secs_f64((monotonic_now() - self.0) / 1000.0).unwrap_or_default()
    }
}

/// The system time: milliseconds since 1970, for times that several machines share. It changes when the system time is
/// set.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnixClock;

impl Clock for UnixClock {
    #[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
    #[inline]
    fn now_ms(&self) -> u64 {
        use std::time::UNIX_EPOCH;
        // A time before 1970 counts as 1970.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_secs() * 1000 + u64::from(since.subsec_millis())
    }

    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    fn now_ms(&self) -> u64 {
        whole(date_now())
    }
}

/// The time until a point of system time; `None` if it has passed.
pub(crate) fn time_until(at: SystemTime) -> Option<Duration> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(UnixClock.now_ms());
    at.duration_since(now).ok().filter(|left| !left.is_zero())
}

/// The clock for freshness in remote stores, which other processes compare with their own.
#[cfg(feature = "serde")]
#[derive(Clone)]
pub(crate) struct WallClock(Arc<dyn Clock>);

#[cfg(feature = "serde")]
impl WallClock {
    #[cfg(any(feature = "http", feature = "redis"))]
    pub(crate) fn new(clock: impl Clock + 'static) -> Self {
        Self(Arc::new(clock))
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }
}

#[cfg(feature = "serde")]
impl Default for WallClock {
    fn default() -> Self {
        #[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
        let clock = Arc::new(UnixClock);
        // `Date.now()`.
        #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
        let clock = Arc::new(SystemClock);
        Self(clock)
    }
}

#[cfg(feature = "serde")]
impl std::fmt::Debug for WallClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WallClock")
    }
}

// Declared here, because js-sys would add its futures to the npm package's wasm, used or not.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#[wasm_bindgen::prelude::wasm_bindgen]
extern "C" {
    /// `Date.now()`, looked up at each call, so that tests may replace it.
    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn date_now() -> f64;

    /// `performance.now()`; an error on platforms without it.
    #[wasm_bindgen(catch, js_namespace = performance, js_name = now)]
    fn performance_now() -> Result<f64, wasm_bindgen::JsValue>;
}

/// A clock that advances only manually, for tests. Clones are the same clock.
///
/// ```
/// use isocache::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clock.now_ms(), 2000);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    now_ms: Arc<AtomicU64>,
}

impl ManualClock {
    /// Creates a clock at 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Advances the clock. Fractions of a millisecond are dropped.
    pub fn advance(&self, by: Duration) {
        self.now_ms.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Sets the time, in milliseconds.
    pub fn set_ms(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    #[inline]
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android"), not(miri)))]
mod tests {
    use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

    use super::*;

    fn ms(time: Timespec) -> i64 {
        time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    #[test]
    fn the_system_clock_lags_by_at_most_a_tick() {
        let tick = ms(clock_getres(ClockId::MonotonicCoarse));
        assert!((1..=10).contains(&tick), "the documentation says 10 ms");
        let start = clock_gettime(ClockId::Monotonic);
        loop {
            let before = ms(clock_gettime(ClockId::Monotonic));
            let now = SystemClock.now_ms().cast_signed();
            assert!(now <= ms(clock_gettime(ClockId::Monotonic)), "it runs ahead");
            // A busy machine may be late with its ticks for a while.
            if before - now <= tick {
                break;
            }
            assert!(before < ms(start) + 60_000, "{} ms behind, at ticks of {tick} ms", before - now);
        }
    }
}
