//! `RedisCacheProvider` beside the connection that it is made of, and beside another cache over Redis: throughput of get,
//! set and `get_many`, allocations, clearing a pattern. It starts a redis-server of its own.
//!
//! `cargo bench --features redis --bench redis [-- --quick]`

#![allow(clippy::cast_precision_loss)]

// It also counts bytes, which are of no interest here.
#[allow(dead_code)]
#[path = "../peers/allocator.rs"]
mod allocator;
mod clearing;
mod peers;
#[path = "../../tests/servers/mod.rs"]
mod servers;

use std::fmt::Write;
use std::time::{Duration, Instant};

use peers::{Peer, User};
use serde_json::{Value, json};
use servers::redis::RedisServer;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

/// The goals: our throughput over that of the bare connection, our time over that of the hand-written loop.
const THROUGHPUT_GOAL: f64 = 0.95;
const CLEARING_GOAL: f64 = 1.2;

const KEYS: usize = 1000;

/// What is measured.
#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Get,
    Set,
    GetMany,
}

impl Operation {
    const ALL: [Self; 3] = [Self::Get, Self::Set, Self::GetMany];

    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::GetMany => "get_many(100)",
        }
    }
}

fn main() -> std::io::Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (rounds, each) = if quick { (5, Duration::from_millis(150)) } else { (11, Duration::from_millis(500)) };
    let server = RedisServer::plain();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let peers = runtime.block_on(Peer::all(&server.url()));
    runtime.block_on(peers[0].fill(KEYS));

    let mut text = String::from("# Redis\n\nThroughput, operations a second; medians.\n\n| operation | tasks");
    for peer in &peers {
        _ = write!(text, " | {}", peer.name());
    }
    text += " | isocache over bare | goal |\n|---|---|---|---|---|---|---|---|\n";
    let mut rows = Vec::new();
    for operation in Operation::ALL {
        for tasks in [1, 16, 64] {
            eprintln!("{} with {tasks} tasks", operation.name());
            let rates = throughput(&runtime, &peers, operation, tasks, rounds, each);
            let ratio = rates[0] / rates[1];
            _ = write!(text, "| {} | {tasks}", operation.name());
            for rate in &rates {
                _ = write!(text, " | {rate:.0}");
            }
            _ = writeln!(text, " | {ratio:.2} | {} |", verdict(ratio >= THROUGHPUT_GOAL, "at least 0.95"));
            rows.push(json!({ "operation": operation.name(), "tasks": tasks, "rates": rates, "over_bare": ratio }));
        }
    }
    text += "\nAllocations of one get, by all threads of the client:";
    for peer in &peers {
        _ = write!(text, " {} {:.1};", peer.name(), allocations(&runtime, peer));
    }
    let (keys, all) = if quick { (10_000, 100_000) } else { (100_000, 1_000_000) };
    eprintln!("clearing {keys} of {all} keys");
    let (own, hand) = runtime.block_on(clearing::measure(&server, keys, all, if quick { 3 } else { 5 }));
    let ratio = own / hand;
    _ = write!(
        text,
        "\n\nClearing {keys} of {all} keys: clear_pattern {own:.3} s, a hand-written pipelined SCAN and UNLINK {hand:.3} s: \
         {ratio:.2} of its time, {}.\n",
        verdict(ratio <= CLEARING_GOAL, "at most 1.2")
    );
    println!("{text}");
    std::fs::create_dir_all("bench-results")?;
    std::fs::write("bench-results/redis.md", &text)?;
    let all = json!({ "throughput": rows, "clearing": { "keys": keys, "of": all, "own": own, "by_hand": hand } });
    std::fs::write("bench-results/redis.json", Value::to_string(&all))?;
    println!("written to bench-results/redis.md and bench-results/redis.json");
    Ok(())
}

fn verdict(reached: bool, goal: &str) -> String {
    format!("{goal}: {}", if reached { "reached" } else { "NOT reached" })
}

/// Operations a second of each peer, which take turns.
fn throughput(
    runtime: &Runtime,
    peers: &[Peer],
    operation: Operation,
    tasks: usize,
    rounds: usize,
    each: Duration,
) -> Vec<f64> {
    let mut rates = vec![Vec::new(); peers.len()];
    for round in 0..rounds {
        for turn in 0..peers.len() {
            // Nobody is always the first.
            let at = (turn + round) % peers.len();
            let rate = runtime.block_on(run(&peers[at], operation, tasks, each));
            // The first round warms up.
            if round > 0 {
                rates[at].push(rate);
            }
        }
    }
    rates.into_iter().map(median).collect()
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn run(peer: &Peer, operation: Operation, tasks: usize, each: Duration) -> f64 {
    let started = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let peer = peer.clone();
            tokio::spawn(async move {
                let keys: Vec<String> = (0..KEYS).map(peers::key).collect();
                let (mut done, mut at) = (0u64, task * 7 % KEYS);
                while started.elapsed() < each {
                    at = (at + 1) % KEYS;
                    match operation {
                        Operation::Get => assert_eq!(peer.get(&keys[at]).await.id, at),
                        Operation::Set => peer.set(&keys[at], User::new(at)).await,
                        Operation::GetMany => {
                            let first = at.min(KEYS - 100);
                            assert_eq!(peer.get_many(&keys[first..first + 100]).await, 100);
                        }
                    }
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for task in running {
        done += task.await.expect("it ends");
    }
    done as f64 / started.elapsed().as_secs_f64()
}

fn allocations(runtime: &Runtime, peer: &Peer) -> f64 {
    const GETS: u32 = 2000;
    let ((), counts) = allocator::counted(|| {
        runtime.block_on(async {
            let key = peers::key(1);
            for _ in 0..GETS {
                assert_eq!(peer.get(&key).await.id, 1);
            }
        });
    });
    counts.allocations as f64 / f64::from(GETS)
}
