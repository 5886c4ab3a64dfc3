//! Values of one type over a store of bytes.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::keys::{Cleared, Namespace};
use super::store::RemoteStore;
use crate::error::{CacheError, Result};
use crate::key;
use crate::load::{Flights, Leases};
use crate::provider::{MaybeSend, WithTtl};
use crate::serializer::Serializer;
use crate::stats::CacheStats;
use crate::ttl::{TtlMs, ttl_ms};

/// How a remote provider treats its entries.
#[derive(Clone, Debug)]
pub(crate) struct RemoteOptions {
    pub(crate) namespace: Namespace,
    pub(crate) default_ttl: TtlMs,
    /// The largest value, in bytes as the serializer writes it.
    pub(crate) max_value_bytes: usize,
    /// Whether a value that does not decode counts as absent.
    pub(crate) undecodable_is_miss: bool,
}

/// The provider: everything but the trait. Its clones share the store and the counts.
pub(crate) struct Remote<T, S, B> {
    pub(super) shared: Arc<Shared<S, B>>,
    // It holds no `T`, so it is `Send` and `Sync` whatever `T` is.
    values: PhantomData<fn() -> T>,
}

pub(super) struct Shared<S, B> {
    pub(super) store: B,
    serializer: S,
    pub(super) options: RemoteOptions,
    pub(super) counters: Counters,
    pub(super) flights: Flights,
}

impl<T, S, B> Clone for Remote<T, S, B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), values: PhantomData }
    }
}

impl<T, S, B> Remote<T, S, B> {
    pub(crate) fn new(store: B, serializer: S, options: RemoteOptions) -> Self {
        let shared = Shared { store, serializer, options, counters: Counters::default(), flights: Flights::default() };
        Self { shared: Arc::new(shared), values: PhantomData }
    }

    /// The same store, serializer and counts for values of another type.
    pub(crate) fn view<U>(&self) -> Remote<U, S, B> {
        Remote { shared: Arc::clone(&self.shared), values: PhantomData }
    }

    pub(crate) fn flights(&self) -> &Flights {
        &self.shared.flights
    }

    pub(crate) fn store(&self) -> &B {
        &self.shared.store
    }
}

impl<T, S: Send + Sync, B: RemoteStore> Remote<T, S, B> {
    pub(crate) fn leases(&self) -> &dyn Leases {
        &*self.shared
    }
}

