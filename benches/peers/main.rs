//! The memory cache beside other caches: time, allocations, bytes per entry.
//!
//! `cargo bench` takes some minutes, `cargo bench -- --quick` about half a minute; `--rounds 3` repeats less often.

#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod allocator;
mod caches;
mod pauses;
mod peers;
mod process;
mod report;
mod speed;
mod streams;

use peers::PEERS;
use report::Memory;
use speed::{Measured, Operation, Streams};

/// The entries of the cache in which single calls are timed.
const PAUSES: usize = 1_000_000;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    // `--only get-hit` for whoever works on one thing.
    let only = arguments.iter().skip_while(|argument| *argument != "--only").nth(1);
    let (rounds, operations) = if quick { (7, 100_000) } else { (11, 1_000_000) };
    let rounds = arguments
        .iter()
        .skip_while(|argument| *argument != "--rounds")
        .nth(1)
        .map_or(rounds, |rounds| rounds.parse().expect("--rounds takes a number"));

    let streams = Streams::make();
    let scenarios = streams.scenarios(operations, quick);
    if let Some(peer) = arguments.iter().skip_while(|argument| *argument != "--peer").nth(1) {
        return process::serve(peer, &scenarios);
    }
    let memory = Memory {
        pauses: PEERS.iter().map(|peer| (peer.pauses)(PAUSES)).collect(),
        allocations: PEERS.iter().map(|peer| (peer.allocations)()).collect(),
        bytes: [1000, 100_000]
            .map(|entries| (entries, PEERS.iter().map(|peer| (peer.bytes_per_entry)(entries)).collect()))
            .into(),
    };
    let start = |peer| process::Process::start(peer, &arguments);
    let mut processes = PEERS.iter().map(start).collect::<std::io::Result<Vec<_>>>()?;
    let wanted = scenarios.iter().enumerate().filter(|(_, scenario)| only.is_none_or(|only| scenario.name == only));
    let speed = wanted.map(|(number, scenario)| {
        eprintln!("{} {} ttl {} threads {}", scenario.name, scenario.entries, scenario.ttl, scenario.threads);
        let runs = scenario.measure(number, &mut processes, rounds)?;
        check_lru(scenario, &runs);
        Ok(Measured { scenario, runs })
    });
    let speed = speed.collect::<std::io::Result<Vec<_>>>()?;
    let text = report::markdown(&speed, &memory, rounds);
    println!("{text}");
    if only.is_none() {
        report::write(&text, &speed, &memory)?;
        println!("written to bench-results/rust.md and bench-results/rust.json");
    }
    Ok(())
}

/// The exact LRUs must find the same: else the one that is faster may do less.
fn check_lru(scenario: &speed::Scenario<'_>, runs: &[Vec<speed::Run>]) {
    let exact = |name: &str| {
        let at = PEERS.iter().position(|peer| peer.name == name).expect("it is in the list");
        runs[at].first().map(|run| run.hit_ratio)
    };
    if let (Some(ours), Some(theirs), Operation::CacheAside, 1) =
        (exact("isocache"), exact("lru+Mutex"), scenario.operation, scenario.threads)
    {
        assert_eq!(ours.to_bits(), theirs.to_bits(), "{} has other hits than lru", scenario.name);
    }
}
