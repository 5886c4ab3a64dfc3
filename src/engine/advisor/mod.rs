//! Estimates the hit ratios of a cache at other sizes and under other policies, while it runs.
//!
//! An [`Advisor`] sees lookups and simulates ten caches at once: two policies at five sizes. It does so for a
//! [sample](sample) of the keys, and in *periods*: the first begins with the cache, and later ones are short and far
//! apart, so that a hit takes little longer in the long run. It reads no clock.

mod fifos;
mod keys;
mod recency;
mod sample;
#[cfg(test)]
mod tests;

use self::keys::CACHES;
use self::sample::{Counts, Sample};
use super::{MAX_SLOTS, Policy};

/// The simulated sizes, as multiples of the current one.
pub const FACTORS: [f64; CACHES] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// The number of sampled lookups in the first period, and in each later one.
const FIRST: u64 = 100_000;
const LATER: u64 = 1 << 15;
/// The budget of all later periods together, in steps of the simulation: one for every `EARLY_SHARE` of the first
/// `EARLY` lookups, and one for every `SHARE` of the others.
const EARLY_SHARE: u64 = 12;
const EARLY: u64 = 1 << 22;
const SHARE: u64 = 128;
/// At the beginning of a later period, the simulated caches are empty, or hold what was used in the previous one. This
/// number of sampled lookups is not counted.
const WARM_UP: u64 = 1 << 12;
/// The number of sampled entries that is enough at the current size, once not all keys are sampled. With fewer samples
/// for each lookup, a period covers more time.
const ENOUGH: u32 = 128;
/// Ratios closer than this to 0 or 1 count as this far from them.
const LEAST: f64 = 1e-4;

/// The estimated hit ratios of a cache at one size.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// The size, as a multiple of the current one.
    pub factor: f64,
    /// The size in entries. In a cache with a limit on bytes, it is the number of entries that fit.
    pub max_entries: u64,
    /// The hit ratio under [`Policy::Lru`], from 0 to 1.
    pub lru: f64,
    /// The hit ratio under [`Policy::S3Fifo`], from 0 to 1.
    pub s3_fifo: f64,
}

/// Samples the lookups of a cache.
#[derive(Debug)]
pub struct Advisor {
    sample: Sample,
    /// The size of the cache in entries.
    entries: u32,
    /// The hits and misses of the cache before the advisor began.
    before: (u64, u64),
    /// The sampled lookups.
    sampled: u64,
    /// The number of sampled lookups with which the period ends.
    end: u64,
    /// The cost of the later periods.
    cost: u64,
    /// The number of sampled lookups with which a warm-up ends, the counts before it, and their rate.
    warm_up: Option<(u64, Counts, f64)>,
    is_paused: bool,
}

impl Advisor {
    /// Creates an advisor for a cache of `entries` entries. It takes 64 KiB.
    #[must_use]
    pub fn new(entries: u32) -> Self {
        let entries = entries.clamp(1, MAX_SLOTS);
        Self {
            sample: Sample::new(sizes(entries)),
            entries,
            before: (0, 0),
            sampled: 0,
            end: FIRST,
            cost: 0,
            warm_up: None,
            is_paused: false,
        }
    }

