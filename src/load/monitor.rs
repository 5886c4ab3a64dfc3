//! What happens to the calls of one cached function.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts what happens to the calls of one cached function. `#[cached]` makes one for each function.
///
/// With the feature `metrics`, the same counts go to the recorder of the [`metrics`](https://docs.rs/metrics) facade, under
/// the label `function`: `isocache_calls_total` by `result` (`hit`, `stale`, `load`, `coalesced`), `isocache_loads_total`
/// by `outcome` (`ok`, `failed`), `isocache_bypasses_total`, and the histogram `isocache_load_seconds`. With the feature
/// `tracing`, each load is a span `load` of the level debug, with the name of the function; never with a key, which may be
/// a secret.
///
/// ```
/// use isocache::{CacheAside, LoadOptions, MemoryCacheProvider, Monitor};
/// use std::sync::Arc;
///
/// # pollster::block_on(async {
/// let (cache, monitor) = (MemoryCacheProvider::default(), Arc::new(Monitor::new("square")));
/// for _ in 0..4 {
///     let options = LoadOptions::new().monitor(Arc::clone(&monitor));
///     cache.get_or_set("7", options, || async { Ok::<u32, String>(7 * 7) }).await.unwrap();
/// }
/// let stats = monitor.stats();
/// assert_eq!((stats.hits, stats.loads, stats.hit_rate()), (3, 1, 0.75));
/// # });
/// ```
#[derive(Debug, Default)]
pub struct Monitor {
    name: String,
    hits: AtomicU64,
    loads: AtomicU64,
    behind: AtomicU64,
    failures: AtomicU64,
    coalesced: AtomicU64,
    stale: AtomicU64,
    bypasses: AtomicU64,
    load_micros: AtomicU64,
}

/// What a [`Monitor`] has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadStats {
    /// Calls that were answered with a fresh value from the provider.
    pub hits: u64,
    /// Loaders that were run, for callers or behind them.
    pub loads: u64,
    /// Of those, the ones that ran behind callers who had been answered.
    pub behind: u64,
    /// Of the loads, those that failed or took too long.
    pub failures: u64,
    /// Calls that waited for the load of another call.
    pub coalesced: u64,
    /// Calls that were answered with a stale value.
    pub stale: u64,
    /// Operations of the provider that failed, and were passed over.
    pub bypasses: u64,
    /// The time that all loads took together.
    pub load_time: Duration,
}

impl LoadStats {
    /// The share of the calls that did not wait for a load, from 0 to 1; 0 before the first call.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        let answered = self.hits + self.stale;
        // Exact up to 2^53.
        #[allow(clippy::cast_precision_loss)]
        match answered + self.loads.saturating_sub(self.behind) + self.coalesced {
            0 => 0.0,
            calls => answered as f64 / calls as f64,
        }
    }

    /// The mean time of a load; zero before the first.
    #[must_use]
    pub fn mean_load_time(&self) -> Duration {
        u32::try_from(self.loads).ok().and_then(|loads| self.load_time.checked_div(loads)).unwrap_or_default()
    }
}

/// What there is to count.
#[derive(Clone, Copy)]
pub(super) enum Event {
    Hit,
    Coalesced,
    Stale,
    Bypass,
    Load { took: Duration, failed: bool, behind: bool },
}

impl Monitor {
    /// A monitor of the function of that name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// What it was called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was counted so far.
    pub fn stats(&self) -> LoadStats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        LoadStats {
            hits: read(&self.hits),
            loads: read(&self.loads),
            behind: read(&self.behind),
            failures: read(&self.failures),
            coalesced: read(&self.coalesced),
            stale: read(&self.stale),
            bypasses: read(&self.bypasses),
            load_time: Duration::from_micros(read(&self.load_micros)),
        }
    }

    pub(super) fn count(&self, event: Event) {
        #[cfg(feature = "metrics")]
        self.record(event);
        let one = |count: &AtomicU64| {
            count.fetch_add(1, Ordering::Relaxed);
        };
        match event {
            Event::Hit => one(&self.hits),
            Event::Coalesced => one(&self.coalesced),
            Event::Stale => one(&self.stale),
            Event::Bypass => one(&self.bypasses),
            Event::Load { took, failed, behind } => {
                one(&self.loads);
                if behind {
                    one(&self.behind);
                }
                if failed {
                    one(&self.failures);
                }
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                self.load_micros.fetch_add(micros, Ordering::Relaxed);
            }
        }
    }

    /// Tells the recorder of the process.
    #[cfg(feature = "metrics")]
    fn record(&self, event: Event) {
        let call = |result: &'static str| {
            metrics::counter!("isocache_calls_total", "function" => self.name.clone(), "result" => result).increment(1);
        };
        match event {
            Event::Hit => call("hit"),
            Event::Coalesced => call("coalesced"),
            Event::Stale => call("stale"),
            Event::Bypass => {
                metrics::counter!("isocache_bypasses_total", "function" => self.name.clone()).increment(1);
            }
            Event::Load { took, failed, behind } => {
                if !behind {
                    call("load");
                }
                let outcome = if failed { "failed" } else { "ok" };
                metrics::counter!("isocache_loads_total", "function" => self.name.clone(), "outcome" => outcome)
                    .increment(1);
                metrics::histogram!("isocache_load_seconds", "function" => self.name.clone()).record(took);
            }
        }
    }
}
