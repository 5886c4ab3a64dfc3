//! The keys, iteration over all entries, and dumps that another process can load.

use std::time::Duration;

use super::cache::MemoryCache;
use super::shared::remaining;
use crate::error::Result;
use crate::glob::Glob;
use crate::ttl::Ttl;

impl<T> MemoryCache<T> {
    /// Returns the keys of all entries, from the most to the least recently used.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.keys_where(|_| true)
    }

    /// Returns the keys that match a [`Glob`], from the most to the least recently used. It inspects every key under
    /// the lock, or a single key if the pattern is literal.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::CacheError::InvalidArgument) for an empty pattern.
    pub fn keys_matching(&self, pattern: &str) -> Result<Vec<String>> {
        let glob = Glob::new(self.whole_pattern(pattern)?);
        if let Some(key) = glob.literal() {
            let hashed = self.shared.hashed(&key);
            let found = self
                .shared
                .with_key(hashed, |locked, leavers| locked.table.find(hashed, locked.now, leavers).is_some());
            let key = self.strip(&key).filter(|_| found).map(str::to_owned);
            return Ok(key.into_iter().collect());
        }
        Ok(self.keys_where(|key| glob.matches(key)))
    }

    /// The keys for which `is_wanted` returns true. It gets them with their prefix.
    fn keys_where(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.shared.with_all(|all, leavers| {
            all.sweep(leavers);
            let mut keys = Vec::new();
            all.visit(|table, slot| {
                if let Some(entry) = table.entry(slot).filter(|entry| is_wanted(&entry.key)) {
                    keys.extend(self.strip(&entry.key).map(str::to_owned));
                }
            });
            keys
        })
    }
}

impl<T: Clone> MemoryCache<T> {
    /// Iterates over keys and values, from the most to the least recently used. Counts neither as a hit or miss nor as
    /// a use.
    ///
    /// The keys and their order are captured at the time of the call. Each value is looked up when the iterator reaches
    /// it, and entries that have left by then are skipped. The lock is held for one lookup at a time, never while the
    /// caller's code runs.
    ///
    /// ```
    /// use isocache::MemoryCache;
    ///
    /// let cache = MemoryCache::default();
    /// cache.set("a", 1, None)?;
    /// cache.set("b", 2, None)?;
    /// let entries: Vec<_> = cache.iter().collect();
    /// assert_eq!(entries, [("b".to_string(), 2), ("a".to_string(), 1)]);
    /// # Ok::<(), isocache::CacheError>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (String, T)> {
        self.keys().into_iter().filter_map(|key| {
            let value = self.peek(&key).ok().flatten()?;
            Some((key, value))
        })
    }

    /// Iterates over the values, in the order of [`iter`](Self::iter).
    pub fn values(&self) -> impl Iterator<Item = T> {
        self.iter().map(|(_, value)| value)
    }

    /// Calls `act` with each key and value, in the order of [`iter`](Self::iter). `act` may use the cache.
    pub fn for_each(&self, mut act: impl FnMut(&str, T)) {
        self.iter().for_each(|(key, value)| act(&key, value));
    }

    /// Returns the first entry, in the order of [`iter`](Self::iter), for which `test` returns true. `test` may use the
    /// cache.
    pub fn find(&self, mut test: impl FnMut(&str, &T) -> bool) -> Option<(String, T)> {
        self.iter().find(|(key, value)| test(key, value))
    }

    /// Returns all entries with their remaining ttls, from the least to the most recently used, in one atomic step.
    /// [`load`](Self::load) accepts the result.
    ///
    /// With the feature `serde` the entries can be serialized. As JSON they have the format of `dump` in the npm
    /// package: `[{"key":"a","value":1,"ttl":"1500ms"},{"key":"b","value":2,"ttl":null}]`, where `null` means no
    /// expiry.
    #[must_use]
    pub fn dump(&self) -> Vec<DumpedEntry<T>> {
        let mut entries: Vec<_> = self.shared.with_all(|all, leavers| {
            all.sweep(leavers);
            let now = all.now;
            let mut dumped = Vec::new();
            all.visit(|table, slot| {
                if let Some(entry) = table.entry(slot).filter(|entry| self.strip(&entry.key).is_some()) {
                    let left = remaining(table.engine.deadline(slot), now);
                    dumped.push((entry.key.clone(), entry.value.clone(), left));
                }
            });
            dumped
        });
        entries.reverse();
        let dumped = entries.into_iter().map(|(key, value, left)| DumpedEntry {
            key: key[self.prefix().len()..].to_owned(),
            value,
            // A remaining ttl is always a valid ttl.
            ttl: left.and_then(|left| Ttl::try_from(left).ok()),
        });
        dumped.collect()
    }

    /// Stores the entries of a [`dump`](Self::dump), in its order, each with its ttl at the time of the dump. Entries
    /// under other keys are kept.
    ///
    /// ```
    /// use isocache::MemoryCache;
    /// use std::time::Duration;
    ///
    /// let old = MemoryCache::default();
    /// old.set("a", 1, Some(Duration::from_secs(60)))?;
    /// let new = MemoryCache::default();
    /// new.load(old.dump())?;
    /// assert_eq!(new.get("a")?, Some(1));
    /// assert!(new.ttl("a")? <= Some(Duration::from_secs(60)));
    /// # Ok::<(), isocache::CacheError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`set_many`](Self::set_many).
    pub fn load(&self, dump: impl IntoIterator<Item = DumpedEntry<T>>) -> Result<()> {
        let split = dump.into_iter().map(|entry| (entry.key, (entry.value, entry.ttl)));
        let (keys, rest): (Vec<_>, Vec<_>) = split.unzip();
        let entries = keys.iter().zip(rest).map(|(key, (value, ttl))| {
            let ttl = ttl.map_or(Duration::MAX, Duration::from);
            (key.as_str(), value, Some(ttl))
        });
        self.set_many(entries.collect())
    }
}

/// An entry of a [`dump`](MemoryCache::dump).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DumpedEntry<T> {
    /// The key.
    pub key: String,
    /// The value.
    pub value: T,
    /// The remaining ttl; `None` if the entry does not expire.
    #[cfg_attr(feature = "serde", serde(default))]
    pub ttl: Option<Ttl>,
}
