//! Times every policy over five million generated accesses, at one size: `cargo bench -p isocache-simulate`.

use std::time::Instant;

use isocache_simulate::{Simulation, Trace};

const REQUESTS: u32 = 5_000_000;
const KEYS: f64 = 500_000.0;
const SIZE: u32 = 50_000;

/// Keys whose frequency falls with their number, as in a Zipf distribution of exponent 1, from a generator with a fixed seed.
fn accesses() -> Trace {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let keys = (0..REQUESTS).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // The upper 53 bits are a number from 0 to 1.
        #[allow(clippy::cast_precision_loss)]
        let part = (state >> 11) as f64 / (1_u64 << 53) as f64;
        KEYS.powf(part).floor().to_le_bytes()
    });
    keys.collect()
}

fn main() {
    // `cargo test` only checks that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let start = Instant::now();
    let trace = accesses();
    println!("{} accesses for {} keys, read in {:.2?}", trace.len(), trace.keys(), start.elapsed());
    let mut whole = 0.0;
    for policy in Simulation::default().policies {
        let start = Instant::now();
        let hits = policy.hits(&trace, SIZE);
        let seconds = start.elapsed().as_secs_f64();
        whole += seconds;
        println!("{:<8} {seconds:>6.2} s, {hits} hits", policy.title());
    }
    println!("all of them: {whole:.2} s, one after the other, at {SIZE} entries");
}
