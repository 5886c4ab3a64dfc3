//! A sliding window, over up to 64 counters.
//!
//! The limit is divided among cells. A request takes room in a cell, and a cell is empty again one window after its
//! first request. Up to a limit of 64, a cell holds one request: together, the cells are a log of the requests in the
//! window. Above that, requests share cells, and those that joined a cell later are forgotten too early. A new cell is
//! taken only when no other has room, so at most one is partly used at any time: this allows at most `size - 1`
//! requests too many.
//!
//! The counter of a cell is `end * (size + 1) + used`, where `end` is the time at which it is empty again. Each change
//! makes it greater, so `increment_within` can tell whether a cell has changed since it was read.

use std::time::Duration;

use super::Verdict;
use crate::error::{CacheError, Result};
use crate::provider::{CacheProvider, CounterProvider, read_many};

const MAX_CELLS: u64 = 64;

/// Counters stay below this, so that JavaScript also represents them exactly.
const COUNTS: u64 = 1 << 53;

/// The latest time, in milliseconds since 1970, apart from two windows: the year 2109.
const LATEST: u64 = 1 << 42;

#[derive(Clone, Copy, Debug)]
pub(super) struct SlidingWindow {
    limit: u64,
    /// The length in milliseconds.
    length: u64,
    /// The number of requests in a full cell.
    size: u64,
    /// The milliseconds in a unit of `end`: 1, unless cells are so large that counters would not be exact.
    unit: u64,
}

/// A cell that contains counted requests.
struct Cell {
    /// The time at which it is empty again.
    end: u64,
    used: u64,
}

/// A counter after a request has taken room in it.
struct Taken {
    index: usize,
    units: u64,
    count: i64,
}

impl SlidingWindow {
    pub(super) fn new(limit: u64, length: u64) -> Result<Self> {
        let size = limit.div_ceil(MAX_CELLS);
        let unit = (LATEST + 2 * length).div_ceil(COUNTS / (size + 1));
        // A unit must be a small part of the window.
        if unit > 1 && unit.saturating_mul(MAX_CELLS) > length {
            let reason = format!("{limit} requests in {length} ms are too many for a sliding window");
            return Err(CacheError::invalid("limit", reason));
        }
        Ok(Self { limit, length, size, unit })
    }

    /// The keys of the cells. Another limit has other keys, because the size of its cells may differ.
    pub(super) fn counters(&self, key: &str) -> Vec<String> {
        let Self { limit, length, size, .. } = self;
        (0..limit.div_ceil(*size)).map(|index| format!("{key}:{length}:sliding:{limit}:{index}")).collect()
    }

    fn capacity(&self, index: usize) -> u64 {
        self.limit.saturating_sub(self.size * index as u64).min(self.size)
    }

    /// The `end` of a cell that is taken now.
    fn end(&self, now: u64) -> Result<u64> {
        let end = now.saturating_add(self.length) / self.unit;
        if end >= COUNTS / (self.size + 1) {
            let reason = format!("{now} ms is too late for a sliding window; is it in milliseconds?");
            return Err(CacheError::invalid("clock", reason));
        }
        Ok(end)
    }

    /// The cell of a counter, if it contains counted requests.
    fn cell(&self, count: i64, now: u64) -> Option<Cell> {
        let count = u64::try_from(count).unwrap_or(0);
        let (end, used) = (count / (self.size + 1) * self.unit, count % (self.size + 1));
        (end > now && used > 0).then_some(Cell { end, used })
    }

    /// The room in a cell.
    fn room_in(&self, (index, &count): (usize, &i64), now: u64) -> u64 {
        self.capacity(index).saturating_sub(self.cell(count, now).map_or(0, |cell| cell.used))
    }

    fn room(&self, counts: &[i64], now: u64) -> u64 {
        counts.iter().enumerate().map(|cell| self.room_in(cell, now)).sum()
    }

    /// The cell that the next request takes room in: a used one, if one has room.
    fn next(&self, counts: &[i64], now: u64) -> Option<usize> {
        let with_room = || counts.iter().enumerate().filter(|cell| self.room_in(*cell, now) > 0);
        let used = with_room().find(|(_, count)| self.cell(**count, now).is_some());
        used.or_else(|| with_room().next()).map(|(index, _)| index)
    }