    /// Its size in bytes.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.sample.bytes() - size_of::<Sample>()
    }

    /// Hits on keys whose hash is at most this must be [recorded](Self::record). It is 0 in a pause.
    #[must_use]
    pub fn bound(&self) -> u64 {
        if self.is_paused { 0 } else { self.miss_bound() }
    }

    /// Misses of keys whose hash is at most this must be recorded. One of them ends a pause.
    #[must_use]
    pub fn miss_bound(&self) -> u64 {
        u64::from(self.sample.bound) << 32 | u64::from(u32::MAX)
    }

    /// Records a lookup of a key, by a hash with well-mixed bits; `lookups` is the number of lookups so far.
    pub fn record(&mut self, hash: u64, is_hit: bool, lookups: u64) {
        if hash > self.miss_bound() || self.is_paused && (is_hit || !self.resume(lookups)) {
            return;
        }
        // The halves of the hash.
        #[allow(clippy::cast_possible_truncation)]
        let cost = self.sample.record((hash >> 32) as u32, hash as u32);
        self.sampled += 1;
        self.cost += if self.sampled > FIRST { cost } else { 0 };
        if self.warm_up.is_some_and(|(end, ..)| self.sampled >= end) {
            self.sample.counts = self.counts();
            self.warm_up = None;
        }
        self.is_paused = self.sampled >= self.end;
        if self.is_paused {
            self.sample.lower_to(f64::from(ENOUGH) / f64::from(self.entries));
        }
    }

    /// Begins the next period, if enough lookups have passed.
    fn resume(&mut self, lookups: u64) -> bool {
        let lookups = lookups.saturating_sub(self.before.0 + self.before.1);
        let budget = lookups.min(EARLY) / EARLY_SHARE + lookups.saturating_sub(EARLY) / SHARE;
        let due = self.cost + LATER <= budget;
        if due {
            self.is_paused = false;
            self.end = self.sampled + LATER;
            self.warm_up = Some((self.sampled + WARM_UP, self.sample.counts, self.sample.rate()));
            self.sample.resume();
        }
        due
    }

    /// The counts, without a warm-up.
    fn counts(&self) -> Counts {
        let Some((_, mut counts, rate)) = self.warm_up else { return self.sample.counts };
        counts.scale(self.sample.rate() / rate);
        counts
    }

    /// Adopts a new size of the cache, after this many hits and misses. Everything learned for another size is
    /// forgotten.
    pub fn resize(&mut self, entries: u32, hits: u64, misses: u64) {
        if entries != self.entries {
            *self = Self { before: (hits, misses), ..Self::new(entries) };
        }
    }

    /// Adopts the size of a cache that is still filling up, and whose limit is not one on entries.
    pub fn grow(&mut self, entries: u32) {
        if entries / 16 * 15 > self.entries {
            self.entries = entries.min(MAX_SLOTS);
            self.sample.set_sizes(sizes(self.entries));
        }
    }

    /// Returns the estimates for each of the [`FACTORS`], for a cache under `policy` with this many hits and misses so
    /// far; none before the first lookup.
    ///
    /// The simulation is wrong by about as much at the current size, where the truth is known, as at the others. So all
    /// estimates are adjusted until that one is right. If not all keys are sampled, it is wrong mostly because some of
    /// the most frequent keys, which hit at every size, are all in the sample or all outside: all miss ratios are off
    /// by the same factor. Otherwise it is wrong because of the time between the periods: all ratios are shifted, in
    /// log-odds, but none by more than that one.
    #[must_use]
    pub fn estimates(&self, policy: Policy, hits: u64, misses: u64) -> Vec<Estimate> {
        let (hits, misses) = (hits.saturating_sub(self.before.0), misses.saturating_sub(self.before.1));
        let counts = self.counts();
        if counts.uses < 1.0 || hits + misses == 0 {
            return Vec::new();
        }
        let present = match policy {
            Policy::Lru => counts.lru(),
            Policy::S3Fifo => counts.s3_fifo(),
        };
        // Counts are far below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let truth = hits as f64 / (hits + misses) as f64;
        let simulated = present.get(CACHES / 2).map_or(0.0, |hits| hits / counts.uses);
        let (shift, most) = (log_odds(truth) - log_odds(simulated), (truth - simulated).abs());
        let missed =
            if self.sample.is_whole() || simulated >= 1.0 { None } else { Some((1.0 - truth) / (1.0 - simulated)) };
        let shifted = |hits: f64| {
            let simulated = hits / counts.uses;
            if let Some(factor) = missed {
                return (1.0 - (1.0 - simulated) * factor).max(0.0);
            }
            // Log-odds are steep near 0 and 1.
            simulated + (ratio(log_odds(simulated) + shift) - simulated).clamp(-most, most)
        };
        let ratios = counts.lru().into_iter().zip(counts.s3_fifo());
        FACTORS
            .into_iter()
            .zip(sizes(self.entries))
            .zip(ratios)
            .map(|((factor, size), (lru, s3_fifo))| Estimate {
                factor,
                max_entries: size.into(),
                lru: shifted(lru),
                s3_fifo: shifted(s3_fifo),
            })
            .collect()
    }
}

/// The sizes to simulate for a cache.
fn sizes(entries: u32) -> [u32; CACHES] {
    // At most 2^32.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    FACTORS.map(|factor| (f64::from(entries) * factor).round().max(1.0) as u32)
}

fn log_odds(ratio: f64) -> f64 {
    let ratio = ratio.clamp(LEAST, 1.0 - LEAST);
    (ratio / (1.0 - ratio)).ln()
}

/// The ratio of log-odds.
fn ratio(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}
