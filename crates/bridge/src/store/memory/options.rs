//! The options of an embedded store.

use std::fmt;
use std::sync::Arc;

use isocache::engine::{Limits, MAX_SLOTS};
use isocache::{CacheError, Policy, Result};
use isocache::{Clock, UnixClock};

/// The weight of an entry, in addition to the bytes of its key and its value. It covers the tables and the overhead of the
/// allocator, as measured with short keys and values.
pub const ENTRY_WEIGHT: u64 = 200;

/// The options of a [`MemoryStore`](super::MemoryStore), all with defaults.
#[derive(Clone)]
pub struct MemoryStoreOptions {
    /// The maximum number of entries, from 1 to [`MAX_SLOTS`]. A million by default.
    pub max_entries: usize,
    /// The maximum total weight of the entries in bytes. Each weighs key + value + [`ENTRY_WEIGHT`]. 256 MiB by default.
    pub max_bytes: u64,
    /// The policy by which entries are evicted when a limit is reached. [`Policy::Lru`] by default.
    pub policy: Policy,
    /// Whether the store estimates its hits at other sizes and under the other policies. False by default.
    pub advise: bool,
    /// The maximum length of a value in bytes, up to 512 MiB, which is the default and the limit of Redis.
    pub max_value_bytes: usize,
    /// The clock, in milliseconds since 1970. [`UnixClock`] by default.
    pub clock: Arc<dyn Clock>,
    /// The number of messages that may wait for a subscriber before it is disconnected. 1000 by default.
    pub subscriber_queue: usize,
}

/// The maximum length of a value in Redis.
const MAX_VALUE_BYTES: usize = 512 << 20;

impl Default for MemoryStoreOptions {
    fn default() -> Self {
        Self {
            max_entries: 1_000_000,
            max_bytes: 256 << 20,
            policy: Policy::default(),
            advise: false,
            max_value_bytes: MAX_VALUE_BYTES,
            clock: Arc::new(UnixClock),
            subscriber_queue: 1000,
        }
    }
}

impl MemoryStoreOptions {
    /// Checks the options and returns the limits of the engine.
    pub(super) fn limits(&self) -> Result<Limits> {
        let max_entries = u32::try_from(self.max_entries).ok().filter(|entries| (1..=MAX_SLOTS).contains(entries));
        let Some(max_entries) = max_entries else {
            return Err(invalid("max_entries", format!("is not between 1 and {MAX_SLOTS}")));
        };
        if self.max_bytes <= ENTRY_WEIGHT {
            let reason = format!("is not over {ENTRY_WEIGHT}, the weight of an empty entry: nothing could be stored");
            return Err(invalid("max_bytes", reason));
        }
        if self.max_value_bytes > MAX_VALUE_BYTES {
            return Err(invalid("max_value_bytes", format!("is over {MAX_VALUE_BYTES}")));
        }
        if !(1..=1 << 20).contains(&self.subscriber_queue) {
            return Err(invalid("subscriber_queue", "is not between 1 and 1048576"));
        }
        Ok(Limits { max_entries, max_weight: self.max_bytes })
    }
}

fn invalid(argument: &'static str, reason: impl Into<String>) -> CacheError {
    CacheError::InvalidArgument { argument, reason: reason.into() }
}

impl fmt::Debug for MemoryStoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStoreOptions")
            .field("max_entries", &self.max_entries)
            .field("max_bytes", &self.max_bytes)
            .field("policy", &self.policy)
            .field("advise", &self.advise)
            .field("max_value_bytes", &self.max_value_bytes)
            .field("subscriber_queue", &self.subscriber_queue)
            .finish_non_exhaustive()
    }
}
