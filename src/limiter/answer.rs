//! The results and statistics of a limiter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::CacheError;

/// The result of a check if the store fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStoreError {
    /// The check fails with the error of the store.
    #[default]
    Fail,
    /// The request is allowed.
    Allow,
    /// The request is refused.
    Refuse,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Whether the request is allowed.
    pub allowed: bool,
    /// The number of requests in a window, or of tokens in a full bucket.
    pub limit: u64,
    /// The number of further requests that would be allowed now.
    pub remaining: u64,
    /// If the request was refused: the time until it would be allowed, if no other request comes first. If it was
    /// allowed: the time until the fixed window ends, or until the client has the whole limit again.
    pub reset_after: Duration,
    /// The length of a window, or the time in which an empty token bucket becomes full.
    pub window: Duration,
    /// The failure of the store, if [`OnStoreError`] decided in its place. The request may or may not have been
    /// counted.
    pub error: Option<CacheError>,
}

/// The statistics of a [`RateLimiter`](crate::RateLimiter) and its clones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimiterStats {
    /// Checks that allowed a request.
    pub allowed: u64,
    /// Checks that refused a request.
    pub refused: u64,
    /// Checks in which the store failed.
    pub failed: u64,
    /// Entries that the store has evicted to keep a limit. If it is above 0, the limiter may have forgotten clients
    /// that it had refused: give it a larger store, or its own.
    pub forgotten: u64,
}

#[derive(Default)]
pub(super) struct Counts {
    allowed: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

impl Counts {
    pub(super) fn checked(&self, allowed: bool) {
        let count = if allowed { &self.allowed } else { &self.refused };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stats(&self, forgotten: u64) -> RateLimiterStats {
        let [allowed, refused, failed] =
            [&self.allowed, &self.refused, &self.failed].map(|count| count.load(Ordering::Relaxed));
        RateLimiterStats { allowed, refused, failed, forgotten }
    }
}
