//! How a memory cache is set up.

use std::sync::Arc;
use std::time::Duration;

use super::provider::MemoryCacheProvider;
use crate::clock::{Clock, SystemClock};
use crate::engine::{Limits, MAX_SLOTS, PolicyKind, RemovalReason};
use crate::error::{CacheError, Result};
use crate::ttl::whole_ms;

/// The limit on entries where none is set.
const DEFAULT_MAX_ENTRIES: usize = 1000;

pub(super) type Weigher<T> = Arc<dyn Fn(&str, &T) -> u64 + Send + Sync>;
pub(super) type Listener<T> = Arc<dyn Fn(&str, T, RemovalReason) + Send + Sync>;

/// Builds a [`MemoryCacheProvider`].
///
/// ```
/// use isocache::MemoryCacheProvider;
/// use std::time::Duration;
///
/// let pages = MemoryCacheProvider::<String>::builder()
///     .max_entries(10_000)
///     .max_bytes(64 << 20, |key, page: &String| (key.len() + page.len()) as u64)
///     .default_ttl(Duration::from_secs(300))
///     .on_removal(|key, _page, reason| println!("{key}: {reason:?}"))
///     .build()?;
/// pages.set_sync("/", "<html>".to_string(), None)?;
/// # Ok::<(), isocache::CacheError>(())
/// ```
#[must_use]
pub struct MemoryCacheBuilder<T> {
    pub(super) max_entries: usize,
    pub(super) max_bytes: u64,
    pub(super) weigher: Option<Weigher<T>>,
    pub(super) default_ttl: Option<Duration>,
    pub(super) policy: PolicyKind,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) listener: Option<Listener<T>>,
}

impl<T> MemoryCacheBuilder<T> {
    pub(super) fn new() -> Self {
        Self {
            max_entries: DEFAULT_MAX_ENTRIES,
            max_bytes: u64::MAX,
            weigher: None,
            default_ttl: None,
            policy: PolicyKind::default(),
            clock: Arc::new(SystemClock),
            listener: None,
        }
    }

    /// The most entries, from 1 to [`MAX_SLOTS`]. 1000 if not set. Memory is taken as entries come, not in advance.
    pub fn max_entries(mut self, max_entries: usize) -> Self {
        self.max_entries = max_entries;
        self
    }

    /// The largest sum of what `weigher` says of the entries, in whatever unit it counts, which should be bytes.
    ///
    /// Each value is weighed once, when it is set, outside the lock. It costs 8 bytes an entry. An entry that is heavier
    /// than the limit by itself is refused; one that weighs 0 leaves in its turn all the same.
    pub fn max_bytes(mut self, max_bytes: u64, weigher: impl Fn(&str, &T) -> u64 + Send + Sync + 'static) -> Self {
        self.max_bytes = max_bytes;
        self.weigher = Some(Arc::new(weigher));
        self
    }

    /// The life of entries that are set without one. For ever, if not set.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.default_ttl = Some(ttl);
        self
    }

    /// What leaves when a limit is reached. [`PolicyKind::Lru`] if not set.
    pub fn policy(mut self, policy: PolicyKind) -> Self {
        self.policy = policy;
        self
    }

    /// Where the time comes from. [`SystemClock`] if not set. It is read outside the lock, and only once an entry has
    /// had a ttl.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Called for each entry that leaves, with the reason, after the operation is complete and outside the lock: it may
    /// use the cache. If it panics, the operation stands, and the other entries that left with this one are not reported.
    pub fn on_removal(mut self, listener: impl Fn(&str, T, RemovalReason) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// The cache.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a limit or a ttl that is out of range.
    pub fn build(self) -> Result<MemoryCacheProvider<T>> {
        let limits = limits(self.max_entries, self.max_bytes)?;
        if let Some(ttl) = self.default_ttl.filter(|ttl| *ttl != Duration::MAX) {
            whole_ms(ttl)?;
        }
        Ok(MemoryCacheProvider::from_parts(self, limits))
    }
}

/// Checked limits.
pub(super) fn limits(max_entries: usize, max_bytes: u64) -> Result<Limits> {
    let max_entries = u32::try_from(max_entries).ok().filter(|entries| (1..=MAX_SLOTS).contains(entries));
    let Some(max_entries) = max_entries else {
        return Err(CacheError::invalid("max_entries", format!("is not between 1 and {MAX_SLOTS}")));
    };
    if max_bytes == 0 {
        return Err(CacheError::invalid("max_bytes", "is 0: nothing could be stored"));
    }
    Ok(Limits { max_entries, max_weight: max_bytes })
}

impl<T> std::fmt::Debug for MemoryCacheBuilder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryCacheBuilder")
            .field("max_entries", &self.max_entries)
            .field("max_bytes", &self.max_bytes)
            .field("default_ttl", &self.default_ttl)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
