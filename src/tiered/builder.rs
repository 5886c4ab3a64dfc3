//! [`TieredCacheBuilder`]: the options of a tiered cache.

use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::hub::{Copies, Hub};
use super::near::{Near, NearOptions};
use super::planted::Planted;
use super::provider::{Shared, TieredCacheProvider};
use super::retries::{OnUnsent, Retries};
use super::source::InvalidationSource;
use super::stats::ServeSuspect;
use crate::clock::{Clock, SystemClock};
use crate::engine::{Millis, Policy};
use crate::error::{CacheError, Result};
use crate::load::{SingleFlight, millis};
use crate::runtime::Runtime;
use crate::ttl::whole_ms;

/// How long suspect copies are served by default, in milliseconds.
const SERVE_SUSPECT_FOR: Millis = 60_000.0;

/// Builds a [`TieredCacheProvider`].
///
/// ```
/// use isocache::{InvalidationChannel, MemoryCacheProvider, ServeSuspect, TieredCacheProvider};
/// use std::time::Duration;
///
/// let far = MemoryCacheProvider::<String>::default();
/// let users = TieredCacheProvider::builder(far)
///     .invalidations(InvalidationChannel::new())
///     .near_max_entries(10_000)
///     .near_ttl(Duration::from_secs(60))
///     .serve_suspect(ServeSuspect::IfFarFails)
///     .serve_suspect_for(Duration::from_secs(30))
///     .build()?;
/// # Ok::<(), isocache::CacheError>(())
/// ```
#[must_use]
pub struct TieredCacheBuilder<T, P> {
    far: P,
    near: NearOptions<T>,
    hub: Option<Arc<Hub>>,
    source: Option<Source>,
    clock: Option<Arc<dyn Clock>>,
    runtime: Option<Arc<dyn Runtime>>,
    name: Option<String>,
    serve_suspect: ServeSuspect,
    serve_suspect_for: Option<Millis>,
    retry_writes: usize,
    on_unsent: Option<OnUnsent>,
    planted: Option<Planted>,
    values: PhantomData<fn() -> T>,
}

enum Source {
    Some(Box<dyn InvalidationSource>),
    /// Without announcements.
    None,
}

impl<T, P> TieredCacheBuilder<T, P> {
    pub(super) fn new(far: P) -> Self {
        Self {
            far,
            near: NearOptions::default(),
            hub: None,
            source: None,
            clock: None,
            runtime: None,
            name: None,
            serve_suspect: ServeSuspect::Never,
            serve_suspect_for: None,
            retry_writes: 0,
            on_unsent: None,
            planted: None,
            values: PhantomData,
        }
    }

    pub(super) fn of_view(far: P, hub: Arc<Hub>, serve_suspect: ServeSuspect, serve_suspect_for: Millis) -> Self {
        Self { hub: Some(hub), serve_suspect, serve_suspect_for: Some(serve_suspect_for), ..Self::new(far) }
    }

    /// Sets the source of announcements of changed keys. Required, unless
    /// [`without_invalidations`](Self::without_invalidations) is called.
    pub fn invalidations(mut self, source: impl InvalidationSource + 'static) -> Self {
        self.source = Some(Source::Some(Box::new(source)));
        self
    }

    /// Disables announcements: a read may be as old as the [`near_ttl`](Self::near_ttl), which is then required.
    pub fn without_invalidations(mut self) -> Self {
        self.source = Some(Source::None);
        self
    }

    /// Limits the number of near copies. The default is 1000, or no limit if [`near_max_bytes`](Self::near_max_bytes) is
    /// set.
    pub fn near_max_entries(mut self, max_entries: usize) -> Self {
        self.near.max_entries = Some(max_entries);
        self
    }

    /// Limits the sum of the sizes of all near copies, in bytes, as `size_of` measures them. A value that is larger than
    /// the limit by itself is not kept.
    pub fn near_max_bytes(mut self, max_bytes: u64, size_of: impl Fn(&str, &T) -> u64 + Send + Sync + 'static) -> Self {
        self.near.max_bytes = Some((max_bytes, Box::new(size_of)));
        self
    }

    /// Sets which near copy is evicted when a limit is reached. The default is [`Policy::Lru`].
    pub fn near_policy(mut self, policy: Policy) -> Self {
        self.near.policy = policy;
        self
    }

    /// Limits how long a near copy is kept. It is never kept longer than its entry stays fresh in the far provider.
    pub fn near_ttl(mut self, ttl: Duration) -> Self {
        self.near.ttl = Some(ttl);
        self
    }

    /// Sets what happens to near copies while the announcements are silent or disconnected. The default is
    /// [`ServeSuspect::Never`].
    pub fn serve_suspect(mut self, serve_suspect: ServeSuspect) -> Self {
        self.serve_suspect = serve_suspect;
        self
    }

