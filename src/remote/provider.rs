//! Typed values in a remote store of bytes.

use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use std::sync::atomic::{AtomicBool, Ordering};

use super::counters::Counters;
use super::keys::{Cleared, Namespace};
use super::store::RemoteStore;
use crate::clock::WallClock;
use crate::engine::{Millis, NEVER};
use crate::envelope::Envelope;
use crate::error::{CacheError, Result};
use crate::key;
use crate::load::{Kept, SingleFlight};
use crate::provider::{BoundedIncrement, MaybeSend, WithTtl, checked_bounds};
use crate::serializer::Serializer;
use crate::stats::CacheStats;
use crate::ttl::{MAX_TTL_MS, TtlMs, ttl_ms, whole_ms};

/// The options of a remote provider.
#[derive(Clone, Debug)]
pub(crate) struct RemoteOptions {
    pub(crate) namespace: Namespace,
    pub(crate) default_ttl: TtlMs,
    /// The largest serialized value, in bytes.
    pub(crate) max_value_bytes: usize,
    /// Whether a value that cannot be decoded counts as absent.
    pub(crate) undecodable_is_miss: bool,
    /// The clock for the freshness of entries.
    pub(crate) clock: WallClock,
}

/// The provider without its trait implementations. Its clones share the store and the statistics.
pub(crate) struct Remote<T, S, B> {
    pub(super) shared: Arc<Shared<S, B>>,
    // It contains no `T`, so it is `Send` and `Sync` whatever `T` is.
    values: PhantomData<fn() -> T>,
}

pub(super) struct Shared<S, B> {
    pub(super) store: B,
    serializer: S,
    pub(super) options: RemoteOptions,
    pub(super) counters: Counters,
    pub(super) single_flight: SingleFlight,
    /// Whether an entry with a window has been written or read. Only then do removals check whether an entry is fresh.
    keeps_stale: AtomicBool,
}

/// An entry in stored form: its full key, its bytes and its ttl.
pub(super) type Encoded = (String, Vec<u8>, TtlMs);

impl<T, S, B> Clone for Remote<T, S, B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), values: PhantomData }
    }
}

impl<T, S, B> Remote<T, S, B> {
    pub(crate) fn new(store: B, serializer: S, options: RemoteOptions) -> Self {
        let shared = Shared {
            store,
            serializer,
            options,
            counters: Counters::default(),
            single_flight: SingleFlight::default(),
            keeps_stale: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared), values: PhantomData }
    }

    /// The same store, serializer and statistics for values of another type.
    pub(crate) fn view<U>(&self) -> Remote<U, S, B> {
        Remote { shared: Arc::clone(&self.shared), values: PhantomData }
    }

    pub(crate) fn store(&self) -> &B {
        &self.shared.store
    }
}

impl<S, B> Shared<S, B> {
    pub(super) fn ttl(&self, ttl: Option<Duration>) -> Result<TtlMs> {
        if ttl.is_some() { ttl_ms(ttl) } else { Ok(self.options.default_ttl) }
    }

    /// How values of this type are wrapped, if they can be.
    pub(super) fn envelope<T>(&self) -> Option<Envelope>
    where
        S: Serializer<T>,
    {
        self.serializer.envelope()
    }

    fn encode<T>(&self, key: &str, value: &T) -> Result<Vec<u8>>
    where
        S: Serializer<T>,
    {
        let serialized = self.serializer.serialize(value);
        let bytes = serialized.map_err(|reason| CacheError::Serialize { key: key.to_owned(), reason })?;
        let limit = self.options.max_value_bytes;
        if bytes.len() > limit {
            let (key, length) = (key::quote(key), bytes.len());
            let reason = format!("of key {key} has {length} bytes, more than max_value_bytes, {limit}");
            return Err(CacheError::invalid("value", reason));
        }
        Ok(bytes)
    }

    /// The fresh value, or `None` if it cannot be decoded and that counts as absent.
    fn decode<T>(&self, key: &str, bytes: &[u8]) -> Result<Option<T>>
    where
        S: Serializer<T>,
    {
        self.decode_kept(key, bytes).map(|kept| kept.filter(|kept| kept.fresh_for > 0.0).map(|kept| kept.value))
    }

