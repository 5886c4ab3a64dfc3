//! A fixed window, over one counter for each window.

use std::time::Duration;

use super::Verdict;
use crate::error::Result;
use crate::provider::{CacheProvider, CounterProvider, read_many};

/// Windows of one length. They begin at whole multiples of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct FixedWindow {
    pub(super) limit: u64,
    /// The length in milliseconds.
    pub(super) length: u64,
}

impl FixedWindow {
    /// The time until the window ends.
    pub(super) fn left(&self, now: u64) -> u64 {
        self.length - now % self.length
    }

    /// The key of the counter of the current window.
    pub(super) fn counter(&self, key: &str, now: u64) -> String {
        format!("{key}:{}:{}", self.length, now / self.length)
    }

    fn verdict(&self, count: i64, cost: i64, now: u64) -> Verdict {
        let remaining = i128::from(self.limit) - i128::from(count);
        Verdict { allowed: remaining >= i128::from(cost), remaining, reset_after: self.left(now) }
    }

    pub(super) async fn check<P: CounterProvider>(
        &self,
        counters: &P,
        key: &str,
        units: i64,
        now: u64,
    ) -> Result<Verdict> {
        // Twice the window, so that a machine whose clock is behind still finds the counter.
        let ttl = Duration::from_millis(2 * self.length);
        let count = counters.increment(&self.counter(key, now), units, Some(ttl)).await?;
        Ok(self.verdict(count, 0, now))
    }

    pub(super) async fn peek<P: CacheProvider<i64>>(
        &self,
        counters: &P,
        key: &str,
        units: i64,
        now: u64,
    ) -> Result<Verdict> {
        let found = read_many(counters, &[&self.counter(key, now)]).await?;
        let count = found.into_iter().flatten().next().unwrap_or(0).max(0);
        Ok(self.verdict(count, units, now))
    }
}
