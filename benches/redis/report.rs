//! Tables, goals and files.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::clearing::{self, Keys};
use crate::lag::Lag;
use crate::peers::{BARE, OURS, Peer};
use crate::throughput::{Operation, Workload};

/// Our operations a second, over those of the bare connection: at least.
const THROUGHPUT_GOAL: f64 = 0.95;
/// The time of `clear_pattern`, over that of the loop by hand: at most.
const CLEARING_GOAL: f64 = 1.2;

pub struct Throughput {
    pub workload: Workload,
    /// For each client, the operations a second of each round.
    pub rates: Vec<Vec<f64>>,
}

pub struct Allocations {
    pub operation: Operation,
    /// For each client, those of one operation.
    pub counts: Vec<Option<f64>>,
}

pub struct Clearing {
    pub keys: Keys,
    pub times: [Vec<f64>; 3],
}

pub struct Report<'a> {
    pub peers: &'a [Peer],
    pub throughput: Vec<Throughput>,
    pub allocations: [Allocations; 3],
    pub clearing: Option<Clearing>,
    pub lag: Option<Lag>,
}

fn quantile(values: &[f64], at: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(values[(last as f64 * at).round() as usize])
}

/// The median of what each round has of the one, over what it has of the other: what slows a whole round down does not
/// count. With the middle half of the rounds.
fn ratio(of: &[f64], over: &[f64]) -> Option<[f64; 3]> {
    let ratios: Vec<f64> = of.iter().zip(over).map(|(of, over)| of / over).collect();
    Some([quantile(&ratios, 0.5)?, quantile(&ratios, 0.25)?, quantile(&ratios, 0.75)?])
}

fn ratio_cell(of: &[f64], over: &[f64]) -> String {
    ratio(of, over).map_or("-".into(), |[median, low, high]| format!("{median:.2} ({low:.2} to {high:.2})"))
}

fn row(text: &mut String, cells: impl IntoIterator<Item = String>) {
    for cell in cells {
        _ = write!(text, "| {cell} ");
    }
    text.push_str("|\n");
}

fn header(text: &mut String, cells: &[String]) {
    row(text, cells.iter().cloned());
    row(text, cells.iter().map(|_| "---".into()));
}

