//! The result of a simulation, and its output formats.

mod chart;
mod table;

use serde::Serialize;

use crate::input::{Recorded, UnreadableLine};
use crate::policies::Policy;
use crate::trace::Trace;

/// A hit ratio is good enough if it is lower than the best one by one in this many requests.
const GOOD_ENOUGH: u64 = 100;

/// The result of one policy at one size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// The policy.
    pub policy: Policy,
    /// The size of the cache, in entries.
    pub size: u32,
    /// The requests that found their entry.
    pub hits: u64,
    /// The ratio of hits to requests, from 0 to 1.
    pub hit_ratio: f64,
}

impl Cell {
    pub(crate) fn simulate(policy: Policy, size: u32, trace: &Trace) -> Self {
        let hits = policy.hits(trace, size);
        // Both are below 2^32.
        #[allow(clippy::cast_precision_loss)]
        let hit_ratio = hits as f64 / f64::from(trace.len().max(1));
        Self { policy, size, hits, hit_ratio }
    }
}

/// The smallest size that is as good as any.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// The policy.
    pub policy: Policy,
    /// The smallest size within one percentage point of the best hit ratio, in entries.
    pub size: u32,
    /// The hit ratio at this size, from 0 to 1.
    pub hit_ratio: f64,
    /// The best hit ratio of this policy at any of the sizes.
    pub best: f64,
}

/// The smallest size of one policy within one point of its best; `None` if it has no hits at any size. With
/// `refinements`, sizes between the simulated ones are tried.
pub(crate) fn recommend(cells: &[Cell], trace: &Trace, refinements: u32) -> Option<Recommendation> {
    let best = cells.iter().max_by_key(|cell| cell.hits).filter(|best| best.hits > 0)?;
    // In whole numbers: a ratio that is exactly one point lower is good enough.
    let is_good = |cell: &Cell| (best.hits - cell.hits.min(best.hits)) * GOOD_ENOUGH <= u64::from(trace.len());
    let at = cells.iter().position(is_good)?;
    let mut good = cells[at];
    let mut bad = if at == 0 { 0 } else { cells[at - 1].size };
    for _ in 0..refinements {
        let middle = bad.midpoint(good.size);
        if middle == bad {
            break;
        }
        let cell = Cell::simulate(good.policy, middle, trace);
        if is_good(&cell) {
            good = cell;
        } else {
            bad = middle;
        }
    }
    let Cell { policy, size, hit_ratio, .. } = good;
    Some(Recommendation { policy, size, hit_ratio, best: best.hit_ratio })
}

/// The result of a simulation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The format of the file.
    format: &'static str,
    /// The number of requests.
    requests: u32,
    /// The number of distinct keys.
    keys: u32,
    /// Lines that are not lookups in a cache, such as POST requests in a log.
    skipped: u64,
    /// Lines that could not be read.
    unreadable: u64,
    /// The first of them.
    unreadable_lines: Vec<UnreadableLine>,
    sizes: Vec<u32>,
    policies: Vec<Policy>,
    results: Vec<Cell>,
    recommendations: Vec<Recommendation>,
}

impl Report {
    pub(crate) fn new(
        recorded: &Recorded,
        sizes: Vec<u32>,
        policies: Vec<Policy>,
        results: Vec<Cell>,
        recommendations: Vec<Recommendation>,
    ) -> Self {
        Self {
            format: recorded.format.name(),
            requests: recorded.trace.len(),
            keys: recorded.trace.keys(),
            skipped: recorded.skipped,
            unreadable: recorded.unreadable,
            unreadable_lines: recorded.examples.clone(),
            sizes,
            policies,
            results,
            recommendations,
        }
    }

    /// Every policy at every size.
    #[must_use]
    pub fn results(&self) -> &[Cell] {
        &self.results
    }

    /// For each policy that isocache offers, the smallest size within one percentage point of its best hit ratio.
    #[must_use]
    pub fn recommendations(&self) -> &[Recommendation] {
        &self.recommendations
    }

    /// The hits of one policy at one size, if it was simulated.
    #[must_use]
    pub fn hits(&self, policy: Policy, size: u32) -> Option<u64> {
        self.cell(policy, size).map(|cell| cell.hits)
    }

    fn cell(&self, policy: Policy, size: u32) -> Option<&Cell> {
        self.results.iter().find(|cell| (cell.policy, cell.size) == (policy, size))
    }

    /// A warning about unreadable lines, with the first of them; `None` if there are none.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        if self.unreadable == 0 {
            return None;
        }
        let examples =
            self.unreadable_lines.iter().map(|UnreadableLine { line, text }| format!("\n  line {line}: {text:?}"));
        let (lines, which) = if self.unreadable == 1 { ("line is", "It is") } else { ("lines are", "The first") };
        Some(format!(
            "{} {lines} not of the format {} and left out. {which}:{}",
            self.unreadable,
            self.format,
            examples.collect::<String>()
        ))
    }

    /// The report as CSV, with a row for each policy and size.
    #[must_use]
    pub fn csv(&self) -> String {
        let row = |cell: &Cell| format!("{},{},{},{:.6}\n", cell.policy.name(), cell.size, cell.hits, cell.hit_ratio);
        std::iter::once("policy,size,hits,hit_ratio\n".to_owned()).chain(self.results.iter().map(row)).collect()
    }

    /// The report as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        // It cannot fail: all keys are strings, and JSON can represent every number.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}
