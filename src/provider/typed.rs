//! Typed values in a provider of bytes.

use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;

use super::{
    AtomicProvider, BoundedIncrement, BoxFuture, CacheProvider, CounterProvider, DynCacheProvider, Keys, KeysProvider,
    MaybeSend, TouchProvider, WithTtl,
};
use crate::clock::WallClock;
use crate::engine::{Millis, NEVER};
use crate::envelope::owner_of;
use crate::error::{CacheError, Result};
use crate::load::{Kept, LeaseProvider, Loading, Lookup, NewEntry, SingleFlight, Storing};
use crate::serializer::{JsonSerializer, Serializer};
use crate::stats::CacheStats;
use crate::ttl::{MAX_TTL_MS, whole_ms};

/// A provider of `T` on top of a provider of bytes, through a [`Serializer`].
///
/// Views of different types over the same bytes share one cache: a key that holds a value of another type fails with
/// [`CacheError::Deserialize`]. A view with an [`owner`](Self::owner) treats such a key, and keys of other owners, as
/// absent.
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
    owner: Option<i64>,
    clock: WallClock,
    // The view contains no `T`, so it is `Send` and `Sync` whatever `T` is.
    values: PhantomData<fn() -> T>,
}

impl<T, S: Clone, P: Clone> Clone for Typed<T, S, P> {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            serializer: self.serializer.clone(),
            owner: self.owner,
            clock: self.clock.clone(),
            values: PhantomData,
        }
    }
}

impl<T, P> Typed<T, JsonSerializer, P> {
    /// Stores values as JSON in `bytes`.
    pub fn new(bytes: P) -> Self {
        Self::with_serializer(bytes, JsonSerializer)
    }
}

impl<T, S, P> Typed<T, S, P> {
    /// Stores values in `bytes` through `serializer`.
    pub fn with_serializer(bytes: P, serializer: S) -> Self {
        Self { bytes, serializer, owner: None, clock: WallClock::default(), values: PhantomData }
    }

    /// Marks the values that this view writes with the name of an owner, in their [`Envelope`](crate::Envelope), and
    /// treats values of other owners, or without an owner, as absent. `#[cached]` uses the name of the function as the
    /// owner on the default cache, so that two functions never read each other's values, even if their keys are equal.
    ///
    /// ```
    /// use isocache::{CacheProvider, DynCacheProvider, MemoryCacheProvider, Typed};
    ///
    /// # pollster::block_on(async {
    /// let bytes = DynCacheProvider::new(MemoryCacheProvider::default());
    /// let users: Typed<u64> = Typed::new(bytes.clone()).owner("users");
    /// let cards: Typed<u64> = Typed::new(bytes).owner("cards");
    /// users.set("7", 1, None).await?;
    /// assert_eq!((users.get("7").await?, cards.get("7").await?), (Some(1), None));
    /// # Ok::<(), isocache::CacheError>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn owner(mut self, name: &str) -> Self {
        self.owner = Some(owner_of(name));
        self
    }
}

impl<T: MaybeSend, S: Serializer<T>, P: CacheProvider<Bytes>> Typed<T, S, P> {
    fn serialize(&self, key: &str, value: &T, fresh_until: Option<u64>) -> Result<Bytes> {
        let bytes = self.serializer.serialize(value);
        let bytes = bytes.map_err(|reason| CacheError::Serialize { key: key.to_owned(), reason })?;
        Ok(Bytes::from(match self.serializer.envelope() {
            Some(envelope) => envelope.wrap(bytes, fresh_until, self.owner),
            None => bytes,
        }))
    }

