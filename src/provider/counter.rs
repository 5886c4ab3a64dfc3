//! Counters that many callers can increment at once.

use std::future::Future;
use std::time::Duration;

use super::MaybeSend;
use crate::error::Result;

/// A cache that can increment numbers atomically: concurrent callers never overwrite each other.
///
/// A counter is an ordinary entry. Its value is an integer in decimal digits, which [`get`](crate::CacheProvider::get)
/// of a cache of `i64`, and every other client of the store, can read.
///
/// ```
/// use isocache::{CacheProvider, CounterProvider, MemoryCacheProvider};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let cache = MemoryCacheProvider::<i64>::default();
/// let minute = Some(Duration::from_secs(60));
/// assert_eq!(cache.increment("visits", 1, minute).await?, 1);
/// assert_eq!(cache.increment("visits", 5, minute).await?, 6);
/// assert_eq!(cache.get("visits").await?, Some(6));
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
pub trait CounterProvider: Send + Sync {
    /// Adds `by`, which may be negative, to the counter under `key`, and returns the new value.
    ///
    /// A new counter starts at 0 and expires after `ttl`. An existing counter keeps its ttl, so that a count over a
    /// window ends with the window. `None` means the provider's default ttl, or no expiry if it has none. It is a
    /// write: neither a hit nor a miss.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::CacheError::InvalidArgument) for a key or ttl outside the limits, or a sum beyond 64
    /// bits; [`Deserialize`](crate::CacheError::Deserialize) for an entry that is not a number; any error of the store.
    /// The counter is then unchanged, except that after a broken connection or a timeout it is not known whether the
    /// increment was applied.
    fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> impl Future<Output = Result<i64>> + MaybeSend;
}
