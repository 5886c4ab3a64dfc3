//! The table and the goals.

use std::fmt::Write;
use std::path::Path;

use crate::peers::{Peer, STAMPEDE};
use crate::tags::ENTRIES;

/// Our time for a hit, over that of the faster of the others: at most.
const GOAL: f64 = 1.0;

/// The time to invalidate the tag of the most entries, over that of the fewest: at most, to count as constant. What is
/// more than 1 of it is the processor's caches, which the entries fill.
const CONSTANT: f64 = 2.0;

fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Two cells: the minimum and the median.
fn shown(values: &[f64]) -> String {
    let minimum = values.iter().copied().reduce(f64::min);
    let cell = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
    format!("{} | {}", cell(minimum), cell(median(values)))
}

pub fn markdown(peers: &[Peer], hits: &[Vec<f64>], stampedes: &[Vec<f64>], rounds: u64) -> String {
    let mut text = format!("# Loading, minimum and median of {rounds} rounds\n\n");
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let load = load.split(' ').take(3).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "Load of the machine at the end: {load} on {cores} cores.\n");
    }
    let _ = writeln!(
        text,
        "| | a hit, ns: minimum | median | {STAMPEDE} callers of one key, ms: minimum | median |\n|---|---|---|---|---|"
    );
    for (at, peer) in peers.iter().enumerate() {
        let (hits, stampedes) = (shown(&hits[at]), shown(&stampedes[at]));
        let _ = writeln!(text, "| {} | {hits} | {stampedes} |", peer.name);
    }
    text.push('\n');
    for (ours, mine) in peers.iter().zip(hits).filter(|(peer, _)| peer.is_ours) {
        let others: Vec<&Vec<f64>> = peers
            .iter()
            .zip(hits)
            .filter(|(peer, _)| !peer.is_ours && peer.is_async == ours.is_async)
            .map(|(_, times)| times)
            .collect();
        // Round by round: what slows a whole round down does not count.
        let fastest = |round: usize| others.iter().map(|times| times[round]).fold(f64::INFINITY, f64::min);
        let ratios: Vec<f64> = mine.iter().enumerate().map(|(round, time)| time / fastest(round)).collect();
        if let Some(ratio) = median(&ratios) {
            let verdict = if ratio <= GOAL { "reached" } else { "not reached" };
            let _ = writeln!(
                text,
                "- {}: a hit takes {ratio:.2} of the time of the fastest peer (goal: at most {GOAL}): {verdict}.",
                ours.name
            );
        }
    }
    text
}

/// The times to invalidate a tag, for each number of entries.
pub fn tags(times: &[Vec<f64>]) -> String {
    let mut text = "\n| entries with the tag | invalidate_tags, ns |\n|---|---|\n".to_owned();
    for (entries, times) in ENTRIES.iter().zip(times) {
        let _ = writeln!(text, "| {entries} | {:.1} |", median(times).unwrap_or(f64::NAN));
    }
    let (fewest, most) = (&times[0], &times[times.len() - 1]);
    let ratios: Vec<f64> = most.iter().zip(fewest).map(|(most, fewest)| most / fewest).collect();
    if let Some(ratio) = median(&ratios) {
        let verdict = if ratio <= CONSTANT { "reached" } else { "not reached" };
        let _ = writeln!(
            text,
            "\nThe most entries take {ratio:.2} of the time of the fewest (goal: constant, at most {CONSTANT}): {verdict}."
        );
    }
    text
}

pub fn write(text: &str) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench-results");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("loading.md"), text)
}
