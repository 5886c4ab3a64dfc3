//! The bridge beside plain Redis: processor time, throughput, latency, memory.
//!
//! `cargo bench --package isocache-bridge` takes about two minutes, with `-- --quick` about half a minute. It needs
//! `redis-server` and `redis-benchmark`.

#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod direct;
mod footprint;
mod load;
mod process;
mod report;
mod requests;
mod scenarios;

use std::time::Duration;

use process::{Bridge, pid_of};
use scenarios::{Bench, Measured, SCENARIOS};
use servers::redis::RedisServer;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let after = |option: &str| arguments.iter().skip_while(|argument| *argument != option).nth(1);
    // `--only pipeline-100` for whoever works on one thing, with `--threads 2` for another number than one.
    let only = after("--only");
    let threads = after("--threads").map_or(1, |threads| threads.parse().expect("--threads takes a number"));
    let (rounds, time) = if quick { (1, Duration::from_secs(1)) } else { (5, Duration::from_secs(2)) };

    let redis = RedisServer::plain();
    let (own, behind) = (Bridge::start("memory", threads, &[]), Bridge::start(&redis.url(), threads, &[]));
    for bridge in [&own, &behind] {
        load::once(bridge.address, &requests::fill());
    }
    let bench = Bench { redis_pid: pid_of(&redis), redis: &redis, own: &own, behind: &behind, time };
    let wanted = SCENARIOS.iter().filter(|scenario| only.is_none_or(|only| scenario.name.starts_with(only.as_str())));
    let mut measured: Vec<Measured> = wanted.map(Measured::new).collect();
    // In rounds, so that whatever else the machine does meets all alike.
    for round in 1..=rounds {
        for row in &mut measured {
            eprintln!("round {round} of {rounds}: {}", row.scenario.name);
            row.measure(&bench);
        }
    }
    let footprint = only.is_none().then(|| footprint::measure(threads, 1_000_000));
    let text = report::markdown(&measured, footprint.as_ref(), rounds, threads);
    println!("{text}");
    if only.is_none() {
        report::write(&text, &measured, footprint.as_ref())?;
        println!("written to bench-results/bridge.md and bench-results/bridge.json");
    }
    Ok(())
}
