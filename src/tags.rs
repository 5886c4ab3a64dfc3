//! Tags: many entries invalidated at once, whatever their keys, in the time of one counter.
//!
//! Each tag has a **generation**, a counter beside the entries. A tagged entry carries the generations that its tags had
//! before its value was made; it is alive while they are still the same. To invalidate a tag is to count on. Generations
//! grow by chance, so that one that was lost, and began anew, never meets entries from before.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{CacheError, Result};
use crate::key::{KeyPattern, quote};
use crate::load::{Flights, Leases, once::once, random::random};
use crate::provider::{CacheProvider, CounterProvider, MaybeSend, WithTtl};
use crate::stats::CacheStats;

/// The key of a tag's generation.
const PATTERN: KeyPattern = KeyPattern::from_static("tag:{tag}");

/// The most tags of one entry.
const MAX_TAGS: usize = 64;

/// How far a generation moves at the most: 2^53, where numbers of JavaScript end to be exact, is trillions of invalidations
/// away.
const MAX_STEP: f64 = 4096.0;

/// Where generations begin, at the most: 2^40.
const MAX_START: f64 = 1_099_511_627_776.0;

/// What is stored of a tagged value: in JSON `{"value":…,"tags":{"org:7":1861234}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TaggedEntry<T> {
    value: T,
    /// The generation of each tag.
    tags: BTreeMap<String, i64>,
}

/// Tags over a provider of entries and one of counters, which may be views of the same store.
///
/// | call | what it costs beside the entries |
/// |---|---|
/// | [`tagged`](Self::tagged) | one `get_many` of the tags |
/// | a lookup that finds a tagged entry | one `get_many` of its tags |
/// | [`invalidate_tags`](Self::invalidate_tags) | one `increment` for each tag, however many entries have it |
///
/// ```
/// use isocache::{CacheAside, CacheProvider, MemoryCacheProvider, Tags};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let tags = Tags::new(MemoryCacheProvider::default(), MemoryCacheProvider::default());
///
/// let of_org_7 = tags.tagged(&["org:7"]).await?;
/// of_org_7.set("user:1", "Ada".to_string(), Some(Duration::from_secs(300))).await?;
/// let report = of_org_7.get_or_set("report:7", None, || async { Ok::<_, String>("42 users".to_string()) }).await;
/// assert_eq!(report.unwrap(), "42 users");
///
/// tags.invalidate_tags(&["org:7"]).await?;
/// assert_eq!(of_org_7.get("user:1").await?, None);
/// assert_eq!(of_org_7.get("report:7").await?, None);
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
///
/// In Redis, or through the bridge: `Tags::new(cache.view(), cache.view())`.
#[derive(Clone, Debug)]
pub struct Tags<P, C> {
    entries: P,
    counters: C,
}

