//! [`MemoryCacheBuilder`]: the options of a memory cache.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::cache::MemoryCache;
use super::entry::OnOversize;
use super::provider::MemoryCacheProvider;
use crate::clock::{Clock, SystemClock};
use crate::engine::{Limits, MAX_SLOTS, Policy, RemovalReason};
use crate::error::{CacheError, Result};
use crate::ttl::ttl_ms;

/// The default limit on entries, for a cache with no limit on entries or bytes.
pub(super) const DEFAULT_MAX_ENTRIES: u32 = 1000;

pub(super) type SizeOf<T> = Arc<dyn Fn(&str, &T) -> u64 + Send + Sync>;
pub(super) type Listener<T> = Arc<dyn Fn(&str, T, RemovalReason) + Send + Sync>;

/// Builds a [`MemoryCacheProvider`], or a [`MemoryCache`] if it comes from [`MemoryCache::builder`].
///
/// ```
/// use isocache::MemoryCache;
/// use std::time::Duration;
///
/// let pages = MemoryCache::<String>::builder()
///     .max_bytes(64 << 20)
///     .size_of(|key, page| (key.len() + page.len()) as u64)
///     .default_ttl(Duration::from_secs(300))
///     .on_removal(|key, _page, reason| println!("{key}: {reason:?}"))
///     .build()?;
/// pages.set("/", "<html>".to_string(), None)?;
/// # Ok::<(), isocache::CacheError>(())
/// ```
#[must_use]
pub struct MemoryCacheBuilder<T, C = MemoryCacheProvider<T>> {
    pub(super) max_entries: Option<usize>,
    pub(super) max_bytes: u64,
    pub(super) size_of: Option<SizeOf<T>>,
    pub(super) max_entry_bytes: u64,
    pub(super) on_oversize: OnOversize,
    pub(super) default_ttl: Option<Duration>,
    pub(super) touch_on_get: bool,
    pub(super) policy: Policy,
    pub(super) advises: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) listener: Option<Listener<T>>,
    built: PhantomData<fn() -> C>,
}

impl<T, C> MemoryCacheBuilder<T, C> {
    pub(super) fn new() -> Self {
        Self {
            max_entries: None,
            max_bytes: u64::MAX,
            size_of: None,
            max_entry_bytes: u64::MAX,
            on_oversize: OnOversize::default(),
            default_ttl: None,
            touch_on_get: false,
            policy: Policy::default(),
            advises: false,
            clock: Arc::new(SystemClock),
            listener: None,
            built: PhantomData,
        }
    }

    /// Limits the number of entries, from 1 to [`MAX_SLOTS`].
    ///
    /// The default is 1000, or no limit if [`max_bytes`](Self::max_bytes) is set. Memory is allocated as entries are
    /// added, not in advance.
    pub fn max_entries(mut self, max_entries: usize) -> Self {
        self.max_entries = Some(max_entries);
        self
    }

    /// Removes the limit on the number of entries: the cache then grows until memory runs out, unless
    /// [`max_bytes`](Self::max_bytes) limits it.
    pub fn unbounded(mut self) -> Self {
        self.max_entries = Some(MAX_SLOTS as usize);
        self
    }

    /// Limits the sum of the sizes of all entries, as [`size_of`](Self::size_of) measures them.
    ///
    /// It costs 8 bytes per entry. An entry that is larger than the limit by itself is refused.
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Limits the size of one entry, as [`size_of`](Self::size_of) measures it. The default is [`max_bytes`](Self::max_bytes).
    pub fn max_entry_bytes(mut self, max_entry_bytes: u64) -> Self {
        self.max_entry_bytes = max_entry_bytes;
        self
    }

    /// Sets how a write of a larger entry is handled. The default is [`OnOversize::Error`].
    pub fn on_oversize(mut self, on_oversize: OnOversize) -> Self {
        self.on_oversize = on_oversize;
        self
    }

