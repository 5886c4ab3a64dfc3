//! How a value is loaded and kept.

use std::sync::Arc;
use std::time::Duration;

use super::monitor::Monitor;
use super::runtime::{Runtime, default_runtime};
use super::windows::Windows;
use crate::engine::Millis;
use crate::error::{CacheError, Result};
use crate::ttl::whole_ms;

/// The longest that a loader may take where no limit is set.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// What happens when the provider fails, not the loader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The loader answers, as if nothing were cached. The error is counted.
    #[default]
    Bypass,
    /// The call fails with it.
    Propagate,
}

/// How a value is loaded and kept. An `Option<Duration>`, the ttl, is one by itself.
///
/// ```
/// use isocache::{CacheAside, LoadOptions, MemoryCacheProvider};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let cache = MemoryCacheProvider::default();
/// let options = LoadOptions::new()
///     .ttl(Duration::from_secs(300))
///     .jitter(0.1)
///     .stale_if_error(Duration::from_secs(3600));
/// let rate = cache.get_or_set("rate:EUR", options, || async { Ok::<f64, String>(1.08) }).await;
/// assert_eq!(rate.unwrap(), 1.08);
/// # });
/// ```
#[derive(Clone)]
#[must_use]
pub struct LoadOptions {
    ttl: Option<Duration>,
    windows: Windows,
    jitter: f64,
    timeout: Option<Duration>,
    pub(super) lease: Option<Duration>,
    pub(super) force_fresh: bool,
    pub(super) on_error: OnError,
    monitor: Option<Arc<Monitor>>,
    static_monitor: Option<&'static Monitor>,
    runtime: Option<Arc<dyn Runtime>>,
    random: fn() -> f64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            ttl: None,
            windows: Windows::default(),
            jitter: 0.0,
            timeout: Some(DEFAULT_TIMEOUT),
            lease: None,
            force_fresh: false,
            on_error: OnError::Bypass,
            monitor: None,
            static_monitor: None,
            runtime: None,
            random: super::random::random,
        }
    }
}

