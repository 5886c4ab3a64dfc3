//! Counters that many callers add to at once.

use std::future::Future;
use std::time::Duration;

use super::MaybeSend;
use crate::error::Result;

/// A cache that can add to a number without a race: no two callers overwrite each other.
///
/// A counter is an entry like any other. Its value is a whole number in digits, which [`get`](crate::CacheProvider::get)
/// of a cache of `i64` reads, and so does every other client of the store.
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
    /// Adds `by`, which may be negative, to the counter under `key`, and returns the sum.
    ///
    /// A counter that is not there starts from 0 and lives for `ttl` from now; one that is there keeps the life that it
    /// has, so that a count over a window ends with the window. `None` is the provider's default ttl, or for ever where
    /// it has none. It is a write: neither a hit nor a miss.
    ///
    /// # Errors
    /// A key or ttl outside the limits; a sum beyond 64 bits ([`InvalidArgument`](crate::CacheError::InvalidArgument));
    /// an entry that is no number ([`Deserialize`](crate::CacheError::Deserialize)); whatever keeps the provider from
    /// storing. Nothing was changed then, except that after a broken connection or a timeout it is not known whether it
    /// was added.
    fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> impl Future<Output = Result<i64>> + MaybeSend;
}
