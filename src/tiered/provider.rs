//! [`TieredCacheProvider`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::builder::TieredCacheBuilder;
use super::hub::Hub;
use super::near::Near;
use super::operations::ended;
use super::retries::{Change, Retries};
use super::spans::{Span, Tier};
use super::stats::{ServeSuspect, TierStats};
use crate::engine::{Millis, NEVER};
use crate::error::Result;
use crate::load::{Loading, SingleFlight, millis};
use crate::provider::{CacheProvider, MaybeSend, WithTtl};
use crate::stats::CacheStats;

/// A memory cache in front of a shared store: near copies answer without a request, and are dropped when anybody
/// changes their key.
///
/// It is a provider with every operation of the far one, so loading, tags, leases, sessions, limiters and the
/// invalidator work over it. [`docs/coherence.md`](https://github.com/isocache/isocache/blob/main/docs/coherence.md)
/// describes its guarantees and their limits. In short: a near copy is served only while the
/// [`InvalidationSource`](crate::InvalidationSource) is known to work. A read is never older than the lag of the
/// announcements, or two heartbeats if they fall silent.
///
/// ```
/// use isocache::{CacheProvider, InvalidationChannel, MemoryCacheProvider, TieredCacheProvider};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// // In a program, `far` is a `RedisCacheProvider` or an `HttpCacheProvider`, and its announcements come from
/// // `far.invalidations()`.
/// let far = MemoryCacheProvider::<String>::default();
/// let channel = InvalidationChannel::new();
/// let users = TieredCacheProvider::builder(far.clone()).invalidations(channel.clone()).build()?;
/// users.ready(Duration::from_secs(30)).await?;
///
/// let minute = Some(Duration::from_secs(60));
/// users.set("user:1", "Ada".into(), minute).await?;
/// assert_eq!(users.get("user:1").await?.as_deref(), Some("Ada"));
/// assert_eq!(users.tier_stats().near_hits, 1);
///
/// // Somebody else writes.
/// far.set("user:1", "Ada Lovelace".into(), minute).await?;
/// channel.keys(["user:1"]);
/// assert_eq!(users.get("user:1").await?.as_deref(), Some("Ada Lovelace"));
/// assert_eq!(users.tier_stats().far_hits, 1);
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
///
/// **Reads.** A near copy answers at once. Otherwise one request fetches the value and its remaining ttl, for all
/// concurrent callers. A near copy expires with the entry. If more than 100 keys of a
/// [`get_many`](CacheProvider::get_many) are missing, they are read together and not kept.
///
/// **Writes** go to the far provider first. The written value is then kept near, for its ttl or the default ttl of the
/// far provider. (If that [default](Loading::default_ttl) is unknown, the next read keeps the entry.) Redis does not
/// say whose write it announces, so there the announcement of the write itself drops the copy again; the bridge does
/// say it.
///
/// **Writes that bypass it**, through the far provider, are noticed when they are announced, like those of other
/// processes.
///
/// **Statistics**: hits and misses are those of this cache; the other counts are those of the far provider.
///
/// Cloning it is cheap, and clones share the cache. [`view`](Self::view) makes a cache of another type that shares the
/// source.
pub struct TieredCacheProvider<T, P> {
    pub(super) shared: Arc<Shared<T, P>>,
}

pub(super) struct Shared<T, P> {
    pub(super) far: P,
    pub(super) near: Arc<Near<T>>,
    pub(super) hub: Arc<Hub>,
    /// Reads in progress, which callers share.
    pub(super) reads: SingleFlight,
    /// Loads in progress, if the far provider does not track them.
    pub(super) loads: SingleFlight,
    pub(super) serve_suspect: ServeSuspect,
    /// How long suspect copies are served.
    pub(super) serve_suspect_for: Millis,
    pub(super) retries: Retries<T>,
    pub(super) far_hits: AtomicU64,
    pub(super) misses: AtomicU64,
}

impl<T, P> Clone for TieredCacheProvider<T, P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T, P> std::fmt::Debug for TieredCacheProvider<T, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TieredCacheProvider").field("link", &self.shared.hub.link_state()).finish_non_exhaustive()
    }
}

impl<T, P> TieredCacheProvider<T, P> {
    /// Returns the far provider. Writes through it reach the near copies when they are announced.
    pub fn far(&self) -> &P {
        &self.shared.far
    }

