//! The report as a readable table.

use std::fmt::Write as _;

use super::{Recommendation, Report};
use crate::policies::Policy;

/// A number with a comma before every three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

pub(super) fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

fn counted(number: u64, one: &str, several: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { several })
}

impl Report {
    /// The report as a table, with the recommended sizes below it.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!(
            "{} for {}, read as {}",
            counted(self.requests.into(), "request", "requests"),
            counted(self.keys.into(), "key", "keys"),
            self.format
        );
        if self.skipped > 0 {
            let _ = write!(
                text,
                "; {} left out",
                counted(self.skipped, "line that is no lookup", "lines that are no lookups")
            );
        }
        text.push_str("\n\n");
        let heads = self.policies.iter().map(|policy| policy.title().to_owned());
        let mut rows: Vec<Vec<String>> = vec![std::iter::once("entries".to_owned()).chain(heads).collect()];
        for &size in &self.sizes {
            let ratios = self
                .policies
                .iter()
                .map(|&policy| self.cell(policy, size).map_or_else(String::new, |cell| percent(cell.hit_ratio)));
            rows.push(std::iter::once(grouped(size.into())).chain(ratios).collect());
        }
        for row in &rows {
            let cells = row.iter().enumerate().map(|(column, cell)| {
                let width = rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
                format!("{cell:>width$}")
            });
            text.push_str(&cells.collect::<Vec<_>>().join("  "));
            text.push('\n');
        }
        let advice = self.advice();
        if !advice.is_empty() {
            let _ = write!(text, "\n{}\n", advice.join("\n"));
        }
        text
    }

    /// A sentence for each policy that isocache offers: the smallest size within one percentage point of its best. If
    /// no key repeats, one sentence says so.
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        if self.requests == self.keys {
            return vec!["No key is requested twice, so no cache would find anything".to_owned()];
        }
        let found = |policy| self.recommendations.iter().find(|recommendation| recommendation.policy == policy);
        let sentence = |policy: Policy| {
            let Some(&Recommendation { size, hit_ratio, best, .. }) = found(policy) else {
                return format!("{}: finds nothing at any of these sizes", policy.title());
            };
            let entries = counted(size.into(), "entry", "entries");
            format!(
                "{}: {entries}, the smallest size within one point of the best ({} of {})",
                policy.title(),
                percent(hit_ratio),
                percent(best)
            )
        };
        self.policies.iter().copied().filter(|policy| policy.is_offered()).map(sentence).collect()
    }
}
