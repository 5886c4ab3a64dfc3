//! Typed values in a remote store of bytes.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::namespace::{Cleared, Namespace};
use super::store::RemoteStore;
use crate::clock::WallClock;
use crate::engine::{Millis, NEVER};
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
    /// The maximum size of a serialized value, in bytes.
    pub(crate) max_value_bytes: usize,
    /// Whether a value that cannot be decoded counts as absent.
    pub(crate) undecodable_is_miss: bool,
    /// The clock for the freshness of entries.
    pub(crate) clock: WallClock,
}

/// The provider without its trait implementations. Clones share the store and the statistics.
pub(crate) struct Remote<T, S, B> {
    pub(super) shared: Arc<Shared<S, B>>,
    // It contains no `T`, so it is `Send` and `Sync` whatever `T` is.
    values: PhantomData<fn() -> T>,
}

pub(super) struct Shared<S, B> {
    pub(super) store: B,
    pub(super) serializer: S,
    pub(super) options: RemoteOptions,
    pub(super) counters: Counters,
    pub(super) single_flight: SingleFlight,
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

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.shared.options.namespace
    }

    /// The same options with another store, and separate statistics.
    #[cfg(feature = "http")]
    pub(crate) fn with_store(&self, store: B) -> Self
    where
        S: Clone,
    {
        Self::new(store, self.shared.serializer.clone(), self.shared.options.clone())
    }
}

impl<S, B> Shared<S, B> {
    pub(super) fn ttl(&self, ttl: Option<Duration>) -> Result<TtlMs> {
        if ttl.is_some() { ttl_ms(ttl) } else { Ok(self.options.default_ttl) }
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

/// The value of a key in the store, or the error of decoding it.
pub(super) type Found<T> = Option<Result<Option<T>>>;

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

    /// Counts a lookup. A value that cannot be decoded counts as a hit, unless it counts as absent.
    pub(super) fn counted<R>(&self, found: Found<R>) -> Result<Option<R>> {
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
            let (full_key, bytes, ttl) = match entry {
                Ok(entry) => entry,
                Err(error) => return Err(self.refused(&[key], error).await),
            };
            let _write = self.shared.single_flight.write(key).await;
            self.shared.store.set(&full_key, bytes, ttl).await?;
            self.shared.counters.sets(1);
            Ok(())
        }
    }

    /// The error of a refused write. If the value was too large, the older values under the keys are removed first, so
    /// that they are not mistaken for the new ones.
    pub(super) async fn refused(&self, keys: &[&str], error: CacheError) -> CacheError {
        let CacheError::InvalidArgument { argument: "value", reason } = &error else { return error };
        match self.delete_many(keys).await {
            Ok(_) | Err(CacheError::InvalidArgument { .. }) => error,
            Err(failed) => {
                CacheError::invalid("value", format!("{reason}; the older value could not be removed: {failed}"))
            }
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
        let full_key = shared.options.namespace.key(key)?.into_owned();
        let ttl = shared.ttl(ttl)?;
        let mut bytes = shared.encode(key, value)?;
        let (mut kept, mut fresh_until) = (ttl, None);
        if let (Some(ttl), false) = (ttl, window.is_zero()) {
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
        Ok((full_key, bytes, kept))
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<bool> {
        Ok(self.delete_many(&[key]).await? > 0)
    }

    pub(crate) async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        let full_keys = self.shared.options.namespace.keys(keys)?;
        let _write = self.shared.single_flight.write_many(keys.to_vec()).await;
        let deleted = self.delete_fresh(&full_keys).await?;
        self.shared.counters.deletes(deleted);
        Ok(deleted)
    }

    /// Removes keys, fresh and stale, and returns how many were fresh.
    async fn delete_fresh(&self, full_keys: &[Cow<'_, str>]) -> Result<u64> {
        let store = &self.shared.store;
        let Some(check) = self.shared.stale_check::<T>() else { return store.delete(full_keys).await };
        let (removed, values) = store.delete_reading(full_keys).await?;
        let stale = values.into_iter().flatten().filter(|value| check.is_stale(value.as_ref())).count() as u64;
        Ok(removed.saturating_sub(stale))
    }

    pub(crate) async fn exists(&self, key: &str) -> Result<bool> {
        let full_key = self.shared.options.namespace.key(key)?;
        if self.shared.envelope::<T>().is_none() {
            return self.shared.store.exists(&full_key).await;
        }
        // Only the stored value records its freshness. A key of another type, such as a list in Redis, exists.
        match self.shared.store.get(&full_key).await {
            Ok(found) => Ok(found.is_some_and(|bytes| self.shared.is_fresh::<T>(bytes.as_ref()))),
            Err(CacheError::Deserialize { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        let what = self.shared.options.namespace.pattern(pattern)?;
        let _write = self.shared.single_flight.write_pattern(pattern).await;
        let cleared = match what {
            Cleared::Key(key) => self.delete_fresh(&[key.into()]).await?,
            Cleared::Pattern(pattern) => self.shared.store.clear(&pattern, self.shared.stale_check::<T>()).await?,
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
        let full_key = shared.options.namespace.key(key)?;
        let _write = shared.single_flight.write(key).await;
        let sum = shared.store.increment(&full_key, by, shared.ttl(ttl)?).await.map_err(|error| under(key, error))?;
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
        let full_key = shared.options.namespace.key(key)?;
        let ttl = shared.ttl(ttl)?;
        let _write = shared.single_flight.write(key).await;
        let result = shared.store.increment_within(&full_key, by, floor..=ceiling, ttl).await;
        let result = result.map_err(|error| under(key, error))?;
        shared.counters.sets(u64::from(result.stored));
        Ok(result)
    }
}