    /// Sets the function that measures entries, in bytes, for [`max_bytes`](Self::max_bytes) and for
    /// [`CacheStats::bytes`](crate::CacheStats).
    ///
    /// Each value is measured once, when it is written, outside the lock.
    pub fn size_of(mut self, size_of: impl Fn(&str, &T) -> u64 + Send + Sync + 'static) -> Self {
        self.size_of = Some(Arc::new(size_of));
        self
    }

    /// Sets the ttl of entries that are written without one. By default they do not expire.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.default_ttl = Some(ttl);
        self
    }

    /// Sets whether a hit restarts the ttl of the entry, so that entries expire after a time without reads. This costs
    /// 8 bytes per entry. The default is no.
    pub fn touch_on_get(mut self, touch_on_get: bool) -> Self {
        self.touch_on_get = touch_on_get;
        self
    }

    /// Sets the policy by which entries are evicted when a limit is reached. The default is [`Policy::Lru`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets whether the cache estimates its hits at other sizes and under other policies, for [`MemoryCache::advise`].
    /// This takes 64 KiB. The default is no.
    pub fn advise(mut self, advise: bool) -> Self {
        self.advises = advise;
        self
    }

    /// Sets the source of time. The default is [`SystemClock`]. It is read outside the lock, and only once an entry has
    /// had a ttl.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Calls `listener` with each entry that leaves the cache, and the reason.
    ///
    /// It runs when the operation is complete, outside the lock, so that it may use the cache. An overwrite reports the
    /// value that was replaced before the entries that were evicted to make room. If the listener panics, the operation
    /// is not undone, and the other entries that left with this one are not reported.
    pub fn on_removal(mut self, listener: impl Fn(&str, T, RemovalReason) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Builds the cache.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a limit or a ttl that is out of range, and for `max_bytes` without `size_of`.
    pub fn build(self) -> Result<C>
    where
        C: From<MemoryCache<T>>,
    {
        for (option, limit) in [("max_bytes", self.max_bytes), ("max_entry_bytes", self.max_entry_bytes)] {
            checked_bytes(option, limit)?;
            if limit != u64::MAX && self.size_of.is_none() {
                return Err(CacheError::invalid(option, "needs size_of, which measures entries: set both"));
            }
        }
        let max_entries = match self.max_entries {
            Some(max_entries) => checked_entries(max_entries)?,
            None if self.max_bytes == u64::MAX => DEFAULT_MAX_ENTRIES,
            None => MAX_SLOTS,
        };
        let limits = Limits { max_entries, max_weight: self.max_bytes };
        let default_ttl = ttl_ms(self.default_ttl)?;
        Ok(C::from(MemoryCache::from_parts(self, limits, default_ttl)))
    }
}

/// Converts a limit on entries to the engine's type.
pub(super) fn checked_entries(max_entries: usize) -> Result<u32> {
    let checked = u32::try_from(max_entries).ok().filter(|entries| (1..=MAX_SLOTS).contains(entries));
    checked.ok_or_else(|| {
        let reason = format!("{max_entries} is not between 1 and {MAX_SLOTS}; use unbounded() for no limit");
        CacheError::invalid("max_entries", reason)
    })
}

/// Checks a limit on bytes.
pub(super) fn checked_bytes(option: &'static str, limit: u64) -> Result<()> {
    if limit == 0 { Err(CacheError::invalid(option, "must be greater than 0")) } else { Ok(()) }
}

impl<T, C> std::fmt::Debug for MemoryCacheBuilder<T, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryCacheBuilder")
            .field("max_entries", &self.max_entries)
            .field("max_bytes", &self.max_bytes)
            .field("max_entry_bytes", &self.max_entry_bytes)
            .field("on_oversize", &self.on_oversize)
            .field("default_ttl", &self.default_ttl)
            .field("touch_on_get", &self.touch_on_get)
            .field("policy", &self.policy)
            .field("advise", &self.advises)
            .finish_non_exhaustive()
    }
}
