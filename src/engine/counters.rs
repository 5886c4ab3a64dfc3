//! What an engine counts.

/// Exact counts since the engine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Lookups that found a live entry.
    pub hits: u64,
    /// Lookups that found none.
    pub misses: u64,
    /// Entries written, new or over an old one.
    pub sets: u64,
    /// Live entries removed because the owner said so.
    pub deletes: u64,
    /// Live entries removed to keep a limit.
    pub evictions: u64,
    /// Entries removed because their deadline had passed.
    pub expirations: u64,
}
