//! Counters in memory.

use std::ops::RangeInclusive;
use std::time::Duration;

#[cfg(feature = "serde")]
use bytes::Bytes;
#[cfg(feature = "serde")]
use serde_json::Value;

use super::cache::MemoryCache;
use crate::engine::{Millis, Refused};
use crate::error::{CacheError, Result};
use crate::key;
use crate::provider::{BoundedIncrement, checked_bounds};

/// Value types that can be counters: `i64`; with the feature `serde` also JSON numbers, and bytes that contain digits,
/// as in Redis.
pub trait Count: sealed::Sealed + Sized {
    /// Reads the value as a number. The error says why it is not a number.
    ///
    /// # Errors
    /// For anything but an integer of 64 bits.
    fn count(&self) -> Result<i64, String>;

    /// Converts a number to a value.
    fn from_count(count: i64) -> Self;
}

/// The implementations run under the lock of the cache, so the trait is sealed against foreign code.
mod sealed {
    pub trait Sealed {}
    impl Sealed for i64 {}
    #[cfg(feature = "serde")]
    impl Sealed for bytes::Bytes {}
    #[cfg(feature = "serde")]
    impl Sealed for serde_json::Value {}
}

#[cfg(feature = "serde")]
fn not_a_counter() -> String {
    "it is not an integer of 64 bits; delete it first, and write counters with increment, or with set as JSON"
        .to_owned()
}

impl Count for i64 {
    fn count(&self) -> Result<i64, String> {
        Ok(*self)
    }

    fn from_count(count: i64) -> Self {
        count
    }
}

#[cfg(feature = "serde")]
impl Count for Value {
    fn count(&self) -> Result<i64, String> {
        self.as_i64().ok_or_else(not_a_counter)
    }

    fn from_count(count: i64) -> Self {
        Value::from(count)
    }
}

#[cfg(feature = "serde")]
impl Count for Bytes {
    fn count(&self) -> Result<i64, String> {
        let text = std::str::from_utf8(self).map_err(|_| not_a_counter())?;
        let count: i64 = text.parse().map_err(|_| not_a_counter())?;
        // Redis accepts a number only in its own spelling, so not `+1` or `007`.
        if count.to_string() == text { Ok(count) } else { Err(not_a_counter()) }
    }

    fn from_count(count: i64) -> Self {
        Bytes::from(count.to_string())
    }
}

/// The counter before an increment.
#[derive(Clone, Copy, PartialEq)]
struct Before {
    count: i64,
    deadline: Millis,
}

/// A change of a counter.
struct Step {
    /// The new count; `None` to leave it unchanged.
    count: Option<i64>,
    /// Whether the ttl restarts even if the counter exists.
    restarts_ttl: bool,
}

impl<T: Count> MemoryCache<T> {
    /// Adds to a counter, as [`CounterProvider::increment`](crate::CounterProvider::increment).
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a key, ttl or value outside the limits, or a sum beyond 64 bits;
    /// [`CacheError::Deserialize`] for an entry that is not an integer. Nothing was changed.
    pub fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        self.count(key, ttl, |count| {
            let count = count.checked_add(by).ok_or_else(|| {
                CacheError::invalid("by", format!("takes the counter of key {} beyond 64 bits", key::quote(key)))
            })?;
            Ok((Step { count: Some(count), restarts_ttl: false }, count))
        })
    }

    /// Adds to a counter if the sum is within bounds, as
    /// [`CounterProvider::increment_within`](crate::CounterProvider::increment_within).
    ///
    /// # Errors
    /// As for [`increment`](Self::increment), and for a `by` or a bound beyond ±(2^53 - 1).
    pub fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> Result<BoundedIncrement> {
        let (floor, ceiling) = checked_bounds(by, &bounds)?;
        self.count(key, ttl, |count| {
            let before = count.max(floor);
            let sum = before.saturating_add(by);
            let stored = sum <= ceiling;
            let step = Step { count: stored.then_some(sum), restarts_ttl: true };
            Ok((step, BoundedIncrement { stored, count: if stored { sum } else { before } }))
        })
    }

    /// Changes a counter. `step` may be called several times, with the count at that time.
    fn count<R>(&self, key: &str, ttl: Option<Duration>, step: impl Fn(i64) -> Result<(Step, R)>) -> Result<R> {
        let key = &*self.whole(key)?;
        key::check(key)?;
        let _write = self.shared.single_flight.write_now(key);
        let hashed = self.shared.hashed(key);
        loop {
            let before = self.shared.with_key(hashed, |locked, leavers| {
                let slot = locked.table.find(hashed, locked.now, leavers);
                let entry = slot.and_then(|slot| Some((locked.table.value(slot)?, locked.table.engine.deadline(slot))));
                let before = entry.map(|(value, deadline)| value.count().map(|count| Before { count, deadline }));
                before.transpose()
            });
            let before =
                before.map_err(|reason| CacheError::Deserialize { key: self.known(key).to_owned(), reason })?;
            let (Step { count, restarts_ttl }, result) = step(before.map_or(0, |before| before.count))?;
            let Some(count) = count else {
                self.shared.ttl(ttl)?;
                return Ok(result);
            };
            // Measured outside the lock, because that runs the caller's code.
            let value = T::from_count(count);
            let checked = self.shared.check(key, &value, ttl)?;
            if checked.is_oversized {
                return Err(self.shared.rules.refusal(self.known(key), Refused::TooHeavy, checked.weight));
            }
            let stored = self.shared.with_room(hashed, |locked, leavers| {
                // A new counter's ttl begins now. If no entry had one before, the clock was not even read.
                let deadline = match before {
                    Some(before) if !restarts_ttl => before.deadline,
                    _ => locked.now + checked.ttl,
                };
                let slot = locked.table.find(hashed, locked.now, leavers);
                let current = slot.and_then(|slot| {
                    let count = locked.table.value(slot)?.count().ok();
                    Some((count, locked.table.engine.deadline(slot)))
                });
                let unchanged = match (before, current) {
                    (None, None) => true,
                    (Some(before), Some((Some(count), deadline))) => before == (Before { count, deadline }),
                    _ => false,
                };
                if !unchanged {
                    return None;
                }
                let stored = locked.table.set(hashed, value, checked.weight, deadline, locked.now, leavers);
                if self.shared.touches_on_get && (before.is_none() || restarts_ttl) {
                    locked.table.keep_ttl(hashed, checked.ttl);
                }
                Some(stored)
            });
            // Without a result, another caller was faster.
            if let Some(stored) = stored {
                let refused = |(refused, _)| self.shared.rules.refusal(self.known(key), refused, checked.weight);
                return stored.map(|()| result).map_err(refused);
            }
        }
    }
}