impl<S, B> Shared<S, B> {
    pub(super) fn ttl(&self, ttl: Option<Duration>) -> Result<TtlMs> {
        if ttl.is_some() { ttl_ms(ttl) } else { Ok(self.options.default_ttl) }
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

    /// The value, or `None` where it does not decode and that counts as absent.
    fn decode<T>(&self, key: &str, bytes: &[u8]) -> Result<Option<T>>
    where
        S: Serializer<T>,
    {
        match self.serializer.deserialize(bytes) {
            Ok(value) => Ok(Some(value)),
            Err(_) if self.options.undecodable_is_miss => Ok(None),
            Err(reason) => Err(CacheError::Deserialize { key: key.to_owned(), reason }),
        }
    }

    /// What a lookup found, as its caller sees it: under the caller's key, not the store's.
    fn found<R>(&self, key: &str, found: Result<Option<R>>) -> Result<Option<R>> {
        match found {
            Err(CacheError::Deserialize { .. }) if self.options.undecodable_is_miss => Ok(None),
            Err(error) => Err(under(key, error)),
            found => found,
        }
    }
}

/// An error of the store, with the key as the caller knows it.
fn under(key: &str, error: CacheError) -> CacheError {
    match error {
        CacheError::Deserialize { reason, .. } => CacheError::Deserialize { key: key.to_owned(), reason },
        CacheError::InvalidArgument { argument: "by", reason } => {
            CacheError::invalid("by", format!("takes the counter of key {} beyond 64 bits: {reason}", key::quote(key)))
        }
        other => other,
    }
}

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
            let value = shared.decode(key, bytes.as_ref())?;
            Ok(value.map(|value| (value, left)))
        }))
    }

    pub(crate) async fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Option<T>> {
        let shared = &*self.shared;
        let whole = shared.options.namespace.key(key)?;
        let found = shared.store.get_and_touch(&whole, shared.ttl(ttl)?).await;
        self.counted(shared.found(key, found)?.map(|bytes| shared.decode(key, bytes.as_ref())))
    }

    pub(crate) async fn get_and_delete(&self, key: &str) -> Result<Option<T>> {
        let shared = &*self.shared;
        let whole = shared.options.namespace.key(key)?;
        let _write = shared.flights.write(key).await;
        let found = shared.found(key, shared.store.get_and_delete(&whole).await)?;
        shared.counters.deletes(u64::from(found.is_some()));
        self.counted(found.map(|bytes| shared.decode(key, bytes.as_ref())))
    }

    /// Counts a lookup. A value that does not decode was found, and counts as a hit unless it counts as absent.
    fn counted<R>(&self, found: Option<Result<Option<R>>>) -> Result<Option<R>> {
        let hit = match &found {
            None | Some(Ok(None)) => false,
            Some(Ok(Some(_)) | Err(_)) => true,
        };
        self.shared.counters.lookup(hit);
        found.unwrap_or(Ok(None))
    }

    pub(crate) async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
        let shared = &*self.shared;
        let found = shared.store.get_many(&shared.options.namespace.keys(keys)?).await?;
        let decode = |(key, bytes): (&&str, Option<B::Bytes>)| match bytes {
            Some(bytes) => shared.decode(key, bytes.as_ref()),
            None => Ok(None),
        };
        let values: Vec<Result<Option<T>>> = keys.iter().zip(found).map(decode).collect();
        let misses = values.iter().filter(|value| matches!(value, Ok(None))).count() as u64;
        shared.counters.lookups(values.len() as u64 - misses, misses);
        values.into_iter().collect()
    }

    // This one, `set_if_absent`, `replace` and `set_many` are written out, so that the future holds the bytes and not the value, which need not be
    // `Sync`.
    pub(crate) fn set<'a, 'k>(
        &'a self,
        key: &'k str,
        value: &T,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<()>> + MaybeSend + use<'a, 'k, T, S, B> {
        let entry = self.entry(key, value, ttl);
        async move {
            let (whole, bytes, ttl) = entry?;
            let _write = self.shared.flights.write(key).await;
            self.shared.store.set(&whole, bytes, ttl).await?;
            self.shared.counters.sets(1);
            Ok(())
        }
    }

    pub(crate) fn set_if_absent<'a, 'k>(
        &'a self,
        key: &'k str,
        value: &T,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool>> + MaybeSend + use<'a, 'k, T, S, B> {
        let entry = self.entry(key, value, ttl);
        async move {
            let (whole, bytes, ttl) = entry?;
            let _write = self.shared.flights.write(key).await;
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
        let entry = self.entry(key, value, ttl);
        async move {
            let (whole, bytes, ttl) = entry?;
            let _write = self.shared.flights.write(key).await;
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
        let entries = entries.into_iter().map(|(key, value, ttl)| self.entry(key, &value, ttl));
        let entries: Result<Vec<_>> = entries.collect();
        async move {
            let entries = entries?;
            let _write = self.shared.flights.write_many(keys).await;
            let sets = entries.len() as u64;
            self.shared.store.set_many(entries).await?;
            self.shared.counters.sets(sets);
            Ok(())
        }
    }

    /// An entry as the store takes it, checked.
    fn entry(&self, key: &str, value: &T, ttl: Option<Duration>) -> Result<(String, Vec<u8>, TtlMs)> {
        let whole = self.shared.options.namespace.key(key)?.into_owned();
        let ttl = self.shared.ttl(ttl)?;
        Ok((whole, self.shared.encode(key, value)?, ttl))
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<bool> {
        Ok(self.delete_many(&[key]).await? > 0)
    }

    pub(crate) async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        let whole = self.shared.options.namespace.keys(keys)?;
        let _write = self.shared.flights.write_many(keys.to_vec()).await;
        let deleted = self.shared.store.delete(&whole).await?;
        self.shared.counters.deletes(deleted);
        Ok(deleted)
    }

    pub(crate) async fn exists(&self, key: &str) -> Result<bool> {
        self.shared.store.exists(&self.shared.options.namespace.key(key)?).await
    }

    pub(crate) async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        let what = self.shared.options.namespace.pattern(pattern)?;
        let _write = self.shared.flights.write_pattern(pattern).await;
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
        let _write = shared.flights.write(key).await;
        let sum = shared.store.increment(&whole, by, shared.ttl(ttl)?).await.map_err(|error| under(key, error))?;
        shared.counters.sets(1);
        Ok(sum)
    }
}
