//! Tags invalidate many entries at once, whatever their keys, at the cost of incrementing a counter.
//!
//! Each tag has a **generation**, a counter stored next to the entries. A tagged entry records the generations that its
//! tags had before its value was loaded, and is valid while they are unchanged. Invalidating a tag increments its
//! counter. The increments are random, so that a generation that was lost and restarted never equals an earlier one.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{CacheError, Result};
use crate::key::{KeyPattern, quote};
use crate::load::random::random;
use crate::load::shared_work::once;
use crate::load::{Kept, LeaseProvider, Loading, Lookup, NewEntry, SingleFlight, Storing};
use crate::provider::{BoxFuture, CacheProvider, CounterProvider, MaybeSend, WithTtl, read_many};
use crate::stats::CacheStats;

/// The key of a tag's generation.
const PATTERN: KeyPattern = KeyPattern::from_static("tag:{tag}");

/// The maximum number of tags of one entry.
const MAX_TAGS: usize = 64;

/// The largest increment of a generation. Trillions of invalidations fit below 2^53, up to which JavaScript's numbers
/// are exact.
const MAX_STEP: f64 = 4096.0;

/// The largest initial generation: 2^40.
const MAX_START: f64 = 1_099_511_627_776.0;

/// A tagged value in stored form: in JSON `{"value":…,"tags":{"org:7":1861234}}`.
///
/// It is itself an [envelope](crate::Envelope), which remote providers recognize.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename = "isocache::TaggedEntry"))]
pub struct TaggedEntry<T> {
    value: T,
    /// The generation of each tag.
    tags: BTreeMap<String, i64>,
}

/// Tagged entries, over a provider of entries and a provider of counters, which may be views of the same store.
///
/// | call | additional cost |
/// |---|---|
/// | [`with_tags`](Self::with_tags) | one `get_many` for the tags |
/// | a lookup that finds a tagged entry | one `get_many` for its tags |
/// | [`invalidate_tags`](Self::invalidate_tags) | one `increment` per tag, however many entries have it |
///
/// ```
/// use isocache::{CacheAside, CacheProvider, MemoryCacheProvider, Tagged};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let tagged = Tagged::new(MemoryCacheProvider::default(), MemoryCacheProvider::default());
///
/// let of_org_7 = tagged.with_tags(&["org:7"]).await?;
/// of_org_7.set("user:1", "Ada".to_string(), Some(Duration::from_secs(300))).await?;
/// let report = of_org_7.get_or_set("report:7", None, || async { Ok::<_, String>("42 users".to_string()) }).await;
/// assert_eq!(report.unwrap(), "42 users");
///
/// tagged.invalidate_tags(&["org:7"]).await?;
/// assert_eq!(of_org_7.get("user:1").await?, None);
/// assert_eq!(of_org_7.get("report:7").await?, None);
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
///
/// In Redis, or through the bridge: `Tagged::new(cache.view(), cache.view())`.
#[derive(Clone, Debug)]
pub struct Tagged<P, C> {
    entries: P,
    counters: C,
}

#[cfg(test)]
impl<T> TaggedEntry<T> {
    pub(crate) fn of<const N: usize>(value: T, tags: [(&str, i64); N]) -> Self {
        Self { value, tags: tags.into_iter().map(|(tag, generation)| (tag.to_owned(), generation)).collect() }
    }
}

impl<P, C> Tagged<P, C> {
    /// Adds tags to the entries of `entries`. The generations are stored in `counters`, under the keys `tag:{tag}`.
    pub fn new(entries: P, counters: C) -> Self {
        Self { entries, counters }
    }

    pub(crate) fn entries(&self) -> &P {
        &self.entries
    }
}

/// The key of the generation of a tag.
fn generation_key(tag: &str) -> Result<String> {
    if tag.is_empty() {
        return Err(CacheError::invalid("tags", "has an empty tag"));
    }
    let key = PATTERN.key(&[("tag", &tag)]);
    key.map_err(|error| CacheError::invalid("tags", format!("has {}: {error}", quote(tag))))
}

