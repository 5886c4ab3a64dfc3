//! Counters that many callers can increment at once.

use std::future::Future;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::MaybeSend;
use crate::error::{CacheError, Result};

/// The largest number that JavaScript and the scripts of Redis hold exactly.
const MAX_EXACT: i64 = (1 << 53) - 1;

/// The result of [`CounterProvider::increment_within`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundedIncrement {
    /// Whether the sum was within the bounds and was stored.
    pub stored: bool,
    /// The sum, if it was stored. Otherwise the current count, or the lower bound if that is greater.
    pub count: i64,
}

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

    /// Raises the counter under `key` to at least the lower bound, adds `by`, and stores the sum if it is not above the
    /// upper bound, all in one atomic step. If the sum is above it, nothing is changed.
    ///
    /// A stored counter expires `ttl` after this write, unlike one of [`increment`](Self::increment). It is a write:
    /// neither a hit nor a miss. Over Redis it needs permission for `EVAL`.
    ///
    /// ```
    /// use isocache::{BoundedIncrement, CounterProvider, MemoryCacheProvider};
    /// use std::time::Duration;
    ///
    /// # pollster::block_on(async {
    /// let cache = MemoryCacheProvider::<i64>::default();
    /// let minute = Some(Duration::from_secs(60));
    /// let seats = |taken| cache.increment_within("seats", taken, 0..=5, minute);
    /// assert_eq!(seats(4).await?, BoundedIncrement { stored: true, count: 4 });
    /// assert_eq!(seats(2).await?, BoundedIncrement { stored: false, count: 4 });
    /// assert_eq!(seats(1).await?, BoundedIncrement { stored: true, count: 5 });
    /// # Ok::<(), isocache::CacheError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As for [`increment`](Self::increment), and [`InvalidArgument`](crate::CacheError::InvalidArgument) for a `by` or
    /// a bound beyond ±(2^53 - 1). The default implementation always fails: it has no way to do this in one step.
    fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<BoundedIncrement>> + MaybeSend {
        let _ = (key, by, bounds, ttl);
        async {
            Err(CacheError::invalid(
                "counters",
                "this provider cannot increment within bounds in one atomic step; use a provider of isocache, or \
                 implement CounterProvider::increment_within",
            ))
        }
    }
}

/// Checks the arguments of [`CounterProvider::increment_within`] and returns the bounds.
pub(crate) fn checked_bounds(by: i64, bounds: &RangeInclusive<i64>) -> Result<(i64, i64)> {
    let (floor, ceiling) = (*bounds.start(), *bounds.end());
    let exact = -MAX_EXACT..=MAX_EXACT;
    if !exact.contains(&by) {
        return Err(CacheError::invalid("by", format!("{by} is beyond ±(2^53 - 1)")));
    }
    if !exact.contains(&floor) || !exact.contains(&ceiling) {
        return Err(CacheError::invalid("bounds", format!("{floor}..={ceiling} is beyond ±(2^53 - 1)")));
    }
    Ok((floor, ceiling))
}