    /// Sets how long [`serve_suspect`](Self::serve_suspect) applies, from the moment copies could no longer be served.
    /// The default is one minute. A read may be older by that time.
    pub fn serve_suspect_for(mut self, time: Duration) -> Self {
        self.serve_suspect_for = Some(millis(time));
        self
    }

    /// Queues a `set`, `set_many`, `delete`, `delete_many` or `clear_pattern` that fails but may succeed later, and
    /// sends it again. The caller gets an answer at once: success, false or 0. At most `writes` are queued, in their
    /// order; later writes queue behind them. A write of several keys counts as one write per key. If the queue is
    /// full, the caller gets the error. Until a queued write is sent, callers read what the store holds. It then
    /// replaces anything that others have written since. The default is 0.
    ///
    /// Other operations are neither queued nor sent again: callers of `set_if_absent`, `replace`, `touch` and the like
    /// need the result, and an increment that may already have been carried out could count twice.
    pub fn retry_writes(mut self, writes: usize) -> Self {
        self.retry_writes = writes;
        self
    }

    /// Calls `listener` with the error, the operation (`set`, `delete` or `clear_pattern`) and the key or pattern of
    /// each queued write that is given up: because the store refuses it, its ttl has passed, or the cache is dropped.
    pub fn on_unsent_write(
        mut self,
        listener: impl Fn(&CacheError, &'static str, &str) + Send + Sync + 'static,
    ) -> Self {
        self.on_unsent = Some(Box::new(listener));
        self
    }

    /// Sets the name of the cache in reports to `metrics` and `tracing`. The default is `tiered`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the source of time. The default is [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Sets the runtime on which the source of announcements runs. The default is the default runtime.
    pub fn runtime(mut self, runtime: impl Runtime + 'static) -> Self {
        self.runtime = Some(Arc::new(runtime));
        self
    }

    /// Breaks a rule, for the tests of coherence.
    #[doc(hidden)]
    pub fn planted(mut self, planted: Planted) -> Self {
        self.near.never_expires = planted == Planted::MissesExpiry;
        self.planted = Some(planted);
        self
    }
}

impl<T: Clone + Send + 'static, P> TieredCacheBuilder<T, P> {
    /// Builds the cache. The first operation, or [`ready`](TieredCacheProvider::ready), starts the source of
    /// announcements.
    ///
    /// # Errors
    /// [`InvalidArgument`](CacheError::InvalidArgument) for a limit that is out of range, for missing or contradictory
    /// options, and for options of the source in a [view](TieredCacheProvider::view).
    pub fn build(self) -> Result<TieredCacheProvider<T, P>> {
        if let Some(ttl) = self.near.ttl {
            whole_ms(ttl).map_err(|error| CacheError::invalid("near_ttl", error.to_string()))?;
        }
        let hub = match (self.hub, self.source) {
            (Some(hub), None) if self.clock.is_none() && self.runtime.is_none() && self.name.is_none() => hub,
            (Some(_), _) => {
                let reason =
                    "a view shares the source, the clock, the runtime and the name of its cache: leave them out";
                return Err(CacheError::invalid("view", reason));
            }
            (None, None) => {
                let reason = "is required: pass the source of the far provider, such as `far.invalidations()`, or \
                              choose without_invalidations() with a near_ttl";
                return Err(CacheError::invalid("invalidations", reason));
            }
            (None, Some(Source::None)) if self.near.ttl.is_none() => {
                let reason = "is required without invalidations: a read may be as old as that";
                return Err(CacheError::invalid("near_ttl", reason));
            }
            (None, Some(source)) => {
                let source = if let Source::Some(source) = source { Some(source) } else { None };
                let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
                Hub::new(source, clock, self.runtime, self.name.unwrap_or_else(|| "tiered".to_owned()), self.planted)
            }
        };
        let near = Arc::new(Near::new(self.near, Arc::clone(&hub.clock))?);
        let copies: Weak<dyn Copies> = Arc::downgrade(&near) as Weak<dyn Copies>;
        hub.add(copies);
        let shared = Shared {
            far: self.far,
            near,
            hub,
            reads: SingleFlight::default(),
            loads: SingleFlight::default(),
            serve_suspect: self.serve_suspect,
            serve_suspect_for: self.serve_suspect_for.unwrap_or(SERVE_SUSPECT_FOR),
            retries: Retries::new(self.retry_writes, self.on_unsent),
            far_hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        };
        Ok(TieredCacheProvider { shared: Arc::new(shared) })
    }
}

impl<T, P> std::fmt::Debug for TieredCacheBuilder<T, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TieredCacheBuilder").field("serve_suspect", &self.serve_suspect).finish_non_exhaustive()
    }
}
