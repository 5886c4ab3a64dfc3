//! Tables, goals and files.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::pauses::Pauses;
use crate::peers::PEERS;
use crate::speed::{Measured, Operation, Run, Scenario};

/// Times within this factor count as level: a machine with other work on it tells no finer.
const LEVEL: f64 = 1.05;

/// What was measured apart from time, in the order of [`PEERS`].
pub struct Memory {
    pub allocations: Vec<(f64, f64)>,
    /// For each size, the bytes of each peer.
    pub bytes: Vec<(usize, Vec<f64>)>,
    /// The times of single calls.
    pub pauses: Vec<Pauses>,
}

fn quantile(runs: &[Run], of: impl Fn(&Run) -> f64, at: f64) -> Option<f64> {
    let mut values: Vec<f64> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(values[(last as f64 * at).round() as usize])
}

fn median(runs: &[Run], of: impl Fn(&Run) -> f64) -> Option<f64> {
    quantile(runs, of, 0.5)
}

impl Measured<'_> {
    /// The shortest times: what else runs on the machine only adds to them.
    fn times(&self) -> Vec<Option<f64>> {
        self.runs.iter().map(|runs| quantile(runs, |run| run.ns, 0.0)).collect()
    }

    /// The name and the time of the fastest that is not ours.
    fn fastest_peer(&self) -> (&'static str, f64) {
        let times = PEERS.iter().zip(self.times()).filter(|(peer, _)| !peer.is_ours);
        let times = times.filter_map(|(peer, time)| time.map(|time| (peer.name, time)));
        times.min_by(|a, b| a.1.total_cmp(&b.1)).expect("moka takes part in everything")
    }

    /// Our time by the synchronous methods, of that of the fastest peer.
    fn ratio(&self) -> f64 {
        self.times()[0].expect("isocache takes part in everything") / self.fastest_peer().1
    }

    fn label(&self) -> String {
        let scenario = self.scenario;
        let ttl = if scenario.ttl { "ttl" } else { "-" };
        format!("| {} | {} | {ttl} | {}", scenario.name, scenario.entries, scenario.threads)
    }
}

fn header(first: &str) -> String {
    let mut text = format!("| {first}");
    let columns = first.split('|').count();
    for peer in PEERS {
        _ = write!(text, " | {}", peer.name);
    }
    text + " |\n" + &"|---".repeat(columns + PEERS.len()) + "|\n"
}