impl<P: Clone, C: CacheProvider<i64> + CounterProvider + Clone + 'static> Tagged<P, C> {
    /// Returns a view that adds these tags, in their current generations, to every entry written through it. Create the
    /// view before loading the values: an entry that is written after one of its tags was invalidated is already
    /// invalid. So create a view for each unit of work, and do not keep it.
    ///
    /// # Errors
    /// A tag that is empty or longer than a key, more than 64 tags, or any error of the counters.
    pub async fn with_tags(&self, tags: &[&str]) -> Result<TaggedView<P, C>> {
        if tags.len() > MAX_TAGS {
            return Err(CacheError::invalid("tags", format!("has {} tags, more than {MAX_TAGS}", tags.len())));
        }
        let keys = tags.iter().map(|tag| generation_key(tag)).collect::<Result<Vec<String>>>()?;
        let known = read_many(&self.counters, &keys.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let mut generations = BTreeMap::new();
        for ((tag, key), known) in tags.iter().zip(&keys).zip(known) {
            let generation = match known {
                Some(generation) => generation,
                None => started(&self.counters, key).await?,
            };
            generations.insert((*tag).to_owned(), generation);
        }
        Ok(TaggedView { entries: self.entries.clone(), counters: self.counters.clone(), generations })
    }
}

impl<P, C: CounterProvider> Tagged<P, C> {
    /// Makes every entry with one of these tags absent, in all processes that share the counters. Loads in progress in
    /// this process are not stored.
    ///
    /// # Errors
    /// A tag that [`with_tags`](Self::with_tags) would refuse (nothing was invalidated then), or any error of the
    /// counters (the tags before the failed one were invalidated).
    pub async fn invalidate_tags<T: MaybeSend>(&self, tags: &[&str]) -> Result<()>
    where
        P: CacheProvider<TaggedEntry<T>>,
    {
        let keys = tags.iter().map(|tag| generation_key(tag)).collect::<Result<Vec<String>>>()?;
        // The tags of loads in progress are not known, so none of them is stored.
        let _write = match self.entries.loading() {
            Some(loading) => Some(loading.single_flight().write_pattern("*").await),
            None => None,
        };
        for key in &keys {
            advance(&self.counters, key).await?;
        }
        Ok(())
    }
}

/// Advances to the next generation, by a random increment.
async fn advance(counters: &impl CounterProvider, key: &str) -> Result<i64> {
    let step = step(MAX_STEP);
    let now = counters.increment(key, step, Some(Duration::MAX)).await?;
    if now == step { begin(counters, key).await } else { Ok(now) }
}

/// Starts a counter at a random value, far from that of a lost counter.
async fn begin(counters: &impl CounterProvider, key: &str) -> Result<i64> {
    counters.increment(key, step(MAX_START), Some(Duration::MAX)).await
}

/// Returns the generation of a tag, starting it if it does not exist. Concurrent callers that need a new tag share one
/// start: a second start would invalidate the entries of the first caller.
async fn started<C: CacheProvider<i64> + CounterProvider + Clone + 'static>(counters: &C, key: &str) -> Result<i64> {
    let (owned, owned_key) = (counters.clone(), key.to_owned());
    let start = move || {
        let (counters, key) = (owned.clone(), owned_key.clone());
        async move {
            // Another start may have ended between the lookup and this one.
            match read_many(&counters, &[&key]).await?.pop().flatten() {
                Some(generation) => Ok(generation),
                None => begin(&counters, &key).await,
            }
        }
    };
    match counters.loading() {
        Some(loading) => once(loading.single_flight(), &format!("{key} begins"), start).await,
        None => start().await,
    }
}

#[allow(clippy::cast_possible_truncation)]
fn step(most: f64) -> i64 {
    1 + (random() * most) as i64
}

/// A view of [`Tagged`], returned by [`with_tags`](Tagged::with_tags): a provider that adds its tags to every entry
/// written through it, and treats entries as absent once one of their tags has been invalidated.
///
/// The statistics are those of the provider of the entries, where an invalidated entry counts as a hit. `delete` and
/// `clear_pattern` count it too, until it is overwritten or expires. Lookups of tags are not counted.
#[derive(Clone, Debug)]
pub struct TaggedView<P, C> {
    entries: P,
    counters: C,
    generations: BTreeMap<String, i64>,
}

impl<P, C: CacheProvider<i64>> TaggedView<P, C> {
    /// A value with the tags of this view.
    fn entry<T>(&self, value: T) -> TaggedEntry<T> {
        TaggedEntry { value, tags: self.generations.clone() }
    }

