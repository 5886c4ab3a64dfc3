//! The options of a load.

use std::sync::Arc;
use std::time::Duration;

use super::freshness::{Windows, jittered, millis};
use super::monitor::Monitor;
use crate::engine::Millis;
use crate::error::{CacheError, Result};
use crate::runtime::{HAS_TIMER, Platform, Runtime, has_event_loop};
use crate::ttl::{MAX_TTL_MS, whole_ms};

/// The default time limit of a call.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// How failures of the provider (not of the loader) are handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The loader runs, as if nothing were cached. The error is counted and reported by the [`Monitor`].
    #[default]
    Bypass,
    /// The call fails with the error.
    Propagate,
}

/// How a value is loaded and stored. Where only a ttl is needed, pass a `Duration` or `Option<Duration>` instead.
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
    pub(super) is_detached: bool,
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
            is_detached: false,
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
    /// Creates the default options: the provider's ttl, no stale values, and a time limit of 30 seconds per call.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long a loaded value is fresh. The default is the provider's default ttl; [`Duration::MAX`] means no
    /// expiry.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets how long after its ttl a value may still be returned at once, while a load fetches the new one. The entry
    /// is kept for that much longer; readers without a window see it as absent. Requires a finite
    /// [`ttl`](Self::ttl).
    ///
    /// The window of the call that stored the value determines how long it is kept. A smaller window of the reading
    /// call shortens what that call tolerates; a larger one has no effect.
    pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.windows.while_revalidate = millis(window);
        self
    }

    /// Sets how long after its ttl a value may still be returned if the load fails. As with
    /// [`stale_while_revalidate`](Self::stale_while_revalidate), the entry is kept for that much longer, and a finite
    /// [`ttl`](Self::ttl) is required. Callers that share a load each apply their own window.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.windows.if_error = millis(window);
        self
    }

    /// Sets the approximate duration of a load. Of the callers that find a value shortly before its ttl ends, about one
    /// reloads it, while all get the current value.
    pub fn early_refresh(mut self, load: Duration) -> Self {
        self.windows.early = millis(load);
        self
    }

    /// Shortens each ttl by a random fraction of up to `jitter`, from 0 to 1, so that entries that were stored together
    /// do not expire together.
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// Limits how long a call waits for a load, its own or that of another call; 30 seconds by default, `None` for no
    /// limit. At the limit, the call ends with [`LoadError::TimedOut`](crate::LoadError::TimedOut), or with a stale
    /// value if [`stale_if_error`](Self::stale_if_error) allows it. A loader that reaches the limit is dropped, unless
    /// it is [`detached`](Self::detached); calls with a longer limit that waited for it load again. The operations of
    /// the provider have their own time limits.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Runs every load to its end even if all callers have given up: in the background, on the [`Runtime`]. Its value
    /// is stored for later callers. [`timeout`](Self::timeout) then limits only the callers; the load itself is limited
    /// to the same time, but at least 30 seconds.
    ///
    /// Requires a loader that owns its data, and so [`get_or_refresh`](crate::CacheAside::get_or_refresh); `get_or_set`
    /// returns an error.
    pub fn detached(mut self) -> Self {
        self.is_detached = true;
        self
    }

    /// Shares loads among all processes that use the same store: the caller that loads acquires a lease of the key for
    /// `ttl`, and releases it when the value is stored. Other processes look for the value every 50 to 250
    /// milliseconds, until there is one or the lease is free; after twice the `ttl` they load without it. If there is a
    /// stale value, they return it and do not wait.
    ///
    /// `ttl` should be longer than a load takes: if the lease expires first, the load continues and another may begin.
    /// The lease is the key `<key>:isocache-lease` next to the entry, set with `SET NX PX`. Only its holder releases
    /// it: in Redis by a script, through a bridge by its command, through other HTTP servers by `EVAL`; where that is
    /// not permitted, it expires.
    ///
    /// In memory a lease has no effect, because callers share loads there. With [`force_fresh`](Self::force_fresh) no
    /// lease is used. If the store fails, [`on_error`](Self::on_error) applies. Writes of other processes do not win
    /// over a load, with or without a lease. Clearing entries by pattern also clears their leases, and counts them.
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
    pub fn lease(mut self, ttl: Duration) -> Self {
        self.lease = Some(ttl);
        self
    }

    /// Always runs the loader, even if a value is cached, and stores the new value.
    pub fn force_fresh(mut self) -> Self {
        self.force_fresh = true;
        self
    }

    /// Sets how failures of the provider are handled. The default is [`OnError::Bypass`].
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Sets the monitor that counts the calls and reports problems.
    pub fn monitor(mut self, monitor: Arc<Monitor>) -> Self {
        self.monitor = Some(monitor);
        self
    }

    /// [`monitor`](Self::monitor) with a static reference, which saves the reference counting in each call.
    #[doc(hidden)]
    pub fn static_monitor(mut self, monitor: &'static Monitor) -> Self {
        self.static_monitor = Some(monitor);
        self
    }

    /// Sets the runtime for background loads and timers. The default is the default runtime.
    pub fn runtime(mut self, runtime: impl Runtime + 'static) -> Self {
        self.runtime = Some(Arc::new(runtime));
        self
    }

    /// Sets the source of random numbers, from 0 (inclusive) to 1 (exclusive), for tests.
    pub fn random(mut self, random: fn() -> f64) -> Self {
        self.random = random;
        self
    }

    pub(crate) fn counting(&self) -> Option<&Monitor> {
        self.static_monitor.or(self.monitor.as_deref())
    }

    pub(super) fn windows(&self) -> Windows {
        self.windows
    }

    pub(super) fn chance(&self) -> f64 {
        (self.random)()
    }

    pub(super) fn run_on(&self) -> &dyn Runtime {
        self.runtime.as_deref().unwrap_or(&Platform)
    }

    /// Whether small tasks can run in the background: on the runtime of the options, or on an event loop.
    pub(super) fn can_spawn(&self) -> bool {
        self.runtime.is_some() || has_event_loop()
    }

    pub(super) fn limit(&self) -> Option<Duration> {
        self.timeout
    }

    /// The options with the time limit of a detached load.
    pub(super) fn for_detached_load(mut self) -> Self {
        self.timeout = self.timeout.map(|limit| limit.max(DEFAULT_TIMEOUT));
        self
    }

    /// The ttl of a loaded value, which its loader may have set, and how long it is kept after that.
    pub(super) fn lifetime(&self, loaded: Option<Duration>) -> Result<(Option<Duration>, Duration)> {
        let Some(ttl) = loaded.or(self.ttl) else { return Ok((None, Duration::ZERO)) };
        if ttl == Duration::MAX {
            return Ok((Some(ttl), Duration::ZERO));
        }
        // An integer of at most 2^53 milliseconds, which jitter only shortens.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        {
            let ttl = jittered(whole_ms(ttl)? as Millis, self.jitter, self.chance()) as u64;
            let window = (self.windows.longest().ceil() as u64).min(MAX_TTL_MS - ttl);
            Ok((Some(Duration::from_millis(ttl)), Duration::from_millis(window)))
        }
    }

    /// Rejects invalid options, before anything is done.
    pub(super) fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(CacheError::invalid("jitter", format!("{} is not between 0 and 1", self.jitter)));
        }
        if let Some(lease) = self.lease {
            whole_ms(lease).map_err(|_| {
                CacheError::invalid("lease", format!("{lease:?} is not between 1 ms and {MAX_TTL_MS} ms"))
            })?;
        }
        match self.timeout {
            Some(Duration::ZERO) => {
                let reason = "must be greater than 0: leave it out for 30 seconds, or pass None for no limit";
                return Err(CacheError::invalid("timeout", reason));
            }
            Some(limit) if !HAS_TIMER && self.runtime.is_none() && limit != DEFAULT_TIMEOUT => {
                let reason = "needs a timer: enable the feature `tokio` of isocache, or pass a runtime";
                return Err(CacheError::invalid("timeout", reason));
            }
            _ => {}
        }
        match self.ttl {
            None | Some(Duration::MAX) if self.windows.longest() > 0.0 => {
                let option =
                    if self.windows.while_revalidate > 0.0 { "stale_while_revalidate" } else { "stale_if_error" };
                let reason = "needs a ttl that ends, after which a value is stale: set LoadOptions::ttl";
                Err(CacheError::invalid(option, reason))
            }
            Some(ttl) if ttl != Duration::MAX => whole_ms(ttl).map(|_| ()),
            _ => Ok(()),
        }
    }
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
            .field("is_detached", &self.is_detached)
            .field("force_fresh", &self.force_fresh)
            .field("on_error", &self.on_error)
            .finish_non_exhaustive()
    }
}