    /// The value, fresh or stale, and its freshness. [`NEVER`] means that it is fresh until it expires.
    fn decode_kept<T>(&self, key: &str, bytes: &[u8]) -> Result<Option<Kept<T>>>
    where
        S: Serializer<T>,
    {
        let (mut bytes, mut fresh_for) = (bytes, NEVER);
        if let Some(envelope) = self.envelope::<T>() {
            let unwrapped = envelope.unwrap(bytes);
            bytes = unwrapped.value;
            if let Some(fresh_until) = unwrapped.fresh_until {
                fresh_for = self.fresh_for(fresh_until);
            }
        }
        match self.serializer.deserialize(bytes) {
            Ok(value) => Ok(Some(Kept { value, fresh_for })),
            Err(_) if self.options.undecodable_is_miss => Ok(None),
            Err(reason) => Err(CacheError::Deserialize { key: key.to_owned(), reason }),
        }
    }

    /// How long an entry remains fresh.
    fn fresh_for(&self, fresh_until: u64) -> Millis {
        self.keeps_stale.store(true, Ordering::Relaxed);
        // Both are below 2^53.
        #[allow(clippy::cast_precision_loss)]
        {
            fresh_until as Millis - self.options.clock.now_ms() as Millis
        }
    }

    /// Whether there may be stale entries, so that values have to be read to tell which entries are fresh.
    pub(super) fn may_keep_stale<T>(&self) -> bool
    where
        S: Serializer<T>,
    {
        self.keeps_stale.load(Ordering::Relaxed) && self.envelope::<T>().is_some()
    }

    /// How long an entry remains fresh, given the ttl that it has left; `None` if it is stale.
    pub(super) fn fresh_ttl<T>(&self, bytes: &[u8], ttl: Duration) -> Option<Duration>
    where
        S: Serializer<T>,
    {
        let fresh_until = self.envelope::<T>().and_then(|envelope| envelope.unwrap(bytes).fresh_until);
        let Some(fresh_until) = fresh_until else { return Some(ttl) };
        let left = self.fresh_for(fresh_until);
        // A whole number of milliseconds.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        (left > 0.0).then(|| Duration::from_millis(left as u64).min(ttl))
    }

    /// Whether stored bytes are a fresh entry.
    pub(super) fn is_fresh<T>(&self, bytes: &[u8]) -> bool
    where
        S: Serializer<T>,
    {
        let fresh_until = self.envelope::<T>().and_then(|envelope| envelope.unwrap(bytes).fresh_until);
        fresh_until.is_none_or(|fresh_until| self.fresh_for(fresh_until) > 0.0)
    }

    /// Adapts a lookup's result for the caller: errors name the caller's key, not the full one.
    pub(super) fn found<R>(&self, key: &str, found: Result<Option<R>>) -> Result<Option<R>> {
        match found {
            Err(CacheError::Deserialize { .. }) if self.options.undecodable_is_miss => Ok(None),
            Err(error) => Err(under(key, error)),
            found => found,
        }
    }
}

/// Replaces the full key in an error by the caller's key.
fn under(key: &str, error: CacheError) -> CacheError {
    match error {
        CacheError::Deserialize { reason, .. } => CacheError::Deserialize { key: key.to_owned(), reason },
        CacheError::InvalidArgument { argument: "by", reason } => {
            CacheError::invalid("by", format!("takes the counter of key {} beyond 64 bits: {reason}", key::quote(key)))
        }
        other => other,
    }
}

/// The remaining ttl, or the remaining freshness if that is shorter.
fn shorter(left: Option<Duration>, fresh_for: Millis) -> Option<Duration> {
    if fresh_for == NEVER {
        return left;
    }
    let fresh = Duration::try_from_secs_f64(fresh_for / 1000.0).unwrap_or_default();
    Some(left.map_or(fresh, |left| left.min(fresh)))
}

/// What a store has under a key, and whether it can be decoded.
type Found<T> = Option<Result<Option<T>>>;

