//! What a provider counts.

/// Exact counts of one provider since it was made.
///
/// `hits + misses` is the number of lookups by `get`, `get_many` and `get_with_ttl`; `exists` is not counted.
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
    /// Lookups that found none.
    pub misses: u64,
    /// Entries written, new or over an old one.
    pub sets: u64,
    /// Live entries removed by `delete`, `delete_many`, `clear_pattern` or `clear`.
    pub deletes: u64,
    /// Live entries removed to keep a limit.
    pub evictions: u64,
    /// Entries that left because their life was over. Counted when they leave, not when they die.
    pub expirations: u64,
    /// Live entries now; `None` where the store does not tell cheaply.
    pub entries: Option<u64>,
    /// The weight of the live entries now; `None` where nothing is weighed.
    pub bytes: Option<u64>,
}

impl CacheStats {
    /// The share of lookups that were hits, from 0 to 1; 0 before the first lookup.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        let lookups = self.hits + self.misses;
        if lookups == 0 {
            return 0.0;
        }
        // Exact up to 2^53 lookups; beyond that the share is no less true for being rounded.
        #[allow(clippy::cast_precision_loss)]
        {
            self.hits as f64 / lookups as f64
        }
    }
}