    /// The value, fresh or stale; `None` if it belongs to another owner.
    fn deserialize(&self, key: &str, Kept { value: bytes, fresh_for }: Kept<Bytes>) -> Result<Option<Kept<T>>> {
        let mut kept = Kept { value: &*bytes, fresh_for };
        if let Some(envelope) = self.serializer.envelope() {
            let unwrapped = envelope.unwrap(&bytes);
            if self.owner.is_some() && unwrapped.owner != self.owner && !envelope.holds_entry() {
                return Ok(None);
            }
            kept.value = unwrapped.value;
            if let Some(fresh_until) = unwrapped.fresh_until {
                // Both are below 2^53.
                #[allow(clippy::cast_precision_loss)]
                let fresh_for = fresh_until as Millis - self.clock.now_ms() as Millis;
                kept.fresh_for = kept.fresh_for.min(fresh_for);
            }
        }
        match self.serializer.deserialize(kept.value) {
            Ok(value) => Ok(Some(Kept { value, fresh_for: kept.fresh_for })),
            Err(reason) => Err(CacheError::Deserialize { key: key.to_owned(), reason }),
        }
    }

    /// Decodes bytes that the provider returned as fresh.
    fn fresh(&self, key: &str, bytes: Option<Bytes>) -> Result<Option<T>> {
        let Some(value) = bytes else { return Ok(None) };
        let kept = self.deserialize(key, Kept { value, fresh_for: NEVER })?;
        Ok(kept.filter(|kept| kept.fresh_for > 0.0).map(|kept| kept.value))
    }

    fn bytes_keep_stale(&self) -> bool {
        self.bytes.loading().is_some_and(Loading::keeps_stale)
    }
}

impl<T: MaybeSend, S: Serializer<T>, P: CacheProvider<Bytes>> CacheProvider<T> for Typed<T, S, P> {
    async fn get(&self, key: &str) -> Result<Option<T>> {
        let bytes = self.bytes.get(key).await?;
        self.fresh(key, bytes)
    }

    // Not an `async fn`, so that the future holds the bytes and not the value, which need not be `Sync`.
    fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> impl Future<Output = Result<()>> + MaybeSend {
        let bytes = self.serialize(key, &value, None);
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
        let Some((value, left)) = self.bytes.get_with_ttl(key).await? else { return Ok(None) };
        let kept = self.deserialize(key, Kept::fresh(value, left))?.filter(|kept| kept.fresh_for > 0.0);
        Ok(kept.map(|Kept { value, fresh_for }| (value, Duration::try_from_secs_f64(fresh_for / 1000.0).ok())))
    }

    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
        let values = self.bytes.get_many(keys).await?;
        keys.iter().zip(values).map(|(key, bytes)| self.fresh(key, bytes)).collect()
    }

    // As for `set`.
    fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> impl Future<Output = Result<()>> + MaybeSend {
        let encode = |(key, value, ttl)| Ok((key, self.serialize(key, &value, None)?, ttl));
        let entries: Result<Vec<_>> = entries.into_iter().map(encode).collect();
        async move { self.bytes.set_many(entries?).await }
    }

    async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        self.bytes.delete_many(keys).await
    }

    fn loading(&self) -> Option<&dyn Loading<T>> {
        self.bytes.loading().map(|_| self as &dyn Loading<T>)
    }
}

/// Available only if the provider of bytes supports it.
impl<T: MaybeSend, S: Serializer<T>, P: CacheProvider<Bytes>> Loading<T> for Typed<T, S, P> {
    fn single_flight(&self) -> &SingleFlight {
        match self.bytes.loading() {
            Some(loading) => loading.single_flight(),
            None => unreachable!("`loading` gives this out only with that of the bytes"),
        }
    }

    fn lease_provider(&self) -> Option<&dyn LeaseProvider> {
        self.bytes.loading()?.lease_provider()
    }

    fn default_ttl(&self) -> Option<Duration> {
        self.bytes.loading()?.default_ttl()
    }

