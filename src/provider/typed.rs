//! Values of one type in a provider of bytes.

use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;

use super::{
    AtomicProvider, CacheProvider, CounterProvider, DynCacheProvider, Keys, KeysProvider, MaybeSend, TouchProvider,
    WithTtl,
};
use crate::error::{CacheError, Result};
use crate::load::{Flights, Leases};
use crate::serializer::{JsonSerializer, Serializer};
use crate::stats::CacheStats;

/// A provider of `T` over a provider of bytes, through a [`Serializer`].
///
/// Views of different types over the same bytes are the same cache: a key that holds a value of another type is a
/// [`CacheError::Deserialize`].
///
/// ```
/// use isocache::{CacheProvider, DynCacheProvider, MemoryCacheProvider, Typed};
///
/// # pollster::block_on(async {
/// let bytes = DynCacheProvider::new(MemoryCacheProvider::default());
/// let users: Typed<String> = Typed::new(bytes.clone());
/// users.set("user:1", "Ada".to_string(), None).await?;
/// assert_eq!(bytes.get("user:1").await?.unwrap(), "\"Ada\"");
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Typed<T, S = JsonSerializer, P = DynCacheProvider<Bytes>> {
    bytes: P,
    serializer: S,
    // The view holds no `T`, so it is `Send` and `Sync` whatever `T` is.
    values: PhantomData<fn() -> T>,
}

impl<T, S: Clone, P: Clone> Clone for Typed<T, S, P> {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes.clone(), serializer: self.serializer.clone(), values: PhantomData }
    }
}

impl<T, P> Typed<T, JsonSerializer, P> {
    /// Values as JSON in `bytes`.
    pub fn new(bytes: P) -> Self {
        Self::with_serializer(bytes, JsonSerializer)
    }
}

impl<T, S, P> Typed<T, S, P> {
    /// Values as `serializer` writes them, in `bytes`.
    pub fn with_serializer(bytes: P, serializer: S) -> Self {
        Self { bytes, serializer, values: PhantomData }
    }
}

impl<T: MaybeSend, S: Serializer<T>, P: CacheProvider<Bytes>> Typed<T, S, P> {
    fn serialize(&self, key: &str, value: &T) -> Result<Bytes> {
        let bytes = self.serializer.serialize(value);
        bytes.map(Bytes::from).map_err(|reason| CacheError::Serialize { key: key.to_owned(), reason })
    }

    fn deserialize(&self, key: &str, bytes: &[u8]) -> Result<T> {
        let value = self.serializer.deserialize(bytes);
        value.map_err(|reason| CacheError::Deserialize { key: key.to_owned(), reason })
    }
}

impl<T: MaybeSend, S: Serializer<T>, P: CacheProvider<Bytes>> CacheProvider<T> for Typed<T, S, P> {
    async fn get(&self, key: &str) -> Result<Option<T>> {
        let bytes = self.bytes.get(key).await?;
        bytes.map(|bytes| self.deserialize(key, &bytes)).transpose()
    }

    // Written out, so that the future holds the bytes and not the value, which need not be `Sync`.
    fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> impl Future<Output = Result<()>> + MaybeSend {
        let bytes = self.serialize(key, &value);
        async move { self.bytes.set(key, bytes?, ttl).await }
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        self.bytes.delete(key).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.bytes.exists(key).await
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        self.bytes.clear_pattern(pattern).await
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        self.bytes.get_stats().await
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        let Some((bytes, left)) = self.bytes.get_with_ttl(key).await? else { return Ok(None) };
        Ok(Some((self.deserialize(key, &bytes)?, left)))
    }

    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
        let values = self.bytes.get_many(keys).await?;
        let decode =
            |(key, bytes): (&&str, Option<Bytes>)| bytes.map(|bytes| self.deserialize(key, &bytes)).transpose();
        keys.iter().zip(values).map(decode).collect()
    }

    // As for `set`.
    fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> impl Future<Output = Result<()>> + MaybeSend {
        let encode = |(key, value, ttl)| Ok((key, self.serialize(key, &value)?, ttl));
        let entries: Result<Vec<_>> = entries.into_iter().map(encode).collect();
        async move { self.bytes.set_many(entries?).await }
    }

    async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        self.bytes.delete_many(keys).await
    }

    fn get_now(&self, key: &str) -> Option<Result<Option<T>>> {
        let known = self.bytes.get_now(key)?;
        Some(known.and_then(|bytes| bytes.map(|bytes| self.deserialize(key, &bytes)).transpose()))
    }

    fn peek_now(&self, key: &str) -> Option<Result<Option<WithTtl<T>>>> {
        let known = self.bytes.peek_now(key)?;
        let typed = |(bytes, left): WithTtl<Bytes>| self.deserialize(key, &bytes).map(|value| (value, left));
        Some(known.and_then(|found| found.map(typed).transpose()))
    }

    fn flights(&self) -> Option<&Flights> {
        self.bytes.flights()
    }

    fn leases(&self) -> Option<&dyn Leases> {
        self.bytes.leases()
    }
}

impl<T, S, P> TouchProvider<T> for Typed<T, S, P>
where
    T: MaybeSend,
    S: Serializer<T>,
    P: CacheProvider<Bytes> + TouchProvider<Bytes>,
{
    async fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        self.bytes.ttl(key).await
    }

    async fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        self.bytes.touch(key, ttl).await
    }

    async fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Option<T>> {
        let bytes = self.bytes.get_and_touch(key, ttl).await?;
        bytes.map(|bytes| self.deserialize(key, &bytes)).transpose()
    }
}

impl<T, S, P> AtomicProvider<T> for Typed<T, S, P>
where
    T: MaybeSend,
    S: Serializer<T>,
    P: CacheProvider<Bytes> + AtomicProvider<Bytes>,
{
    // As for `set`.
    fn set_if_absent(
        &self,
        key: &str,
        value: T,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool>> + MaybeSend {
        let bytes = self.serialize(key, &value);
        async move { self.bytes.set_if_absent(key, bytes?, ttl).await }
    }

    async fn get_and_delete(&self, key: &str) -> Result<Option<T>> {
        let bytes = self.bytes.get_and_delete(key).await?;
        bytes.map(|bytes| self.deserialize(key, &bytes)).transpose()
    }

    fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> impl Future<Output = Result<bool>> + MaybeSend {
        let bytes = self.serialize(key, &value);
        async move { self.bytes.replace(key, bytes?, ttl).await }
    }
}

impl<T, S: Send + Sync, P: KeysProvider> KeysProvider for Typed<T, S, P> {
    fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>> {
        self.bytes.keys(pattern)
    }

    async fn exists_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.bytes.exists_many(keys).await
    }

    async fn delete_many_each(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.bytes.delete_many_each(keys).await
    }
}

/// Counters are digits in the bytes, which JSON reads as numbers, whatever the serializer.
impl<T, S: Send + Sync, P: CounterProvider> CounterProvider for Typed<T, S, P> {
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        self.bytes.increment(key, by, ttl).await
    }
}
