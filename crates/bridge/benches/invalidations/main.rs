//! Announcements of changed keys: how long they take to arrive, and what they cost the bridge and Redis.
//!
//! `cargo bench --package isocache-bridge --bench invalidations` takes about three minutes, with `-- --quick` about 30 seconds. It
//! needs `redis-server` and `redis-benchmark`. The results are written to `bench-results/invalidations.md`.

#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod delivery;
mod process;
mod tracking;

use std::fmt::Write;
use std::path::Path;

use delivery::Delivery;
use servers::redis::RedisServer;

/// How many streams are open at the same time.
const SUBSCRIBERS: [usize; 3] = [1, 100, 1000];

fn main() -> std::io::Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (writes, repeats, rounds, sets) = if quick { (100, 1, 1, 100_000) } else { (200, 5, 5, 300_000) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut text = format!(
        "# Announcements of changed keys\n\nFrom the moment before a SET is sent until a subscriber has its event, over loopback; \
         Redis, bridge and subscribers share one machine, and the bridge has one thread. {writes} writes, one after the other; \
         `delivery` is over all events of all subscribers. Each figure is the median of {repeats} runs, and the least of them. The \
         rows without a bridge are a thread that writes the same text to each connection: what no server can do without.\n\n\
         | store | subscribers | delivery p50 | p99 | processor time of the bridge, for each event | memory for each subscriber |\n\
         |---|---|---|---|---|---|\n"
    );
    for store in ["no bridge", "embedded", "Redis"] {
        for subscribers in SUBSCRIBERS {
            eprintln!("{store}, {subscribers} subscribers");
            let redis = (store == "Redis").then(RedisServer::plain);
            let run = |_| match store {
                "no bridge" => runtime.block_on(delivery::bare(subscribers, writes)),
                _ => runtime.block_on(delivery::measure(redis.as_ref(), subscribers, writes)),
            };
            let runs: Vec<Delivery> = (0..repeats).map(run).collect();
            let shown = |unit: &str, of: fn(&Delivery) -> f64| {
                let mut all: Vec<f64> = runs.iter().map(of).collect();
                all.sort_by(f64::total_cmp);
                format!("{:.2} ({:.2}) {unit}", all[all.len() / 2], all[0])
            };
            let (p50, p99) = (shown("ms", |run| run.p50_ms), shown("ms", |run| run.p99_ms));
            let cost = if store == "no bridge" { String::new() } else { shown("us", |run| run.us_per_event) };
            let memory = if store == "no bridge" || subscribers < 100 {
                String::new()
            } else {
                shown("KiB", |run| run.bytes_per_subscriber / 1024.0)
            };
            let _ = writeln!(text, "| {store} | {subscribers} | {p50} | {p99} | {cost} | {memory} |");
        }
    }
    let _ = writeln!(
        text,
        "\nWhat tracking costs Redis: its processor time for each SET of {sets}, by redis-benchmark with 16 in a pipeline; \
         medians of {rounds} rounds.\n\n| | for each SET | more than without |\n|---|---|---|"
    );
    let costs = tracking::measure(sets, rounds);
    let without = costs[0].1;
    for (name, us) in costs {
        let _ = writeln!(text, "| {name} | {us:.2} us | {:.2} us |", us - without);
    }
    println!("{text}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench-results");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("invalidations.md"), text)?;
    println!("written to bench-results/invalidations.md");
    Ok(())
}