impl Report<'_> {
    fn names(&self, first: &[&str]) -> Vec<String> {
        first.iter().copied().chain(self.peers.iter().map(|peer| peer.name)).map(str::to_owned).collect()
    }

    /// All tables and goals, as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::from("# Redis: isocache and its peers\n\n");
        for peer in self.peers {
            _ = writeln!(text, "- {}: {}", peer.name, peer.about);
        }
        let rounds = self.throughput.first().map_or(0, |row| row.rates[OURS].len());
        _ = writeln!(
            text,
            "\nOne local redis-server, over TCP on loopback; one connection for each client, used by all tasks, on a tokio \
             runtime of 2 workers. Values are users of about 100 bytes of JSON, set with a ttl of an hour; get_many asks \
             for 100. Medians of {rounds} rounds, clients interleaved.\n\n## Operations a second\n"
        );
        header(&mut text, &self.names(&["operation", "tasks"]));
        for Throughput { workload, rates } in &self.throughput {
            let labels = [workload.operation.name().to_owned(), workload.tasks.to_string()];
            let rate = |rates: &Vec<f64>| quantile(rates, 0.5).map_or("-".into(), |rate| format!("{rate:.0}"));
            row(&mut text, labels.into_iter().chain(rates.iter().map(rate)));
        }
        text += "\n## Operations a second of isocache over those of the others\n\n\
                 The median of the ratios of each round, and the middle half of them; above 1 isocache is faster.\n\n";
        header(&mut text, &self.names(&["operation", "tasks"]));
        for Throughput { workload, rates } in &self.throughput {
            let labels = [workload.operation.name().to_owned(), workload.tasks.to_string()];
            row(&mut text, labels.into_iter().chain(rates.iter().map(|other| ratio_cell(&rates[OURS], other))));
        }
        text += "\n## Allocations of the client for one operation, one task\n\n\
                 Those of set include two for the value itself.\n\n";
        header(&mut text, &self.names(&["operation"]));
        for Allocations { operation, counts } in &self.allocations {
            let count = |count: &Option<f64>| count.map_or("-".into(), |count| format!("{count:.1}"));
            row(&mut text, std::iter::once(operation.name().into()).chain(counts.iter().map(count)));
        }
        if let Some(Clearing { keys: Keys { cleared, all }, times }) = &self.clearing {
            _ = writeln!(
                text,
                "\n## Deleting {cleared} of {all} keys by pattern\n\nBy hand: SCAN with COUNT 512 and the UNLINK of what \
                 the step before has found, in one pipeline. Medians of {} rounds, interleaved, refilled each time.\n",
                times[0].len()
            );
            header(&mut text, &["what", "milliseconds", "time of clear_pattern over it"].map(str::to_owned));
            for (name, own) in clearing::NAMES.iter().zip(times) {
                let time = quantile(own, 0.5).map_or("-".into(), |time| format!("{time:.0}"));
                row(&mut text, [(*name).to_owned(), time, ratio_cell(&times[0], own)]);
            }
        }
        if let Some(lag) = &self.lag {
            text += &lag.markdown();
        }
        text += "\n## Goals\n\n";
        for goal in self.goals() {
            text += &goal;
            text.push('\n');
        }
        text
    }

    fn goals(&self) -> Vec<String> {
        let line =
            |reached: bool, what: String| format!("- {}: {what}", if reached { "reached" } else { "NOT REACHED" });
        let mut lines = Vec::new();
        for Throughput { workload, rates } in &self.throughput {
            for bare in BARE {
                let Some([median, ..]) = ratio(&rates[OURS], &rates[bare]) else { continue };
                let (operation, tasks, name) = (workload.operation.name(), workload.tasks, self.peers[bare].name);
                let what = format!(
                    "{operation}, {tasks} tasks: at least {THROUGHPUT_GOAL} of the throughput of {name}: {median:.2}"
                );
                lines.push(line(median >= THROUGHPUT_GOAL, what));
            }
        }
        if let Some(Clearing { times, .. }) = &self.clearing {
            for (name, by_hand) in clearing::NAMES.iter().zip(times).skip(1) {
                let Some([median, ..]) = ratio(&times[0], by_hand) else { continue };
                let what =
                    format!("clear_pattern: at most {CLEARING_GOAL} of the time of the loop {name}: {median:.2}");
                lines.push(line(median <= CLEARING_GOAL, what));
            }
        }
        lines
    }

    fn to_json(&self) -> Value {
        let throughput = self.throughput.iter().map(|Throughput { workload, rates }| {
            let peers = self.peers.iter().zip(rates).filter(|(_, rates)| !rates.is_empty()).map(|(peer, own)| {
                json!({
                    "peer": peer.name,
                    "medianPerSecond": quantile(own, 0.5),
                    "ratioOfOurs": ratio(&rates[OURS], own).map(|[median, ..]| median),
                    "perSecond": own,
                })
            });
            json!({
                "operation": workload.operation.name(),
                "tasks": workload.tasks,
                "peers": peers.collect::<Vec<_>>(),
            })
        });
        let allocations = self.allocations.iter().map(|Allocations { operation, counts }| {
            let peers = self
                .peers
                .iter()
                .zip(counts)
                .filter_map(|(peer, count)| Some(json!({ "peer": peer.name, "allocations": (*count)? })));
            json!({ "operation": operation.name(), "peers": peers.collect::<Vec<_>>() })
        });
        let clearing = self.clearing.as_ref().map(|Clearing { keys, times }| {
            let rows = clearing::NAMES.iter().zip(times).map(|(name, own)| {
                json!({
                    "what": name,
                    "medianMs": quantile(own, 0.5),
                    "ratioOfOurs": ratio(&times[0], own).map(|[median, ..]| median),
                    "ms": own,
                })
            });
            json!({ "cleared": keys.cleared, "of": keys.all, "rows": rows.collect::<Vec<_>>() })
        });
        json!({
            "throughput": throughput.collect::<Vec<_>>(),
            "allocations": allocations.collect::<Vec<_>>(),
            "clearing": clearing,
        })
    }

    /// Writes both files into `bench-results/`.
    pub fn write(&self) -> std::io::Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench-results");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("redis.md"), self.markdown())?;
        std::fs::write(folder.join("redis.json"), serde_json::to_vec_pretty(&self.to_json())?)
    }
}
