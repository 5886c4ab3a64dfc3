//! The statistics of an engine.

/// Exact counts since the engine was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Lookups that found a live entry.
    pub hits: u64,
    /// Lookups that found no live entry.
    pub misses: u64,
    /// Writes, of new entries and over existing ones.
    pub sets: u64,
    /// Live entries that the owner removed.
    pub deletes: u64,
    /// Live entries evicted to keep a limit.
    pub evictions: u64,
    /// Entries removed because their deadline had passed.
    pub expirations: u64,
}