impl<P, C> Tags<P, C> {
    /// Tags of what is in `entries`, whose generations are in `counters`, under keys `tag:{tag}`.
    pub fn new(entries: P, counters: C) -> Self {
        Self { entries, counters }
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

impl<P: Clone, C: CacheProvider<i64> + CounterProvider + Clone> Tags<P, C> {
    /// A view in which everything that is written has these tags, as they are now. Make it before the values are made:
    /// what is written through it after one of its tags has been invalidated is dead from the start. So make one for each
    /// piece of work, and keep none.
    ///
    /// # Errors
    /// An empty tag, one longer than a key, or more than 64; whatever keeps the counters from answering.
    pub async fn tagged(&self, tags: &[&str]) -> Result<Tagged<P, C>> {
        if tags.len() > MAX_TAGS {
            return Err(CacheError::invalid("tags", format!("has {} tags, more than {MAX_TAGS}", tags.len())));
        }
        let keys = tags.iter().map(|tag| generation_key(tag)).collect::<Result<Vec<String>>>()?;
        let known = self.counters.get_many(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let mut generations = BTreeMap::new();
        for ((tag, key), known) in tags.iter().zip(&keys).zip(known) {
            let generation = match known {
                Some(generation) => generation,
                None => begun(&self.counters, key).await?,
            };
            generations.insert((*tag).to_owned(), generation);
        }
        Ok(Tagged { entries: self.entries.clone(), counters: self.counters.clone(), generations })
    }
}

impl<P, C: CounterProvider> Tags<P, C> {
    /// Makes every entry with one of these tags absent, in all processes that share the counters. Loads in progress in this
    /// process are not stored.
    ///
    /// # Errors
    /// A tag that [`tagged`](Self::tagged) would refuse: nothing was invalidated then; whatever keeps the counters from
    /// counting: tags before the one that failed were invalidated.
    pub async fn invalidate_tags<T: MaybeSend>(&self, tags: &[&str]) -> Result<()>
    where
        P: CacheProvider<TaggedEntry<T>>,
    {
        let keys = tags.iter().map(|tag| generation_key(tag)).collect::<Result<Vec<String>>>()?;
        // Which loads bring an entry with these tags is not known: none that has begun is stored.
        let _write = match self.entries.flights() {
            Some(flights) => Some(flights.write_pattern("*").await),
            None => None,
        };
        for key in &keys {
            count_on(&self.counters, key).await?;
        }
        Ok(())
    }
}

/// The next generation, at a distance that cannot be foreseen.
async fn count_on(counters: &impl CounterProvider, key: &str) -> Result<i64> {
    let step = step(MAX_STEP);
    let now = counters.increment(key, step, Some(Duration::MAX)).await?;
    if now == step { begin(counters, key).await } else { Ok(now) }
}

/// Sets a counter off, far from where one that was lost may have been.
async fn begin(counters: &impl CounterProvider, key: &str) -> Result<i64> {
    counters.increment(key, step(MAX_START), Some(Duration::MAX)).await
}

/// The generation of a tag, which has one then. Those who need a new tag at once wait for the same beginning: each of their
/// own would end what has the one before.
async fn begun<C: CacheProvider<i64> + CounterProvider>(counters: &C, key: &str) -> Result<i64> {
    let beginning = || async {
        // Another may have ended between the look and this one.
        match counters.get(key).await? {
            Some(generation) => Ok(generation),
            None => begin(counters, key).await,
        }
    };
    match counters.flights() {
        Some(flights) => once(flights, &format!("{key} begins"), beginning).await,
        None => beginning().await,
    }
}

#[allow(clippy::cast_possible_truncation)]
fn step(most: f64) -> i64 {
    1 + (random() * most) as i64
}

/// A view of [`Tags`], from [`tagged`](Tags::tagged): a provider whose entries are absent once one of their tags has been
/// invalidated, and which gives its own tags to what is written through it.
///
/// The statistics are those of the entries: to find one that has been invalidated is a hit there. `delete` and
/// `clear_pattern` count it too, until it is overwritten or its life is over; and `exists` is a lookup where there is an
/// entry.
#[derive(Clone, Debug)]
pub struct Tagged<P, C> {
    entries: P,
    counters: C,
    generations: BTreeMap<String, i64>,
}

impl<P, C: CacheProvider<i64>> Tagged<P, C> {
    /// A value with the tags of this view.
    fn entry<T>(&self, value: T) -> TaggedEntry<T> {
        TaggedEntry { value, tags: self.generations.clone() }
    }

    /// The value, if its tags are still what they were.
    async fn alive<T: MaybeSend>(&self, found: Option<WithTtl<TaggedEntry<T>>>) -> Result<Option<WithTtl<T>>> {
        let Some((TaggedEntry { value, tags }, left)) = found else { return Ok(None) };
        if tags.is_empty() {
            return Ok(Some((value, left)));
        }
        let keys = tags.keys().map(|tag| generation_key(tag)).collect::<Result<Vec<String>>>()?;
        let now = self.counters.get_many(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let alive = tags.values().zip(now).all(|(then, now)| now == Some(*then));
        Ok(alive.then_some((value, left)))
    }

    /// As `alive`, if it is known without waiting.
    fn alive_now<T>(&self, found: Option<WithTtl<TaggedEntry<T>>>) -> Option<Result<Option<WithTtl<T>>>> {
        let Some((TaggedEntry { value, tags }, left)) = found else { return Some(Ok(None)) };
        for (tag, then) in &tags {
            match generation_key(tag).map(|key| self.counters.peek_now(&key)) {
                Ok(Some(Ok(Some((now, _))))) if now == *then => {}
                Ok(Some(Ok(_))) => return Some(Ok(None)),
                Ok(None) => return None,
                Err(error) | Ok(Some(Err(error))) => return Some(Err(error)),
            }
        }
        Some(Ok(Some((value, left))))
    }
}

impl<T, P, C> CacheProvider<T> for Tagged<P, C>
where
    T: MaybeSend + Send + Sync,
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
        Ok(self.get(key).await?.is_some())
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

    fn peek_now(&self, key: &str) -> Option<Result<Option<WithTtl<T>>>> {
        match self.entries.peek_now(key)? {
            Ok(found) => self.alive_now(found),
            Err(error) => Some(Err(error)),
        }
    }

    fn flights(&self) -> Option<&Flights> {
        self.entries.flights()
    }

    fn leases(&self) -> Option<&dyn Leases> {
        self.entries.leases()
    }
}
