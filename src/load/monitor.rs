//! Statistics and problems of one cached function.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::CacheError;

/// A function without a hit is reported after this many loads.
const CALLS_WITHOUT_HIT: u64 = 100;

/// Counts the calls of one cached function, and reports problems. `#[cached]` creates one for each function.
///
/// Each problem is reported once per function and cause: in [`reports`](Self::reports), to the listener of
/// [`on_report`](Self::on_report), and with the feature `tracing` as a warning. Problems are: a provider that fails, so
/// that the function runs uncached; a key, ttl or value that cannot be stored; and a function whose first 100 loads
/// were not followed by a hit.
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
#[derive(Default)]
pub struct Monitor {
    name: String,
    key_pattern: Option<String>,
    listener: Option<Listener>,
    /// One bit for each cause that has been reported.
    reported: AtomicU32,
    reports: Mutex<Vec<Report>>,
    hits: AtomicU64,
    loads: AtomicU64,
    background: AtomicU64,
    failures: AtomicU64,
    coalesced: AtomicU64,
    stale: AtomicU64,
    bypasses: AtomicU64,
    load_micros: AtomicU64,
}

type Listener = Box<dyn Fn(&Report) + Send + Sync>;

/// A problem of a cached function, as a [`Monitor`] reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The name of the function.
    pub function: String,
    /// The pattern of its keys, if it is known. Never a key, which may be a secret.
    pub key_pattern: Option<String>,
    /// What went wrong.
    pub cause: String,
    /// How to fix it.
    pub remedy: &'static str,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.function)?;
        if let Some(pattern) = &self.key_pattern {
            write!(f, " (key {pattern:?})")?;
        }
        write!(f, " is not cached: {}; {}", self.cause, self.remedy)
    }
}

/// A kind of problem.
pub(crate) enum Problem {
    /// The provider failed, or refused the entry.
    Failed(CacheError),
    /// The function was called often, without a hit.
    NeverHit,
}

impl Problem {
    /// The bit of the cause, the cause and the remedy. Keys quoted by errors are left out.
    fn describe(&self) -> (u32, Cow<'static, str>, &'static str) {
        let error = match self {
            Self::NeverHit => {
                let cause = format!("its first {CALLS_WITHOUT_HIT} loads were followed by no hit");
                return (1, cause.into(), "check that equal calls have equal keys, and that the ttl is long enough");
            }
            Self::Failed(error) => error,
        };
        let (bit, remedy) = match error {
            CacheError::Connection(_) | CacheError::Timeout(_) | CacheError::Unavailable(_) => {
                (2, "check that the store can be reached; until then every call runs the function")
            }
            CacheError::Refused(_) => (4, "check the credentials and what they permit"),
            CacheError::Full(_) => (8, "give the store more memory, or let it evict"),
            CacheError::Protocol(_) => (16, "check that the address is that of the store"),
            CacheError::Serialize { reason, .. } => {
                let cause = format!("its value cannot be serialized: {reason}");
                return (32, cause.into(), "return a type that the serializer of the provider supports");
            }
            CacheError::Deserialize { reason, .. } => {
                let cause = format!("a stored value cannot be deserialized: {reason}");
                return (64, cause.into(), "give functions of other types other keys, and clear entries of old types");
            }
            CacheError::InvalidArgument { argument, reason } => {
                // Reasons may quote the key.
                let cause = match *argument {
                    "key" => "a key is empty or too long".to_owned(),
                    "value" => "a value is larger than the provider accepts".to_owned(),
                    _ => format!("invalid argument {argument}: {reason}"),
                };
                return (128, cause.into(), "correct the argument, or raise the limit of the provider");
            }
        };
        (bit, error.to_string().into(), remedy)
    }
}

/// The statistics of a [`Monitor`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadStats {
    /// Calls that returned a fresh value from the provider.
    pub hits: u64,
    /// Loader runs, for callers or in the background.
    pub loads: u64,
    /// Loader runs in the background, after the callers had received a value.
    pub background: u64,
    /// Loads that failed or timed out.
    pub failures: u64,
    /// Calls that waited for the load of another call.
    pub coalesced: u64,
    /// Calls that returned a stale value.
    pub stale: u64,
    /// Operations of the provider that failed and were bypassed, and calls whose key or value cannot be stored.
    pub bypasses: u64,
    /// The total time of all loads.
    pub load_time: Duration,
}

impl LoadStats {
    /// The fraction of calls that did not wait for a load, from 0 to 1; 0 before the first call.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        let answered = self.hits + self.stale;
        // Exact up to 2^53.
        #[allow(clippy::cast_precision_loss)]
        match answered + self.loads.saturating_sub(self.background) + self.coalesced {
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

/// The events that are counted.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    Hit,
    Coalesced,
    Stale,
    Bypass,
    Load { took: Duration, failed: bool, background: bool },
}

impl Monitor {
    /// Creates a monitor of the function with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets the key pattern of the function, for reports.
    #[must_use]
    pub fn key_pattern(mut self, pattern: impl Into<String>) -> Self {
        self.key_pattern = Some(pattern.into());
        self
    }

    /// Sets a listener, which is called once for each cause of a problem.
    ///
    /// ```
    /// use isocache::Monitor;
    ///
    /// let monitor = Monitor::new("users::find").on_report(|report| eprintln!("{report}"));
    /// assert!(monitor.reports().is_empty());
    /// ```
    #[must_use]
    pub fn on_report(mut self, listener: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Returns the problems so far, each cause once.
    pub fn reports(&self) -> Vec<Report> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn report(&self, problem: &Problem) {
        let (bit, cause, remedy) = problem.describe();
        if self.reported.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            return;
        }
        let report = Report {
            function: self.name.clone(),
            key_pattern: self.key_pattern.clone(),
            cause: cause.into_owned(),
            remedy,
        };
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "isocache", function = %report.function, key_pattern = report.key_pattern, "{report}");
        if let Some(listener) = &self.listener {
            listener(&report);
        }
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
    }

    /// Returns the name of the function.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the statistics so far.
    pub fn stats(&self) -> LoadStats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        LoadStats {
            hits: read(&self.hits),
            loads: read(&self.loads),
            background: read(&self.background),
            failures: read(&self.failures),
            coalesced: read(&self.coalesced),
            stale: read(&self.stale),
            bypasses: read(&self.bypasses),
            load_time: Duration::from_micros(read(&self.load_micros)),
        }
    }

    pub(crate) fn count(&self, event: Event) {
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
            Event::Load { took, failed, background } => {
                let loads = self.loads.fetch_add(1, Ordering::Relaxed) + 1;
                if loads == CALLS_WITHOUT_HIT && self.hits.load(Ordering::Relaxed) == 0 {
                    self.report(&Problem::NeverHit);
                }
                if background {
                    one(&self.background);
                }
                if failed {
                    one(&self.failures);
                }
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                self.load_micros.fetch_add(micros, Ordering::Relaxed);
            }
        }
    }

    /// Passes a count to the `metrics` recorder of the process.
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
            Event::Load { took, failed, background } => {
                if !background {
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

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("name", &self.name).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