    /// Starts a builder of a cache with another value type, over another view of the same store. Both share one source
    /// of announcements, and a write through one drops the copies of the other.
    ///
    /// ```
    /// use isocache::{InvalidationChannel, MemoryCacheProvider, Tagged, TieredCacheProvider};
    ///
    /// # pollster::block_on(async {
    /// // With Redis: `redis.view()` for each of them.
    /// let (entries, counters) = (MemoryCacheProvider::default(), MemoryCacheProvider::default());
    /// let entries = TieredCacheProvider::builder(entries).invalidations(InvalidationChannel::new()).build()?;
    /// let counters = entries.view(counters).build()?;
    /// let tagged = Tagged::new(entries, counters);
    /// let of_org_7 = tagged.with_tags(&["org:7"]).await?;
    /// # use isocache::CacheProvider;
    /// of_org_7.set("user:1", "Ada".to_owned(), None).await?;
    /// tagged.invalidate_tags(&["org:7"]).await?;
    /// assert_eq!(of_org_7.get("user:1").await?, None);
    /// # Ok::<(), isocache::CacheError>(()) }).unwrap();
    /// ```
    pub fn view<U: MaybeSend, Q: CacheProvider<U>>(&self, far: Q) -> TieredCacheBuilder<U, Q> {
        let shared = &self.shared;
        TieredCacheBuilder::of_view(far, Arc::clone(&shared.hub), shared.serve_suspect, shared.serve_suspect_for)
    }

    /// Waits until the source of announcements is connected, so that near copies can be served. Calling it is optional:
    /// until then, reads go to the far provider.
    ///
    /// # Errors
    /// [`CacheError::Timeout`](crate::CacheError::Timeout) if that takes longer than `timeout`.
    pub async fn ready(&self, timeout: Duration) -> Result<()> {
        self.shared.hub.ready(timeout).await
    }
}

impl<P> TieredCacheProvider<(), P> {
    /// Starts a builder of a cache in front of `far`.
    pub fn builder<T: MaybeSend>(far: P) -> TieredCacheBuilder<T, P>
    where
        P: CacheProvider<T>,
    {
        TieredCacheBuilder::new(far)
    }
}

impl<T: Clone + Send + 'static, P> TieredCacheProvider<T, P> {
    /// Returns the statistics of the tiers and of the link.
    #[must_use]
    pub fn tier_stats(&self) -> TierStats {
        let shared = &*self.shared;
        let duration = |ms: Millis| Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(Duration::MAX);
        let counts = shared.hub.counts();
        TierStats {
            near_hits: shared.near.hits(),
            far_hits: shared.far_hits.load(Ordering::Relaxed),
            misses: shared.misses.load(Ordering::Relaxed),
            suspect_hits: shared.near.suspect_hits.load(Ordering::Relaxed),
            invalidations: counts.invalidations,
            resets: counts.resets,
            suspect_time: duration(counts.suspect),
            lag: counts.lag.map(duration),
            queued_writes: shared.retries.queued(),
            unsent_writes: shared.retries.unsent(),
            link: shared.hub.link_state(),
        }
    }
}

