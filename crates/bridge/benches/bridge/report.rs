//! Tables, goals and files.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::direct::Direct;
use crate::footprint::Footprint;
use crate::requests::VALUE_BYTES;
use crate::scenarios::{Measured, Run};

/// The least throughput of the embedded store, of that of Redis behind the bridge.
const LEAST_OVER_REDIS: f64 = 1.5;

/// The most that the bridge may add to the time of one request, in microseconds; the median.
const MOST_ADDED_US: f64 = 100.0;

/// The most that 99 of 100 requests may take, in microseconds.
const MOST_P99_US: f64 = 1000.0;

fn median<T>(rounds: &[T], of: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn direct(row: &Measured, of: impl Fn(&Direct) -> f64) -> f64 {
    median(&row.direct, of)
}

impl Measured {
    /// The bridges by the names of their stores.
    fn bridges(&self) -> [(&'static str, &[Run]); 2] {
        [("memory", &self.own), ("redis", &self.behind)]
    }

    /// Round by round, since what else the machine does meets both.
    fn ratio(&self, of: impl Fn(usize) -> f64) -> f64 {
        let rounds: Vec<usize> = (0..self.own.len()).collect();
        median(&rounds, |&round| of(round))
    }

    fn share_of_direct(&self) -> f64 {
        self.ratio(|round| self.behind[round].commands_per_second / self.direct[round].commands_per_second)
    }

    fn over_redis(&self) -> f64 {
        self.ratio(|round| self.own[round].commands_per_second / self.behind[round].commands_per_second)
    }
}

/// All tables and goals, as Markdown.
pub fn markdown(rows: &[Measured], footprint: Option<&Footprint>, rounds: usize, threads: usize) -> String {
    let mut text = format!(
        "# The bridge and plain Redis\n\nGET and SET of values of {VALUE_BYTES} bytes; medians of {rounds} rounds. The \
         bridge runs on {threads} thread(s), with a token. Load, bridge and Redis share one machine, so that rates say \
         little and their ratios more; processor time is that of the process in /proc. \"Direct\" is redis-benchmark \
         -t get with as many connections, and pipelines of at most 100. \"official\" has the headers of the official client \
         and base64, \"resp\" is RESP both ways, the others are JSON.\n\n\
         | what | connections | store | commands/s | bridge µs/command | Redis µs/command | p50 µs | p99 µs |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let label = format!("| {} | {}", row.scenario.name, row.scenario.connections);
        for (store, runs) in row.bridges() {
            let of = |field: fn(&Run) -> f64| median(runs, field);
            _ = writeln!(
                text,
                "{label} | {store} | {:.0} | {:.2} | {:.2} | {:.0} | {:.0} |",
                of(|run| run.commands_per_second),
                of(|run| run.bridge_us),
                of(|run| run.redis_us),
                of(|run| run.p50_us),
                of(|run| run.p99_us)
            );
        }
        _ = writeln!(
            text,
            "{label} | direct | {:.0} | - | - | {:.0} | {:.0} |",
            direct(row, |run| run.commands_per_second),
            direct(row, |run| run.p50_us),
            direct(row, |run| run.p99_us)
        );
    }
    text += "\nOne request carries all commands of a pipeline; its time is that of the request.\n";
    if let Some(footprint) = footprint {
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        _ = writeln!(
            text,
            "\n## Resident memory, embedded store\n\nIdle {:.1} MiB; with {} entries of 16 bytes each for key and value \
             {:.1} MiB, which is {:.0} bytes an entry.",
            mib(footprint.idle),
            footprint.entries,
            mib(footprint.filled),
            (footprint.filled - footprint.idle) / footprint.entries as f64
        );
    }
    text += "\n## Goals\n\n";
    for goal in rows.iter().flat_map(goals) {
        text += &goal;
        text.push('\n');
    }
    text
}

fn goals(row: &Measured) -> Vec<String> {
    let name = row.scenario.name;
    let line =
        |reached: bool, what: String| format!("- {}: {name}, {what}", if reached { "reached" } else { "NOT REACHED" });
    let mut lines = Vec::new();
    for (store, runs) in row.bridges() {
        if let Some(most) = row.scenario.most_us {
            let us = median(runs, |run| run.bridge_us);
            lines.push(line(us <= most, format!("store {store}: at most {most} µs of bridge a command: {us:.2} µs")));
        }
    }
    if let Some(least) = row.scenario.least_share {
        let (share, least) = (row.share_of_direct() * 100.0, least * 100.0);
        lines.push(line(share >= least, format!("at least {least:.0} % of redis-benchmark's rate: {share:.0} %")));
    }
    if row.scenario.is_latency {
        let added = row.ratio(|round| row.behind[round].p50_us - row.direct[round].p50_us);
        lines
            .push(line(added < MOST_ADDED_US, format!("p50 less than {MOST_ADDED_US} µs above direct: {added:.0} µs")));
        let p99 = median(&row.behind, |run| run.p99_us);
        lines.push(line(p99 < MOST_P99_US, format!("p99 below {MOST_P99_US} µs: {p99:.0} µs")));
    } else {
        let over = row.over_redis();
        let what = format!("embedded store at least {LEAST_OVER_REDIS} times as fast as with Redis: {over:.2} times");
        lines.push(line(over >= LEAST_OVER_REDIS, what));
    }
    lines
}

fn to_json(rows: &[Measured], footprint: Option<&Footprint>) -> Value {
    let run = |run: &Run| {
        json!({
            "commandsPerSecond": run.commands_per_second,
            "bridgeUs": run.bridge_us,
            "redisUs": run.redis_us,
            "p50Us": run.p50_us,
            "p99Us": run.p99_us,
        })
    };
    let rows = rows.iter().map(|row| {
        let directs = row.direct.iter().map(
            |run| json!({ "commandsPerSecond": run.commands_per_second, "p50Us": run.p50_us, "p99Us": run.p99_us }),
        );
        json!({
            "scenario": row.scenario.name,
            "connections": row.scenario.connections,
            "memory": row.own.iter().map(run).collect::<Vec<_>>(),
            "redis": row.behind.iter().map(run).collect::<Vec<_>>(),
            "direct": directs.collect::<Vec<_>>(),
        })
    });
    let footprint = footprint.map(|footprint| {
        json!({ "idleBytes": footprint.idle, "entries": footprint.entries, "filledBytes": footprint.filled })
    });
    json!({ "rows": rows.collect::<Vec<_>>(), "footprint": footprint })
}

/// Writes both files into `bench-results/`.
pub fn write(text: &str, rows: &[Measured], footprint: Option<&Footprint>) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench-results");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("bridge.md"), text)?;
    std::fs::write(folder.join("bridge.json"), serde_json::to_vec_pretty(&to_json(rows, footprint))?)
}
