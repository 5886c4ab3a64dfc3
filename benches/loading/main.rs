//! Loading compared with other caches: a hit through the loading call or a cached function, and ten thousand callers of one
//! key. Also the cost of invalidating a tag, and a hit of a near copy.
//!
//! `cargo bench --bench loading --features tokio`; `-- --quick` for fewer rounds.

mod peers;
mod report;
mod tags;
mod tier;

use std::time::Instant;

use peers::{Peer, STAMPEDE};
use tags::Invalidation;
use tokio::runtime::Builder;

/// Hits in one round of one peer.
const HITS: u64 = 200_000;

fn main() -> std::io::Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 5 } else { 21 };
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let peers = peers::all();
    let mut hits = vec![Vec::new(); peers.len()];
    let mut stampedes = vec![Vec::new(); peers.len()];
    let tagged = tags::ENTRIES.map(Invalidation::new);
    let mut invalidations = vec![Vec::new(); tagged.len()];
    let mut near_hits = runtime.block_on(tier::NearHits::new());
    for round in 0..rounds {
        // All of them in each round, so that what slows the machine down slows all.
        for (at, peer) in peers.iter().enumerate() {
            hits[at].push(runtime.block_on(hit(peer)));
            if let Some(time) = runtime.block_on(stampede(peer, round)) {
                stampedes[at].push(time);
            }
        }
        for (at, tagged) in tagged.iter().enumerate() {
            invalidations[at].push(runtime.block_on(tagged.round()));
        }
        runtime.block_on(near_hits.round());
    }
    let text =
        report::markdown(&peers, &hits, &stampedes, rounds) + &report::tags(&invalidations) + &near_hits.markdown();
    println!("{text}");
    report::write(&text)?;
    println!("written to bench-results/loading.md");
    Ok(())
}

/// Nanoseconds for one call that finds its value.
async fn hit(peer: &Peer) -> f64 {
    (peer.hits)(1000).await;
    let start = Instant::now();
    (peer.hits)(HITS).await;
    #[allow(clippy::cast_precision_loss)]
    {
        start.elapsed().as_secs_f64() * 1e9 / HITS as f64
    }
}

/// Milliseconds until all callers have the value of one load; `None` for a peer that does not share loads.
async fn stampede(peer: &Peer, round: u64) -> Option<f64> {
    let run = peer.stampede.as_ref()?;
    let start = Instant::now();
    let loads = run(round).await;
    let time = start.elapsed().as_secs_f64() * 1e3;
    assert_eq!(loads, 1, "{} has loaded {loads} times for {STAMPEDE} callers", peer.name);
    Some(time)
}