    fn verdict(&self, allowed: bool, counts: &[i64], cost: u64, now: u64) -> Verdict {
        let room = self.room(counts, now);
        let mut cells: Vec<Cell> = counts.iter().filter_map(|count| self.cell(*count, now)).collect();
        cells.sort_unstable_by_key(|cell| cell.end);
        let end = if allowed {
            cells.last().map_or(now, |cell| cell.end)
        } else {
            let mut missing = cost.saturating_sub(room).max(1);
            let enough = cells.iter().find(|cell| {
                missing = missing.saturating_sub(cell.used);
                missing == 0
            });
            enough.map_or(now + self.length, |cell| cell.end)
        };
        Verdict { allowed, remaining: i128::from(room), reset_after: end - now }
    }

    async fn read<P: CacheProvider<i64>>(&self, counters: &P, names: &[String]) -> Result<Vec<i64>> {
        let found = read_many(counters, &names.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        // A custom provider might return fewer.
        let mut counts: Vec<i64> = found.into_iter().map(|count| count.unwrap_or(0).max(0)).collect();
        counts.resize(names.len(), 0);
        Ok(counts)
    }

    pub(super) async fn peek<P>(&self, counters: &P, key: &str, cost: u64, now: u64) -> Result<Verdict>
    where
        P: CacheProvider<i64>,
    {
        let counts = self.read(counters, &self.counters(key)).await?;
        Ok(self.verdict(self.room(&counts, now) >= cost, &counts, cost, now))
    }

    pub(super) async fn check<P>(&self, counters: &P, key: &str, cost: u64, now: u64) -> Result<Verdict>
    where
        P: CounterProvider + CacheProvider<i64>,
    {
        let end = self.end(now)?;
        let names = self.counters(key);
        let mut counts = self.read(counters, &names).await?;
        let mut taken = Vec::new();
        let mut missing = cost;
        while missing > 0 {
            let next = self.next(&counts, now).filter(|_| self.room(&counts, now) >= missing);
            let Some(index) = next else {
                self.give_back(counters, &names, &taken, &mut counts).await;
                return Ok(self.verdict(false, &counts, cost, now));
            };
            let units = missing.min(self.room_in((index, &counts[index]), now));
            let seen = counts[index];
            // The new value of the counter, and its maximum.
            let (becomes, most) = if self.cell(seen, now).is_some() {
                (seen + integer(units), self.full(index, seen))
            } else {
                let becomes = integer(end * (self.size + 1) + units);
                (becomes, becomes)
            };
            let changed =
                counters.increment_within(&names[index], becomes - seen, seen..=most, Some(self.ttl())).await?;
            if changed.stored {
                missing -= units;
                taken.push(Taken { index, units, count: changed.count });
            }
            // If it was not stored, others were faster, and the count is greater.
            counts[index] =
                if changed.count > seen || changed.stored { changed.count } else { self.full(index, becomes) };
        }
        Ok(self.verdict(true, &counts, cost, now))
    }

    /// The counter of the cell if nothing were used.
    fn empty(&self, count: i64) -> i64 {
        count - count % integer(self.size + 1)
    }

    /// The counter of the cell if it were full.
    fn full(&self, index: usize, count: i64) -> i64 {
        self.empty(count) + integer(self.capacity(index))
    }

    /// Returns the units taken for a refused request. If this fails, they stay taken: too few requests are allowed,
    /// never too many.
    async fn give_back<P>(&self, counters: &P, names: &[String], taken: &[Taken], counts: &mut [i64])
    where
        P: CounterProvider,
    {
        for &Taken { index, units, count } in taken {
            let units = integer(units);
            counts[index] -= units;
            // Unless the cell was taken again, or evicted.
            let bounds = self.empty(count) + units..=self.full(index, count) - units;
            let _ = counters.increment_within(&names[index], -units, bounds, Some(self.ttl())).await;
        }
    }

    /// Twice the window, so that a machine whose clock is behind still finds the counter.
    fn ttl(&self) -> Duration {
        Duration::from_millis(2 * self.length)
    }
}

/// Counts are below 2^53.
fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
