//! [`SyncToken`]: clients send it back to read their own writes.

use std::sync::atomic::{AtomicU64, Ordering};

/// A token that changes with every write. Clients send it back to avoid stale replicas. The bridge has one
/// store, which is never stale.
#[derive(Debug)]
pub(super) struct SyncToken(AtomicU64);

impl SyncToken {
    /// Creates a token. Given the current time, it differs from those of earlier runs.
    pub(super) fn new(now_ms: u64) -> Self {
        Self(AtomicU64::new(now_ms))
    }

    /// The token for a response.
    pub(super) fn after(&self, wrote: bool) -> u64 {
        if wrote { self.0.fetch_add(1, Ordering::Relaxed) + 1 } else { self.0.load(Ordering::Relaxed) }
    }
}