/// All tables and goals, as Markdown.
pub fn markdown(speed: &[Measured<'_>], memory: &Memory, rounds: usize) -> String {
    let mut text = String::from("# Rust: isocache and its peers\n\n");
    for peer in PEERS {
        _ = writeln!(text, "- {}: {}", peer.name, peer.about);
    }
    _ = writeln!(
        text,
        "\nAll hash with foldhash 0.2. Keys of 12 characters, values u64; minimum / median of {rounds} rounds, each peer in a \
         process of its own, pinned to one processor where there is one thread, the rounds in turn, a new cache for each run. A ttl is one for the whole cache, of an hour.\n\n## Nanoseconds per operation\n\n\
         Wall time over the operations of all threads. The last column is isocache (synchronous) over the fastest peer: \
         below 1 it is faster.\n"
    );
    text += &header("scenario | entries | ttl | threads").replace(" |\n|---", " | over the fastest |\n|---|---");
    for row in speed {
        text += &row.label();
        for (time, runs) in row.times().into_iter().zip(&row.runs) {
            let both = time.zip(median(runs, |run| run.ns));
            text += &both.map_or(" | -".into(), |(least, median)| format!(" | {least:.1} / {median:.1}"));
        }
        _ = writeln!(text, " | {:.2} ({}) |", row.ratio(), row.fastest_peer().0);
    }
    text += "\n## Spread: the middle half of the rounds, over the median\n\n";
    text += &header("scenario | entries | ttl | threads");
    for row in speed {
        text += &row.label();
        for runs in &row.runs {
            let at = |at| quantile(runs, |run| run.ns, at);
            let spread = at(0.25).zip(at(0.5)).zip(at(0.75)).map(|((low, mid), high)| (high - low) / mid);
            text += &spread.map_or(" | -".into(), |spread| format!(" | {:.0} %", spread * 100.0));
        }
        text += " |\n";
    }
    text += "\n## Hit ratio in cache-aside, percent\n\n";
    text += &header("scenario | entries | ttl | threads");
    for row in speed.iter().filter(|row| row.scenario.operation == Operation::CacheAside) {
        text += &row.label();
        for runs in &row.runs {
            let ratio = median(runs, |run| run.hit_ratio);
            text += &ratio.map_or(" | -".into(), |ratio| format!(" | {:.2}", ratio * 100.0));
        }
        text += " |\n";
    }
    text += "\n## Allocations per operation, and bytes per entry (16-character key, u64 value)\n\n";
    text += &header("what");
    let mut line = |name: &str, cells: &mut dyn Iterator<Item = String>| {
        _ = writeln!(text, "| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    };
    line("allocations per hit", &mut memory.allocations.iter().map(|of| format!("{:.3}", of.0)));
    line("allocations per set-evict", &mut memory.allocations.iter().map(|of| format!("{:.3}", of.1)));
    for (entries, bytes) in &memory.bytes {
        line(&format!("bytes per entry of {entries}"), &mut bytes.iter().map(|bytes| format!("{bytes:.1}")));
    }
    text += "\n## Single calls in a full cache of 1,000,000 entries, in microseconds of processor time\n\n";
    text += &header("what");
    let mut line = |name: &str, of: fn(&Pauses) -> f64| {
        let cells: Vec<_> = memory.pauses.iter().map(|pauses| format!("{:.2}", of(pauses))).collect();
        _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    };
    line("median", |pauses| pauses.median);
    line("99.99 % take at most", |pauses| pauses.rare);
    line("the longest", |pauses| pauses.longest);
    text += "\n## Goals\n\n";
    for goal in goals(speed, memory) {
        text += &goal;
        text.push('\n');
    }
    text
}

fn goals(speed: &[Measured<'_>], memory: &Memory) -> Vec<String> {
    let line = |reached: bool, what: String| format!("- {}: {what}", if reached { "reached" } else { "NOT REACHED" });
    let mut lines = Vec::new();
    for row in speed.iter().filter(|row| row.scenario.threads > 1 && row.scenario.operation == Operation::GetHit) {
        let quick_cache = PEERS.iter().position(|peer| peer.name == "quick_cache").and_then(|at| row.times()[at]);
        if let (Some(ours), Some(theirs)) = (row.times()[0], quick_cache) {
            let Scenario { threads, entries, .. } = row.scenario;
            lines.push(line(
                ours <= LEVEL * theirs,
                format!("{threads} threads, get-hit at {entries} entries: at least the throughput of quick_cache: {ours:.1} of {theirs:.1} ns"),
            ));
        }
    }
    let ours = speed.iter().filter(|row| row.scenario.threads == 1 && row.scenario.operation == Operation::GetHit);
    let (with, without): (Vec<_>, Vec<_>) = ours.partition(|row| row.scenario.ttl);
    for (with, without) in with.iter().zip(&without) {
        if let (Some(with_ttl), Some(time)) = (with.times()[0], without.times()[0]) {
            let ratio = with_ttl / time;
            let entries = with.scenario.entries;
            lines.push(line(
                ratio <= 1.5,
                format!("get-hit at {entries} entries with a ttl: at most 1.5 of the time without: {ratio:.2}"),
            ));
        }
    }
    for row in speed.iter().filter(|row| row.scenario.threads == 1) {
        let (fastest, time) = row.fastest_peer();
        let ratio = row.ratio();
        let scenario = row.scenario;
        let ttl = if scenario.ttl { ", ttl on" } else { "" };
        lines.push(line(
            ratio <= LEVEL,
            format!(
                "one thread, {} at {} entries{ttl}: level with the fastest or ahead (at most {LEVEL} of its time): {ratio:.2} of {fastest}'s {time:.1} ns",
                scenario.name, scenario.entries
            ),
        ));
    }
    for (peer, (on_hit, _)) in PEERS.iter().zip(&memory.allocations).filter(|(peer, _)| peer.is_ours) {
        lines.push(line(*on_hit == 0.0, format!("no allocation on a hit, {}: {on_hit}", peer.name)));
    }
    lines
}

fn to_json(speed: &[Measured<'_>], memory: &Memory) -> Value {
    let rows = speed.iter().map(|row| {
        let peers = PEERS.iter().zip(&row.runs).filter(|(_, runs)| !runs.is_empty()).map(|(peer, runs)| {
            json!({
                "peer": peer.name,
                "medianNs": median(runs, |run| run.ns),
                "ns": runs.iter().map(|run| run.ns).collect::<Vec<_>>(),
                "hitRatio": median(runs, |run| run.hit_ratio),
            })
        });
        let scenario = row.scenario;
        json!({
            "scenario": scenario.name,
            "entries": scenario.entries,
            "ttl": scenario.ttl,
            "threads": scenario.threads,
            "peers": peers.collect::<Vec<_>>(),
        })
    });
    let footprint = PEERS.iter().enumerate().map(|(at, peer)| {
        let bytes =
            memory.bytes.iter().map(|(entries, bytes)| json!({ "entries": entries, "bytesPerEntry": bytes[at] }));
        let (hit, set) = memory.allocations[at];
        json!({
            "peer": peer.name,
            "allocationsPerHit": hit,
            "allocationsPerSetEvict": set,
            "memory": bytes.collect::<Vec<_>>(),
        })
    });
    json!({ "speed": rows.collect::<Vec<_>>(), "footprint": footprint.collect::<Vec<_>>() })
}

/// Writes both files into `bench-results/`.
pub fn write(text: &str, speed: &[Measured<'_>], memory: &Memory) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench-results");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("rust.md"), text)?;
    std::fs::write(folder.join("rust.json"), serde_json::to_vec_pretty(&to_json(speed, memory))?)
}
