//! A token bucket, over one counter.
//!
//! The counter holds the time at which the bucket will be full, in units of a fraction of a millisecond. Taking tokens
//! moves that time further away; a bucket that is full now has a time that has passed. This is the generic cell rate
//! algorithm.

use std::time::Duration;

use super::Verdict;
use crate::error::{CacheError, Result};
use crate::provider::{CacheProvider, CounterProvider, read_many};

/// The maximum number of units in a millisecond. Times in units stay exact in JavaScript, whose numbers have 53 bits.
const MAX_UNITS: u64 = 1000;

/// The longest time in which a bucket fills, in units.
const MAX_FULL: u64 = 1 << 52;

#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    limit: u64,
    /// The requested length, in milliseconds.
    window: u64,
    /// The number of units in a millisecond.
    units: u64,
    /// The number of units in which one token comes back.
    interval: u64,
}

impl Bucket {
    pub(super) fn new(limit: u64, window: u64) -> Result<Self> {
        let divisor = gcd(limit, window);
        let (units, interval) = if limit / divisor <= MAX_UNITS {
            (limit / divisor, window / divisor)
        } else {
            // Rounded up, by less than a hundredth, so that tokens come no faster than requested.
            let interval = window.saturating_mul(MAX_UNITS).div_ceil(limit);
            if interval < 100 {
                let reason = format!("{limit} tokens in {window} ms is more than 10 in a millisecond");
                return Err(CacheError::invalid("limit", reason));
            }
            (MAX_UNITS, interval)
        };
        match interval.checked_mul(limit) {
            Some(full) if full <= MAX_FULL => Ok(Self { limit, window, units, interval }),
            _ => Err(CacheError::invalid("window", format!("{window} ms is too long for {limit} tokens"))),
        }
    }

    /// The time in which an empty bucket becomes full, in units.
    fn full(&self) -> u64 {
        self.interval * self.limit
    }

    /// The time in which an empty bucket becomes full, in milliseconds: as requested, or less than a hundredth longer.
    pub(super) fn window(&self) -> u64 {
        self.full().div_ceil(self.units)
    }

    /// A bucket of another size or rate has another counter, because the units may differ.
    pub(super) fn counter(&self, key: &str) -> String {
        format!("{key}:{}:bucket:{}", self.window, self.limit)
    }

    /// The current time in units.
    fn now(&self, now: u64) -> Result<i64> {
        let units = now.checked_mul(self.units).filter(|units| *units <= MAX_FULL);
        units.and_then(|units| i64::try_from(units).ok()).ok_or_else(|| {
            CacheError::invalid("clock", format!("{now} ms is too late for a token bucket; is it in milliseconds?"))
        })
    }

    fn verdict(&self, allowed: bool, full_at: i64, cost: u64, now: i64) -> Verdict {
        let [full, interval, units] = [self.full(), self.interval, self.units].map(i128::from);
        let missing = i128::from(full_at) - i128::from(now);
        let wait = if allowed { missing } else { missing + i128::from(cost) * interval - full };
        let reset_after = (wait + units - 1).div_euclid(units).max(i128::from(!allowed));
        Verdict {
            allowed,
            remaining: (full - missing).div_euclid(interval),
            reset_after: u64::try_from(reset_after).unwrap_or_default(),
        }
    }

    pub(super) async fn check<P: CounterProvider>(
        &self,
        counters: &P,
        key: &str,
        cost: u64,
        now: u64,
    ) -> Result<Verdict> {
        let now = self.now(now)?;
        // The cost is at most the limit, and the sum at most 2^52.
        let units = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
        let bounds = now..=now + units(self.full());
        // Twice the time, so that a machine whose clock is behind still finds the counter.
        let ttl = Duration::from_millis(2 * self.window());
        let counter = self.counter(key);
        let taken = counters.increment_within(&counter, units(cost * self.interval), bounds, Some(ttl)).await?;
        Ok(self.verdict(taken.stored, taken.count, cost, now))
    }

    pub(super) async fn peek<P: CacheProvider<i64>>(
        &self,
        counters: &P,
        key: &str,
        cost: u64,
        now: u64,
    ) -> Result<Verdict> {
        let now = self.now(now)?;
        let found = read_many(counters, &[&self.counter(key)]).await?;
        let full_at = found.into_iter().flatten().next().unwrap_or(0).max(now);
        let room = i128::from(self.full()) - (i128::from(full_at) - i128::from(now));
        let allowed = room >= i128::from(cost) * i128::from(self.interval);
        Ok(self.verdict(allowed, full_at, cost, now))
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