    fn read_many<'a>(&'a self, keys: &'a [&'a str]) -> Option<BoxFuture<'a, Result<Vec<Option<T>>>>> {
        let reading = self.bytes.loading()?.read_many(keys)?;
        Some(Box::pin(async move {
            let values = reading.await?;
            keys.iter().zip(values).map(|(key, bytes)| self.fresh(key, bytes)).collect()
        }))
    }

    fn read_and_touch<'a>(&'a self, key: &'a str, ttl: Duration) -> Option<BoxFuture<'a, Result<Option<T>>>> {
        let reading = self.bytes.loading()?.read_and_touch(key, ttl)?;
        Some(Box::pin(async move { self.fresh(key, reading.await?) }))
    }

    fn read_and_delete<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<T>>>> {
        let reading = self.bytes.loading()?.read_and_delete(key)?;
        Some(Box::pin(async move { self.fresh(key, reading.await?) }))
    }

    fn keeps_stale(&self) -> bool {
        self.bytes_keep_stale() || self.serializer.envelope().is_some()
    }

    fn look_now(&self, key: &str, lookup: Lookup) -> Option<Result<Option<Kept<T>>>> {
        let known = self.bytes.loading()?.look_now(key, lookup)?;
        let kept = known.and_then(|found| found.map_or(Ok(None), |found| self.deserialize(key, found)));
        Some(kept.map(|kept| kept.filter(|kept| lookup != Lookup::Fresh || kept.fresh_for > 0.0)))
    }

    fn look<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<Kept<T>>>>> {
        let loading = self.bytes.loading()?;
        let looking = loading.look(key);
        Some(Box::pin(async move {
            let found = match looking {
                Some(looking) => looking.await?,
                None => self.bytes.get_with_ttl(key).await?.map(|(bytes, left)| Kept::fresh(bytes, left)),
            };
            found.map_or(Ok(None), |found| self.deserialize(key, found))
        }))
    }

    fn store(&self, key: &str, entry: NewEntry<T>) -> Storing<T> {
        let Some(loading) = self.bytes.loading() else { return Storing::NotSupported(entry.value) };
        let (mut ttl, mut window, mut fresh_until) = (entry.ttl, entry.window, None);
        if let (false, false, Some(fresh)) = (window.is_zero(), self.bytes_keep_stale(), ttl) {
            // The bytes themselves record until when they are fresh.
            let Ok(fresh_ms) = whole_ms(fresh) else { return Storing::NotSupported(entry.value) };
            fresh_until = Some(self.clock.now_ms().saturating_add(fresh_ms).min(MAX_TTL_MS));
            ttl = Some(fresh.saturating_add(window).min(Duration::from_millis(MAX_TTL_MS)));
            window = Duration::ZERO;
        }
        let NewEntry { value, permit, .. } = entry;
        let bytes = match self.serialize(key, &value, fresh_until) {
            Ok(bytes) => bytes,
            Err(error) => return Storing::Done(Err(error)),
        };
        match loading.store(key, NewEntry { value: bytes, ttl, window, permit }) {
            Storing::Done(result) => Storing::Done(result),
            Storing::Later(storing) => Storing::Later(storing),
            Storing::NotSupported(_) => Storing::NotSupported(value),
        }
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
        self.fresh(key, bytes)
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
        let bytes = self.serialize(key, &value, None);
        async move { self.bytes.set_if_absent(key, bytes?, ttl).await }
    }

    async fn get_and_delete(&self, key: &str) -> Result<Option<T>> {
        let bytes = self.bytes.get_and_delete(key).await?;
        self.fresh(key, bytes)
    }

    fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> impl Future<Output = Result<bool>> + MaybeSend {
        let bytes = self.serialize(key, &value, None);
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

/// Counters are stored as digits, which JSON reads as numbers, whatever the serializer.
impl<T, S: Send + Sync, P: CounterProvider> CounterProvider for Typed<T, S, P> {
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        self.bytes.increment(key, by, ttl).await
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> Result<BoundedIncrement> {
        self.bytes.increment_within(key, by, bounds, ttl).await
    }
}
