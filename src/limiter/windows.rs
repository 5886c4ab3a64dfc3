//! Fixed and sliding windows, over counters.

use std::time::Duration;

use super::Verdict;
use crate::error::Result;
use crate::provider::{CacheProvider, CounterProvider, read_many};

/// Windows of one length. They begin at whole multiples of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) limit: u64,
    /// The length in milliseconds.
    pub(super) length: u64,
    /// Whether the share of the previous window that still overlaps is added.
    pub(super) slide: bool,
}

/// The position of a time among the windows.
#[derive(Clone, Copy)]
struct Moment {
    number: u64,
    /// Milliseconds since the window began.
    elapsed: u64,
}

impl Windows {
    fn at(&self, now: u64) -> Moment {
        Moment { number: now / self.length, elapsed: now % self.length }
    }

    /// The time until the window ends.
    pub(super) fn left(&self, now: u64) -> u64 {
        self.length - self.at(now).elapsed
    }

    /// The key of the counter of a window.
    fn counter(&self, key: &str, number: u64) -> String {
        format!("{key}:{}:{number}", self.length)
    }

    /// The counters in which a request may be counted that still matters.
    pub(super) fn counters(&self, key: &str, now: u64) -> [String; 2] {
        let number = self.at(now).number;
        [number, number.saturating_sub(1)].map(|number| self.counter(key, number))
    }

    /// How many requests there is room for; negative if there are too many. The previous window counts by its share of
    /// milliseconds that are less than a window ago. The estimate is rounded down: a part of a request refuses nobody.
    fn room(&self, previous: i64, current: i64, elapsed: u64) -> i128 {
        let [limit, length, elapsed] = [self.limit, self.length, elapsed].map(i128::from);
        limit - i128::from(current) - i128::from(previous) * (length - 1 - elapsed) / length
    }

    /// The time until there is room for a request of this cost, if there is none now.
    fn wait(&self, previous: i64, current: i64, elapsed: u64, cost: u64) -> u64 {
        let [limit, length, elapsed, cost] = [self.limit, self.length, elapsed, cost].map(i128::from);
        let [previous, current] = [previous, current].map(i128::from);
        // The time within a window from which on there is room, for these counts.
        let from = |previous: i128, current: i128| {
            (length - 1 - ((limit - current - cost + 1) * length - 1) / previous.max(1)).max(0)
        };
        let wait = if !self.slide {
            length - elapsed
        } else if current + cost <= limit {
            from(previous, current) - elapsed
        } else {
            // Not in this window. In the next one, this one is the previous.
            length - elapsed + from(current, 0)
        };
        u64::try_from(wait.max(1)).unwrap_or(self.length)
    }

    pub(super) async fn check<P>(&self, counters: &P, key: &str, cost: u64, units: i64, now: u64) -> Result<Verdict>
    where
        P: CounterProvider + CacheProvider<i64>,
    {
        if self.slide {
            self.check_sliding(counters, key, cost, units, now).await
        } else {
            self.check_fixed(counters, key, units, now).await
        }
    }

    async fn check_fixed<P: CounterProvider>(&self, counters: &P, key: &str, units: i64, now: u64) -> Result<Verdict> {
        let Moment { number, elapsed } = self.at(now);
        // Twice the window, so that a machine whose clock is behind still finds the counter.
        let count = self.add(counters, &self.counter(key, number), units, 2).await?;
        let room = i128::from(self.limit) - i128::from(count);
        Ok(Verdict { allowed: room >= 0, remaining: room, reset_after: self.length - elapsed })
    }

    async fn check_sliding<P>(&self, counters: &P, key: &str, cost: u64, units: i64, now: u64) -> Result<Verdict>
    where
        P: CounterProvider + CacheProvider<i64>,
    {
        let Moment { number, elapsed } = self.at(now);
        let (count, previous) = self.counts(counters, key, now).await?;
        let room = self.room(previous, count, elapsed);
        if room < i128::from(cost) {
            let reset_after = self.wait(previous, count, elapsed, cost);
            return Ok(Verdict { allowed: false, remaining: room, reset_after });
        }
        let current = self.counter(key, number);
        let sum = self.add(counters, &current, units, 3).await?;
        let room = self.room(previous, sum, elapsed);
        if room >= 0 {
            return Ok(Verdict { allowed: true, remaining: room, reset_after: self.length - elapsed });
        }
        // Other requests came in between. If the increment cannot be undone, the count stays too high: that refuses
        // requests and never allows them.
        let _ = self.add(counters, &current, -units, 3).await;
        let reset_after = self.wait(previous, sum - units, elapsed, cost);
        Ok(Verdict { allowed: false, remaining: room + i128::from(cost), reset_after })
    }

    pub(super) async fn peek<P>(&self, counters: &P, key: &str, cost: u64, now: u64) -> Result<Verdict>
    where
        P: CounterProvider + CacheProvider<i64>,
    {
        let Moment { elapsed, .. } = self.at(now);
        let (count, previous) = self.counts(counters, key, now).await?;
        let room = self.room(previous, count, elapsed);
        let allowed = room >= i128::from(cost);
        let reset_after = if allowed { self.length - elapsed } else { self.wait(previous, count, elapsed, cost) };
        Ok(Verdict { allowed, remaining: room, reset_after })
    }

    /// The counts of the current window and, if windows slide, of the previous one.
    async fn counts<P: CacheProvider<i64>>(&self, counters: &P, key: &str, now: u64) -> Result<(i64, i64)> {
        let number = self.at(now).number;
        let current = self.counter(key, number);
        let previous = number.checked_sub(1).filter(|_| self.slide).map(|previous| self.counter(key, previous));
        let names: Vec<&str> = [Some(current.as_str()), previous.as_deref()].into_iter().flatten().collect();
        let counts = read_many(counters, &names).await?;
        let count = |at: usize| counts.get(at).copied().flatten().unwrap_or(0).max(0);
        Ok((count(0), count(1)))
    }

    /// Adds to a counter that expires after a number of windows.
    async fn add<P: CounterProvider>(&self, counters: &P, counter: &str, by: i64, windows: u64) -> Result<i64> {
        counters.increment(counter, by, Some(Duration::from_millis(self.length * windows))).await
    }
}
