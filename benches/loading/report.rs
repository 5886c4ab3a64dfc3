//! The table and the goals.

use std::fmt::Write;
use std::path::Path;

use crate::peers::{Peer, STAMPEDE};

/// Our time for a hit, over that of the faster of the others: at most.
const GOAL: f64 = 1.0;

fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

pub fn markdown(peers: &[Peer], hits: &[Vec<f64>], stampedes: &[Vec<f64>], rounds: u64) -> String {
    let mut text = format!("# Loading, medians of {rounds} rounds\n\n");
    let _ = writeln!(text, "| | a hit, ns | {STAMPEDE} callers of one key, ms |\n|---|---|---|");
    for (at, peer) in peers.iter().enumerate() {
        let shown = |values: &[f64]| median(values).map_or("-".to_owned(), |value| format!("{value:.1}"));
        let _ = writeln!(text, "| {} | {} | {} |", peer.name, shown(&hits[at]), shown(&stampedes[at]));
    }
    // Round by round: what slows a whole round down does not count.
    let ratios: Vec<f64> = (0..hits[0].len())
        .map(|round| hits[0][round] / hits[1..].iter().map(|peer| peer[round]).fold(f64::INFINITY, f64::min))
        .collect();
    if let Some(ratio) = median(&ratios) {
        let verdict = if ratio <= GOAL { "reached" } else { "not reached" };
        let _ = writeln!(
            text,
            "\nA hit takes {ratio:.2} of the time of the faster peer (goal: at most {GOAL}): {verdict}."
        );
    }
    text
}

pub fn write(text: &str) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench-results");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("loading.md"), text)
}