impl<T: MaybeSend, S: Serializer<T>, B: RemoteStore> Remote<T, S, B> {
    pub(crate) async fn get(&self, key: &str) -> Result<Option<T>> {
        let shared = &*self.shared;
        let found = shared.store.get(&shared.options.namespace.key(key)?).await;
        self.counted(shared.found(key, found)?.map(|bytes| shared.decode(key, bytes.as_ref())))
    }

    pub(crate) async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        let shared = &*self.shared;
        let found = shared.store.get_with_ttl(&shared.options.namespace.key(key)?).await;
        self.counted(shared.found(key, found)?.map(|(bytes, left)| {
            let kept = shared.decode_kept(key, bytes.as_ref())?.filter(|kept| kept.fresh_for > 0.0);
            Ok(kept.map(|kept| (kept.value, shorter(left, kept.fresh_for))))
        }))
    }

    /// Reads the entry, fresh or stale.
    pub(super) async fn get_kept(&self, key: &str) -> Result<Option<Kept<T>>> {
        let shared = &*self.shared;
        let found = shared.store.get_with_ttl(&shared.options.namespace.key(key)?).await;
        self.counted(shared.found(key, found)?.map(|(bytes, left)| {
            let kept = shared.decode_kept(key, bytes.as_ref())?;
            Ok(kept.map(|Kept { value, fresh_for }| {
                let left = left.map_or(NEVER, crate::load::millis);
                Kept { value, fresh_for: fresh_for.min(left) }
            }))
        }))
    }

    pub(crate) async fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Option<T>> {
        self.counted(self.find_and_touch(key, ttl).await?)
    }

    /// As `get_and_touch`, without counting a lookup.
    pub(super) async fn find_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Found<T>> {
        let shared = &*self.shared;
        let whole = shared.options.namespace.key(key)?;
        let found = shared.store.get_and_touch(&whole, shared.ttl(ttl)?).await;
        Ok(shared.found(key, found)?.map(|bytes| shared.decode(key, bytes.as_ref())))
    }

    pub(crate) async fn get_and_delete(&self, key: &str) -> Result<Option<T>> {
        self.counted(self.find_and_delete(key).await?)
    }

    /// As `get_and_delete`, without counting a lookup.
    pub(super) async fn find_and_delete(&self, key: &str) -> Result<Found<T>> {
        let shared = &*self.shared;
        let whole = shared.options.namespace.key(key)?;
        let _write = shared.single_flight.write(key).await;
        let found = shared.found(key, shared.store.get_and_delete(&whole).await)?;
        let was_fresh = found.as_ref().is_some_and(|bytes| shared.is_fresh::<T>(bytes.as_ref()));
        shared.counters.deletes(u64::from(was_fresh));
        Ok(found.map(|bytes| shared.decode(key, bytes.as_ref())))
    }

    /// Counts a lookup. A value that cannot be decoded counts as a hit, unless it counts as absent.
    fn counted<R>(&self, found: Found<R>) -> Result<Option<R>> {
        let hit = match &found {
            None | Some(Ok(None)) => false,
            Some(Ok(Some(_)) | Err(_)) => true,
        };
        self.shared.counters.lookup(hit);
        found.unwrap_or(Ok(None))
    }

    pub(crate) async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
        let values = self.find_many(keys).await?;
        let misses = values.iter().filter(|value| matches!(value, Ok(None))).count() as u64;
        self.shared.counters.lookups(values.len() as u64 - misses, misses);
        values.into_iter().collect()
    }

    /// As `get_many`, without counting lookups.
    pub(super) async fn find_many(&self, keys: &[&str]) -> Result<Vec<Result<Option<T>>>> {
        let shared = &*self.shared;
        let found = shared.store.get_many(&shared.options.namespace.keys(keys)?).await?;
        let decode = |(key, bytes): (&&str, Option<B::Bytes>)| match bytes {
            Some(bytes) => shared.decode(key, bytes.as_ref()),
            None => Ok(None),
        };
        Ok(keys.iter().zip(found).map(decode).collect())
    }

    // This method, `set_if_absent`, `replace` and `set_many` are not `async fn`, so that the future holds the bytes and not the
    // value, which need not be `Sync`.
    pub(crate) fn set<'a, 'k>(
        &'a self,
        key: &'k str,
        value: &T,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<()>> + MaybeSend + use<'a, 'k, T, S, B> {
        let entry = self.entry(key, value, ttl, Duration::ZERO);
        async move {
            let (whole, bytes, ttl) = match entry {
                Ok(entry) => entry,
                Err(error) => return Err(self.refused(&[key], error).await),
            };
            let _write = self.shared.single_flight.write(key).await;
            self.shared.store.set(&whole, bytes, ttl).await?;
            self.shared.counters.sets(1);
            Ok(())
        }
    }

    /// The error of a refused write. If the value was too large, the older values under the keys are removed first, so
    /// that they are not mistaken for the new ones.
    async fn refused(&self, keys: &[&str], error: CacheError) -> CacheError {
        let CacheError::InvalidArgument { argument: "value", reason } = &error else { return error };
        match self.delete_many(keys).await {
            Ok(_) | Err(CacheError::InvalidArgument { .. }) => error,
            Err(failed) => {
                CacheError::invalid("value", format!("{reason}; the older value could not be removed: {failed}"))
            }
        }
    }

    /// Removes an entry that is stale, and so counts as absent, unless it has changed meanwhile. Returns whether it was
    /// stale.
    async fn remove_stale(&self, whole: &str) -> Result<bool> {
        let Some(bytes) = self.shared.store.get(whole).await? else { return Ok(false) };
        if self.shared.is_fresh::<T>(bytes.as_ref()) {
            return Ok(false);
        }
        if let Ok(text) = std::str::from_utf8(bytes.as_ref()) {
            self.shared.store.release(whole, text).await?;
        }
        Ok(true)
    }

    pub(crate) fn set_if_absent<'a, 'k>(
        &'a self,
        key: &'k str,
        value: &T,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool>> + MaybeSend + use<'a, 'k, T, S, B> {
        let entry = self.entry(key, value, ttl, Duration::ZERO);
        async move {
            let (whole, bytes, ttl) = entry?;
            let _write = self.shared.single_flight.write(key).await;
            if self.shared.may_keep_stale::<T>() {
                self.remove_stale(&whole).await?;
            }
            let stored = self.shared.store.set_if_absent(&whole, bytes, ttl).await?;
            self.shared.counters.sets(u64::from(stored));
            Ok(stored)
        }
    }

    pub(crate) fn replace<'a, 'k>(
        &'a self,
        key: &'k str,
        value: &T,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool>> + MaybeSend + use<'a, 'k, T, S, B> {
        let entry = self.entry(key, value, ttl, Duration::ZERO);
        async move {
            let (whole, bytes, ttl) = match entry {
                Ok(entry) => entry,
                Err(error) => return Err(self.refused(&[key], error).await),
            };
            let _write = self.shared.single_flight.write(key).await;
            if self.shared.may_keep_stale::<T>() && self.remove_stale(&whole).await? {
                return Ok(false);
            }
            let replaced = self.shared.store.replace(&whole, bytes, ttl).await?;
            self.shared.counters.sets(u64::from(replaced));
            Ok(replaced)
        }
    }

    pub(crate) fn set_many(
        &self,
        entries: Vec<(&str, T, Option<Duration>)>,
    ) -> impl Future<Output = Result<()>> + MaybeSend {
        let keys: Vec<&str> = entries.iter().map(|(key, ..)| *key).collect();
        let entries = entries.into_iter().map(|(key, value, ttl)| self.entry(key, &value, ttl, Duration::ZERO));
        let entries: Result<Vec<_>> = entries.collect();
        async move {
            let entries = match entries {
                Ok(entries) => entries,
                Err(error) => return Err(self.refused(&keys, error).await),
            };
            let _write = self.shared.single_flight.write_many(keys).await;
            let sets = entries.len() as u64;
            self.shared.store.set_many(entries).await?;
            self.shared.counters.sets(sets);
            Ok(())
        }
    }

    /// Checks an entry and converts it to stored form: fresh for its ttl, and kept for a window after that.
    pub(super) fn entry(&self, key: &str, value: &T, ttl: Option<Duration>, window: Duration) -> Result<Encoded> {
        let shared = &*self.shared;
        let whole = shared.options.namespace.key(key)?.into_owned();
        let ttl = shared.ttl(ttl)?;
        let mut bytes = shared.encode(key, value)?;
        let (mut kept, mut fresh_until) = (ttl, None);
        if let (Some(ttl), false) = (ttl, window.is_zero()) {
            shared.keeps_stale.store(true, Ordering::Relaxed);
            kept = Some(ttl.saturating_add(whole_ms(window)?).min(MAX_TTL_MS));
            fresh_until = Some(shared.options.clock.now_ms().saturating_add(ttl).min(MAX_TTL_MS));
        }
        match shared.envelope::<T>() {
            Some(envelope) => bytes = envelope.wrap(bytes, fresh_until, None),
            None if fresh_until.is_some() => {
                let reason =
                    "the serializer of this provider cannot carry it: use JsonSerializer or MessagePackSerializer";
                return Err(CacheError::invalid("stale_while_revalidate", reason));
            }
            None => {}
        }
        Ok((whole, bytes, kept))
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<bool> {
        Ok(self.delete_many(&[key]).await? > 0)
    }

    pub(crate) async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        let whole = self.shared.options.namespace.keys(keys)?;
        let _write = self.shared.single_flight.write_many(keys.to_vec()).await;
        // A stale entry is also removed, but it counts as absent.
        let stale = if self.shared.keeps_stale.load(Ordering::Relaxed) {
            let found = self.shared.store.get_many(&whole).await?;
            let is_stale = |bytes: &&B::Bytes| !self.shared.is_fresh::<T>((*bytes).as_ref());
            found.iter().flatten().filter(is_stale).count() as u64
        } else {
            0
        };
        let deleted = self.shared.store.delete(&whole).await?.saturating_sub(stale);
        self.shared.counters.deletes(deleted);
        Ok(deleted)
    }

    pub(crate) async fn exists(&self, key: &str) -> Result<bool> {
        let whole = self.shared.options.namespace.key(key)?;
        if self.shared.envelope::<T>().is_none() {
            return self.shared.store.exists(&whole).await;
        }
        // Only the stored value records its freshness. A key of another type, such as a list in Redis, exists.
        match self.shared.store.get(&whole).await {
            Ok(found) => Ok(found.is_some_and(|bytes| self.shared.is_fresh::<T>(bytes.as_ref()))),
            Err(CacheError::Deserialize { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        let what = self.shared.options.namespace.pattern(pattern)?;
        let _write = self.shared.single_flight.write_pattern(pattern).await;
        let cleared = match what {
            Cleared::Key(key) => self.shared.store.delete(&[key.into()]).await?,
            Cleared::Pattern(pattern) => self.shared.store.clear(&pattern).await?,
        };
        self.shared.counters.deletes(cleared);
        Ok(cleared)
    }

    pub(crate) async fn get_stats(&self) -> Result<CacheStats> {
        let shared = &*self.shared;
        let entries = if shared.options.namespace.is_everything() { shared.store.entries().await? } else { None };
        Ok(shared.counters.stats(entries))
    }

    pub(crate) async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        let shared = &*self.shared;
        let whole = shared.options.namespace.key(key)?;
        let _write = shared.single_flight.write(key).await;
        let sum = shared.store.increment(&whole, by, shared.ttl(ttl)?).await.map_err(|error| under(key, error))?;
        shared.counters.sets(1);
        Ok(sum)
    }

    pub(crate) async fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> Result<BoundedIncrement> {
        let (floor, ceiling) = checked_bounds(by, &bounds)?;
        let shared = &*self.shared;
        let whole = shared.options.namespace.key(key)?;
        let ttl = shared.ttl(ttl)?;
        let _write = shared.single_flight.write(key).await;
        let result = shared.store.increment_within(&whole, by, floor..=ceiling, ttl).await;
        let result = result.map_err(|error| under(key, error))?;
        shared.counters.sets(u64::from(result.stored));
        Ok(result)
    }
}