impl<T, P> CacheProvider<T> for TieredCacheProvider<T, P>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    P: CacheProvider<T> + 'static,
{
    async fn get(&self, key: &str) -> Result<Option<T>> {
        if let Some(copy) = self.shared.near.get(key, self.shared.hub.serves_until())? {
            Span::near_hit(&self.shared.hub);
            return Ok(Some(copy.value));
        }
        // Boxed, so that the future of a hit is small.
        let found = Box::pin(self.shared.get_traced(key)).await?;
        Ok(found.map(|copy| copy.value))
    }

    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        let shared = &*self.shared;
        let _loads = shared.overtake(key).await;
        let again = shared.retries.again(|| vec![Change::Set(key.to_owned(), value.clone(), ttl)]);
        if shared.waits(again.as_deref())? {
            return Ok(());
        }
        let copy = shared.copy(&value, ttl);
        let write = shared.begin_write(key).await;
        let issued = write.sent;
        let written = shared.wrote(write, shared.put(shared.far.set(key, value, ttl)).await, |()| copy);
        self.shared.retried(again, (issued, written), ())
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        let shared = &*self.shared;
        let _loads = shared.overtake(key).await;
        let again = shared.retries.again(|| vec![Change::Delete(key.to_owned())]);
        if shared.waits(again.as_deref())? {
            return Ok(false);
        }
        let write = shared.begin_write(key).await;
        let issued = write.sent;
        let removed = shared.wrote(write, shared.remove(shared.far.delete(key)).await, |_| None);
        self.shared.retried(again, (issued, removed), false)
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let shared = &*self.shared;
        if shared.hub.serves_now() && shared.near.peek(key).is_some() {
            Span::near_hit(&shared.hub);
            return Ok(true);
        }
        shared.hub.prepare().await;
        let span = Span::get(&shared.hub, None);
        let exists = span.around(shared.far.exists(key)).await?;
        span.found(exists, Tier::Far);
        Ok(exists)
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        let shared = &*self.shared;
        let _loads = match shared.far.loading() {
            Some(_) => None,
            None => Some(shared.loads.write_pattern(pattern).await),
        };
        let again = shared.retries.again(|| vec![Change::ClearPattern(pattern.to_owned())]);
        if shared.waits(again.as_deref())? {
            return Ok(0);
        }
        shared.hub.prepare().await;
        let _clearing = shared.hub.clear(pattern);
        let issued = shared.hub.now();
        let cleared = Span::flush(&shared.hub).around(shared.far.clear_pattern(pattern)).await;
        self.shared.retried(again, (issued, cleared), 0)
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        let far = self.shared.far.get_stats().await?;
        let own = self.tier_stats();
        Ok(CacheStats { hits: own.near_hits + own.far_hits, misses: own.misses, ..far })
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        let shared = &*self.shared;
        let left = |until: Millis, now: Millis| {
            (until < NEVER).then(|| Duration::try_from_secs_f64((until - now).max(0.0) / 1000.0).unwrap_or_default())
        };
        if let Some((copy, now)) = shared.near.get_at(key, shared.hub.serves_until())? {
            Span::near_hit(&shared.hub);
            return Ok(Some((copy.value, left(copy.fresh_until, now))));
        }
        let found = Box::pin(self.shared.get_traced(key)).await?;
        Ok(found.map(|copy| (copy.value, left(copy.fresh_until, shared.hub.now()))))
    }

    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
        self.shared.get_many(keys, true).await
    }

    async fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
        let shared = &*self.shared;
        let keys: Vec<&str> = entries.iter().map(|(key, ..)| *key).collect();
        let _loads = shared.overtake_many(&keys).await;
        let set = |(key, value, ttl): &(&str, T, Option<Duration>)| Change::Set((*key).to_owned(), value.clone(), *ttl);
        let again = shared.retries.again(|| entries.iter().map(set).collect());
        if shared.waits(again.as_deref())? {
            return Ok(());
        }
        let copies: Vec<_> = entries.iter().map(|(_, value, ttl)| shared.copy(value, *ttl)).collect();
        let writes = shared.begin_writes(&keys).await;
        let issued = shared.hub.now();
        let stored = Span::put(&shared.hub, Some(entries.len())).around(shared.far.set_many(entries)).await;
        for (write, copy) in writes.into_iter().zip(copies) {
            // All of them have the same outcome.
            let _ = shared.wrote(write, stored.clone(), |()| copy);
        }
        self.shared.retried(again, (issued, stored), ())
    }

    async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        let shared = &*self.shared;
        let _loads = shared.overtake_many(keys).await;
        let again = shared.retries.again(|| keys.iter().map(|key| Change::Delete((*key).to_owned())).collect());
        if shared.waits(again.as_deref())? {
            return Ok(0);
        }
        let writes = shared.begin_writes(keys).await;
        let issued = shared.hub.now();
        let deleted = Span::remove(&shared.hub, Some(keys.len())).around(shared.far.delete_many(keys)).await;
        ended(writes, &deleted);
        self.shared.retried(again, (issued, deleted), 0)
    }

    #[inline]
    fn loading(&self) -> Option<&dyn Loading<T>> {
        Some(self)
    }
}

/// The time at which a ttl that begins at `sent` ends, or [`NEVER`].
pub(super) fn until(sent: Millis, ttl: Duration) -> Millis {
    if ttl == Duration::MAX { NEVER } else { sent + millis(ttl) }
}
