//! `RedisCacheProvider` beside the connection that it is made of, and beside another cache in Redis: operations a second,
//! allocations, deleting by pattern, and the lag of announcements. It starts a redis-server of its own.
//!
//! `cargo bench --features redis --bench redis` takes some minutes, with `-- --quick` about half a minute;
//! `-- --only get` (or `set`, `get_many`, `clear`, `lag`) is for whoever works on one thing.

#![allow(clippy::cast_precision_loss)]

// Of what it counts, the bytes are of no interest here.
#[allow(dead_code)]
#[path = "../peers/allocator.rs"]
mod allocator;
mod clearing;
mod lag;
mod peers;
mod report;
mod stores;
mod throughput;

use std::time::Duration;

use clearing::Keys;
use report::{Allocations, Clearing, Report, Throughput};
use throughput::{Operation, Workload};

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let only = arguments.iter().skip_while(|argument| *argument != "--only").nth(1).map(String::as_str);
    let (rounds, length) = if quick { (7, Duration::from_millis(60)) } else { (31, Duration::from_millis(100)) };
    let (keys, clearings) = if quick {
        (Keys { cleared: 10_000, all: 100_000 }, 5)
    } else {
        (Keys { cleared: 100_000, all: 1_000_000 }, 7)
    };

    let lags = if quick { 2000 } else { 10_000 };
    let server = servers::redis::RedisServer::plain();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let peers = runtime.block_on(peers::all(&server.url()));

    let throughput = Workload::list(only).into_iter().map(|workload| {
        eprintln!("{} tasks {}", workload.operation.name(), workload.tasks);
        let rates = workload.measure(&runtime, &peers, rounds, length);
        Throughput { workload, rates }
    });
    let throughput: Vec<_> = throughput.collect();
    let allocations = Operation::ALL.map(|operation| {
        let counts = peers.iter().map(|peer| peer.allocations(&runtime, operation));
        Allocations { operation, counts: counts.collect() }
    });
    let clearing = only.is_none_or(|only| only == "clear").then(|| {
        eprintln!("clear {} of {} keys", keys.cleared, keys.all);
        Clearing { keys, times: clearing::measure(&runtime, &server, keys, clearings) }
    });

    let lag = only.is_none_or(|only| only == "lag").then(|| lag::Lag::measure(&runtime, &server.url(), lags));

    let report = Report { peers: &peers, throughput, allocations, clearing, lag };
    println!("{}", report.markdown());
    if only.is_none() {
        report.write()?;
        println!("written to bench-results/redis.md and bench-results/redis.json");
    }
    Ok(())
}
