//! [`Near`]: the near copies of one tiered cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::admission::{Outcome, Unchanged};
use super::hub::Copies;
use super::operation::Operation;
use crate::clock::Clock;
use crate::engine::{Millis, NEVER, Policy};
use crate::error::Result;
use crate::load::millis;
use crate::memory::{MemoryCache, OnOversize};

/// Measures a value, for a limit in bytes.
pub(super) type SizeOf<T> = Box<dyn Fn(&str, &T) -> u64 + Send + Sync>;

/// The limits of the near copies.
pub(super) struct NearOptions<T> {
    pub(super) max_entries: Option<usize>,
    pub(super) max_bytes: Option<(u64, SizeOf<T>)>,
    pub(super) policy: Policy,
    pub(super) ttl: Option<Duration>,
    pub(super) never_expires: bool,
}

impl<T> Default for NearOptions<T> {
    fn default() -> Self {
        Self { max_entries: None, max_bytes: None, policy: Policy::default(), ttl: None, never_expires: false }
    }
}

/// A value, and the time until which it is fresh in the far provider.
#[derive(Clone)]
pub(super) struct NearCopy<T> {
    pub(super) value: T,
    pub(super) fresh_until: Millis,
}

pub(super) struct Near<T> {
    cache: MemoryCache<NearCopy<T>>,
    /// The maximum time a copy is kept.
    ttl: Millis,
    never_expires: bool,
    /// Copies that were found but not served, or found by lookups that are not counted.
    uncounted: AtomicU64,
    /// The number of hits already reported to `metrics`.
    #[cfg(feature = "metrics")]
    reported: AtomicU64,
    /// Copies served while the link was not connected.
    pub(super) suspect_hits: AtomicU64,
}

impl<T: Clone + Send + 'static> Near<T> {
    pub(super) fn new(options: NearOptions<T>, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut builder = MemoryCache::builder().clock(clock).policy(options.policy).on_oversize(OnOversize::Skip);
        if let Some(max_entries) = options.max_entries {
            builder = builder.max_entries(max_entries);
        }
        if let Some((max_bytes, size_of)) = options.max_bytes {
            builder = builder.max_bytes(max_bytes).size_of(move |key, copy: &NearCopy<T>| size_of(key, &copy.value));
        }
        let cache = builder.build()?;
        cache.always_read_clock()?;
        let ttl = options.ttl.map_or(NEVER, millis);
        let never_expires = options.never_expires;
        Ok(Self {
            cache,
            ttl,
            never_expires,
            uncounted: AtomicU64::new(0),
            #[cfg(feature = "metrics")]
            reported: AtomicU64::new(0),
            suspect_hits: AtomicU64::new(0),
        })
    }

    /// The copy under `key`, if copies may be served. Counts the lookup.
    #[inline]
    pub(super) fn get(&self, key: &str, serves_until: Millis) -> Result<Option<NearCopy<T>>> {
        Ok(self.get_at(key, serves_until)?.map(|(copy, _)| copy))
    }

    /// Like `get`, but also returns the time.
    #[inline]
    pub(super) fn get_at(&self, key: &str, serves_until: Millis) -> Result<Option<(NearCopy<T>, Millis)>> {
        match self.cache.get_at(key)? {
            Some((copy, now)) if now < serves_until => Ok(Some((copy, now))),
            Some(_) => {
                self.uncounted.fetch_add(1, Ordering::Relaxed);
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// The copy under `key`, regardless of the link.
    pub(super) fn find(&self, key: &str, is_counted: bool) -> Option<NearCopy<T>> {
        let (copy, _) = self.cache.get_at(key).ok().flatten()?;
        if !is_counted {
            self.uncounted.fetch_add(1, Ordering::Relaxed);
        }
        Some(copy)
    }

    /// The copy under `key`, regardless of the link, without counting a lookup or a use.
    pub(super) fn peek(&self, key: &str) -> Option<NearCopy<T>> {
        self.cache.peek(key).ok().flatten()
    }

    /// Keeps a copy of the value that a read found, if the read is still valid.
    pub(super) fn keep_read(&self, read: &Operation, copy: NearCopy<T>) {
        self.keep(read.key(), read.sent, copy, || read.is_valid());
    }

    /// Ends a write, and keeps a copy of its value if the write is still valid.
    ///
    /// The write ends while the table is locked. So an announcement arrives either before the end, when there is no
    /// copy to drop yet, or after it, when it is already awaited.
    pub(super) fn keep_written(&self, write: Operation, copy: NearCopy<T>, unchanged: Option<Unchanged>) {
        let (key, sent) = (write.key().to_owned(), write.sent);
        let mut write = Some(write);
        self.keep(&key, sent, copy, || write.take().is_some_and(|write| write.keep(unchanged)));
        if let Some(write) = write {
            write.end(Outcome::Done);
        }
    }

    /// Keeps a copy until it expires here or in the far provider, if `is_permitted` returns true.
    fn keep(&self, key: &str, sent: Millis, copy: NearCopy<T>, is_permitted: impl FnOnce() -> bool) {
        let until = if self.never_expires { NEVER } else { copy.fresh_until.min(sent + self.ttl) };
        // An error means that there is no room for it.
        let _ = self.cache.set_until(key, copy, until, is_permitted);
    }

    /// Reports the hits since the last call to `metrics`.
    #[cfg(feature = "metrics")]
    pub(super) fn report_hits(&self, name: &str) {
        let hits = self.hits();
        super::report::near_hits(name, hits.saturating_sub(self.reported.fetch_max(hits, Ordering::Relaxed)));
    }

    /// The number of lookups that copies have answered.
    pub(super) fn hits(&self) -> u64 {
        self.cache.stats().hits.saturating_sub(self.uncounted.load(Ordering::Relaxed))
    }
}

impl<T: Clone + Send + 'static> Copies for Near<T> {
    fn forget(&self, key: &str) {
        // An invalid key has no copy.
        let _ = self.cache.delete(key);
    }

    fn forget_matching(&self, pattern: &str) {
        let _ = self.cache.clear_pattern(pattern);
    }

    fn forget_all(&self) {
        self.cache.clear();
    }

    #[cfg(feature = "metrics")]
    fn report_hits(&self, name: &str) {
        Self::report_hits(self, name);
    }
}