    /// The value, if its tags are unchanged.
    async fn alive<T: MaybeSend>(&self, found: Option<WithTtl<TaggedEntry<T>>>) -> Result<Option<WithTtl<T>>> {
        let Some((TaggedEntry { value, tags }, left)) = found else { return Ok(None) };
        if tags.is_empty() {
            return Ok(Some((value, left)));
        }
        let keys = tags.keys().map(|tag| generation_key(tag)).collect::<Result<Vec<String>>>()?;
        let now = read_many(&self.counters, &keys.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let alive = tags.values().zip(now).all(|(then, now)| now == Some(*then));
        Ok(alive.then_some((value, left)))
    }

    /// The value, if its tags are unchanged and this is known without waiting.
    fn alive_now<T>(&self, found: Option<Kept<TaggedEntry<T>>>) -> Option<Result<Option<Kept<T>>>> {
        let Some(found) = found else { return Some(Ok(None)) };
        for (tag, then) in &found.value.tags {
            let key = match generation_key(tag) {
                Ok(key) => key,
                Err(error) => return Some(Err(error)),
            };
            match self.counters.loading()?.look_now(&key, Lookup::Peek)? {
                Ok(Some(now)) if now.value == *then => {}
                Ok(_) => return Some(Ok(None)),
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok(Some(found.map(|entry| entry.value))))
    }
}

impl<T, P, C> CacheProvider<T> for TaggedView<P, C>
where
    T: MaybeSend + Send + Sync + 'static,
    P: CacheProvider<TaggedEntry<T>>,
    C: CacheProvider<i64>,
{
    async fn get(&self, key: &str) -> Result<Option<T>> {
        let found = self.entries.get(key).await?;
        Ok(self.alive(found.map(|entry| (entry, None))).await?.map(|(value, _)| value))
    }

    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        self.entries.set(key, self.entry(value), ttl).await
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        self.entries.delete(key).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        if !self.entries.exists(key).await? {
            return Ok(false);
        }
        let found = read_many(&self.entries, &[key]).await?.pop().flatten();
        Ok(self.alive(found.map(|entry| (entry, None))).await?.is_some())
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        self.entries.clear_pattern(pattern).await
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        self.entries.get_stats().await
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        let found = self.entries.get_with_ttl(key).await?;
        self.alive(found).await
    }

    async fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
        let tagged = |(key, value, ttl)| (key, self.entry(value), ttl);
        self.entries.set_many(entries.into_iter().map(tagged).collect()).await
    }

    async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        self.entries.delete_many(keys).await
    }

    fn loading(&self) -> Option<&dyn Loading<T>> {
        self.entries.loading().map(|_| self as &dyn Loading<T>)
    }
}

/// Available only if the provider of the entries supports it.
impl<T, P, C> Loading<T> for TaggedView<P, C>
where
    T: MaybeSend + Send + Sync + 'static,
    P: CacheProvider<TaggedEntry<T>>,
    C: CacheProvider<i64>,
{
    fn single_flight(&self) -> &SingleFlight {
        match self.entries.loading() {
            Some(loading) => loading.single_flight(),
            None => unreachable!("`loading` gives this out only with that of the entries"),
        }
    }

    fn lease_provider(&self) -> Option<&dyn LeaseProvider> {
        self.entries.loading()?.lease_provider()
    }

    fn default_ttl(&self) -> Option<Duration> {
        self.entries.loading()?.default_ttl()
    }

    fn keeps_stale(&self) -> bool {
        self.entries.loading().is_some_and(Loading::keeps_stale)
    }

    fn look_now(&self, key: &str, lookup: Lookup) -> Option<Result<Option<Kept<T>>>> {
        // A counted lookup cannot be undone, so this requires that the counters also answer without waiting.
        let _ = self.counters.loading()?.look_now("tag:", Lookup::Peek)?;
        match self.entries.loading()?.look_now(key, lookup)? {
            Ok(found) => self.alive_now(found),
            Err(error) => Some(Err(error)),
        }
    }

    fn look<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<Kept<T>>>>> {
        let looking = self.entries.loading()?.look(key)?;
        Some(Box::pin(async move {
            let Some(Kept { value, fresh_for }) = looking.await? else { return Ok(None) };
            let value = self.alive(Some((value, None))).await?;
            Ok(value.map(|(value, _)| Kept { value, fresh_for }))
        }))
    }

    fn read_many<'a>(&'a self, keys: &'a [&'a str]) -> Option<BoxFuture<'a, Result<Vec<Option<T>>>>> {
        let reading = self.entries.loading()?.read_many(keys)?;
        Some(Box::pin(async move {
            let found = reading.await?;
            let mut values = Vec::with_capacity(found.len());
            for entry in found {
                values.push(self.alive(entry.map(|entry| (entry, None))).await?.map(|(value, _)| value));
            }
            Ok(values)
        }))
    }

    fn store(&self, key: &str, entry: NewEntry<T>) -> Storing<T> {
        let Some(loading) = self.entries.loading() else { return Storing::NotSupported(entry.value) };
        match loading.store(key, entry.map(|value| self.entry(value))) {
            Storing::Done(result) => Storing::Done(result),
            Storing::Later(storing) => Storing::Later(storing),
            Storing::NotSupported(entry) => Storing::NotSupported(entry.value),
        }
    }
}