impl LoadOptions {
    /// The defaults: the provider's ttl, nothing stale, at most 30 seconds for a loader.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a loaded value is fresh. If not set, the provider's default ttl; [`Duration::MAX`] is for ever.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// For how long a value that is no longer fresh is still answered, at once, while a load brings the new one. It stays
    /// in the provider for as much longer. It needs a [`ttl`](Self::ttl) to be of effect.
    pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.windows.while_revalidate = millis(window);
        self
    }

    /// For how long a value that is no longer fresh is still answered if the load fails. It stays in the provider for as
    /// much longer. It needs a [`ttl`](Self::ttl) to be of effect.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.windows.if_error = millis(window);
        self
    }

    /// About how long a load takes. Of the callers that find a value whose freshness ends soon, about one loads it anew
    /// before it ends, while all are answered with what is there.
    pub fn early(mut self, load: Duration) -> Self {
        self.windows.early = millis(load);
        self
    }

    /// Shortens each ttl by a random share of up to `jitter`, from 0 to 1, so that what was stored together does not
    /// expire together.
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// The longest that a loader may take; `None` is no limit. 30 seconds if not set. It needs a [`Runtime`] that has a
    /// timer: natively, tokio's with the feature `tokio`. Without one there is no limit.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// One loader among all processes that share a store: who loads takes a lease of the key for `life`, and gives it back
    /// when the value is stored. Others look every 50 to 250 milliseconds, until there is a value, or the lease is free; after
    /// twice its life they load without it. Where there is a stale value they answer that, and do not wait.
    ///
    /// `life` should be longer than a load takes: when it ends before, the load goes on and another may begin. The lease is
    /// the key `<key>:isocache-lease` beside the entry, with `SET NX PX`, and is released only by its holder: in Redis by a
    /// script, in a bridge by its command, in other servers over HTTP by `EVAL`; where that is refused it ends by itself.
    ///
    /// In memory it is of no effect, as callers share loads there. It needs a [`Runtime`] that has a timer; without one, who
    /// does not get the lease loads too. With [`force_fresh`](Self::force_fresh) there is none. When the store fails,
    /// [`on_error`](Self::on_error) says what happens. Writes of other processes do not win over a load, lease or not.
    /// A pattern that clears entries clears their leases too, and counts them.
    ///
    /// ```no_run
    /// # #[cfg(feature = "redis")]
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use isocache::{CacheAside, LoadOptions, RedisCacheProvider};
    /// use std::time::Duration;
    ///
    /// let cache: RedisCacheProvider<f64> = RedisCacheProvider::new("redis://127.0.0.1")?;
    /// let options = LoadOptions::new().ttl(Duration::from_secs(300)).lease(Duration::from_secs(10));
    /// let rate = cache.get_or_set("rate:EUR", options, || async { Ok::<f64, std::io::Error>(1.08) }).await?;
    /// # let _ = rate;
    /// # Ok(()) }
    /// ```
    pub fn lease(mut self, life: Duration) -> Self {
        self.lease = Some(life);
        self
    }

    /// Loads in any case, whatever is cached, and stores what comes.
    pub fn force_fresh(mut self) -> Self {
        self.force_fresh = true;
        self
    }

    /// What happens when the provider fails. [`OnError::Bypass`] if not set.
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Counts what happens.
    pub fn monitor(mut self, monitor: Arc<Monitor>) -> Self {
        self.monitor = Some(monitor);
        self
    }

    /// As [`monitor`](Self::monitor), for one that is there for ever: there is no reference to count in each call.
    #[doc(hidden)]
    pub fn static_monitor(mut self, monitor: &'static Monitor) -> Self {
        self.static_monitor = Some(monitor);
        self
    }

    /// Where loads behind run and time limits are kept, if not the default.
    pub fn runtime(mut self, runtime: impl Runtime + 'static) -> Self {
        self.runtime = Some(Arc::new(runtime));
        self
    }

    /// Where chance comes from, for tests: numbers from 0 up to 1.
    pub fn random(mut self, random: fn() -> f64) -> Self {
        self.random = random;
        self
    }

    pub(super) fn counting(&self) -> Option<&Monitor> {
        self.static_monitor.or(self.monitor.as_deref())
    }

    pub(super) fn windows(&self) -> Windows {
        self.windows
    }

    pub(super) fn chance(&self) -> f64 {
        (self.random)()
    }

    pub(super) fn run_on(&self) -> &dyn Runtime {
        self.runtime.as_deref().unwrap_or_else(|| default_runtime())
    }

    pub(super) fn limit(&self) -> Option<Duration> {
        self.timeout
    }

    /// The life to store a value with, whose loader may have named a ttl.
    pub(super) fn life(&self, loaded: Option<Duration>) -> Result<Option<Duration>> {
        let Some(ttl) = loaded.or(self.ttl) else { return Ok(None) };
        if ttl == Duration::MAX {
            return Ok(Some(ttl));
        }
        // Whole milliseconds, at most 2^53; what `life` makes of them is no less than 1 and no larger than allowed ttls.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        {
            let ttl = whole_ms(ttl)? as Millis;
            Ok(Some(Duration::from_millis(self.windows().life(ttl, self.jitter, self.chance()) as u64)))
        }
    }

    /// Refuses what cannot be, before anything is asked.
    pub(super) fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(CacheError::invalid("jitter", format!("{} is not between 0 and 1", self.jitter)));
        }
        if let Some(lease) = self.lease {
            whole_ms(lease).map_err(|_| CacheError::invalid("lease", format!("cannot be {lease:?}")))?;
        }
        match self.ttl {
            Some(ttl) if ttl != Duration::MAX => whole_ms(ttl).map(|_| ()),
            _ => Ok(()),
        }
    }
}

fn millis(duration: Duration) -> Millis {
    duration.as_secs_f64() * 1000.0
}

impl From<Option<Duration>> for LoadOptions {
    fn from(ttl: Option<Duration>) -> Self {
        Self { ttl, ..Self::default() }
    }
}

impl From<Duration> for LoadOptions {
    fn from(ttl: Duration) -> Self {
        Some(ttl).into()
    }
}

impl From<&LoadOptions> for LoadOptions {
    fn from(options: &LoadOptions) -> Self {
        options.clone()
    }
}

impl std::fmt::Debug for LoadOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadOptions")
            .field("ttl", &self.ttl)
            .field("windows", &self.windows)
            .field("jitter", &self.jitter)
            .field("timeout", &self.timeout)
            .field("lease", &self.lease)
            .field("force_fresh", &self.force_fresh)
            .field("on_error", &self.on_error)
            .finish_non_exhaustive()
    }
}
