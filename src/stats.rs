//! The statistics of a provider.

/// Exact counts of one provider since it was created.
///
/// `hits + misses` is the number of lookups by callers: one for each key of `get`, `get_many`, `get_with_ttl`,
/// `get_and_touch` and `get_and_delete`, and one for each call of `get_or_set` that looked into the store. `exists`, `ttl`
/// and `touch` are not counted, nor are lookups that tags, rate limiters and sessions make in the same provider.
///
/// ```
/// use isocache::MemoryCache;
///
/// let cache = MemoryCache::default();
/// assert_eq!(cache.stats().hit_rate(), 0.0);
/// cache.set("a", 1, None)?;
/// cache.get("a")?;
/// cache.get("b")?;
/// assert_eq!(cache.stats().hit_rate(), 0.5);
/// # Ok::<(), isocache::CacheError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Lookups that found a live entry.
    pub hits: u64,
    /// Lookups that found no live entry.
    pub misses: u64,
    /// Writes, of new entries and over existing ones.
    pub sets: u64,
    /// Live entries removed by `delete`, `delete_many`, `clear_pattern` or `clear`.
    pub deletes: u64,
    /// Entries evicted to keep a limit, live or stale.
    pub evictions: u64,
    /// Expired entries that were removed. They are counted when they are removed, not when they expire.
    pub expirations: u64,
    /// The current number of live entries; `None` if the store cannot determine it cheaply.
    pub entries: Option<u64>,
    /// The current total size of the live entries; `None` if sizes are not measured.
    pub bytes: Option<u64>,
}

impl CacheStats {
    /// The fraction of lookups that were hits, from 0 to 1; 0 before the first lookup.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        let lookups = self.hits + self.misses;
        if lookups == 0 {
            return 0.0;
        }
        // Exact up to 2^53 lookups; beyond that, the rounding does not matter.
        #[allow(clippy::cast_precision_loss)]
        {
            self.hits as f64 / lookups as f64
        }
    }
}
