//! The statistics of an engine.

/// Adds to a count. A separate function in WebAssembly, because JavaScript adds 64 bits in two halves.
#[cfg_attr(target_family = "wasm", inline(never))]
#[cfg_attr(not(target_family = "wasm"), inline)]
pub(super) fn add(count: &mut u64, more: u32) {
    *count += u64::from(more);
}

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
    /// Entries evicted to keep a limit, live or stale.
    pub evictions: u64,
    /// Entries removed because their deadline had passed.
    pub expirations: u64,
}
