//! A hit of a near copy beside a hit of a memory cache by itself.

use std::fmt::Write;
use std::time::{Duration, Instant};

use isocache::{CacheProvider, InvalidationChannel, MemoryCacheProvider, TieredCacheProvider};

/// Lookups in one measurement.
const HITS: u32 = 100_000;

type Tier = TieredCacheProvider<u64, MemoryCacheProvider<u64>>;

/// The caches, with one entry of an hour each.
pub struct NearHits {
    memory: MemoryCacheProvider<u64>,
    tier: Tier,
    rounds: Vec<[f64; 2]>,
}

impl NearHits {
    pub async fn new() -> Self {
        let hour = Some(Duration::from_secs(3600));
        let memory = MemoryCacheProvider::default();
        let far = MemoryCacheProvider::default();
        let builder = TieredCacheProvider::builder(far).invalidations(InvalidationChannel::new());
        let tier = builder.build().expect("its options are valid");
        tier.ready(Duration::from_secs(300)).await.unwrap();
        for key in keys() {
            memory.set(&key, 1, hour).await.expect("memory takes it");
            tier.set(&key, 1, hour).await.expect("memory takes it");
        }
        Self { memory, tier, rounds: Vec::new() }
    }

    /// Measures both, one after the other.
    pub async fn round(&mut self) {
        let memory = hits(&self.memory).await;
        self.rounds.push([memory, hits(&self.tier).await]);
    }

    pub fn markdown(&self) -> String {
        let median = |at: usize| {
            let mut times: Vec<f64> = self.rounds.iter().map(|round| round[at]).collect();
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let mut ratios: Vec<f64> = self.rounds.iter().map(|[memory, tier]| tier / memory).collect();
        ratios.sort_by(f64::total_cmp);
        let mut text = String::from("\n| asynchronous `get` | ns | ratio |\n|---|---|---|\n");
        let _ = writeln!(text, "| memory | {:.1} | 1 |", median(0));
        let _ = writeln!(text, "| near copy of a tiered cache | {:.1} | {:.2} |", median(1), ratios[ratios.len() / 2]);
        text
    }
}

fn keys() -> impl Iterator<Item = String> {
    (0..100).map(|number| format!("user:{number}"))
}

async fn hits(cache: &impl CacheProvider<u64>) -> f64 {
    let keys: Vec<String> = keys().collect();
    let start = Instant::now();
    for number in 0..HITS {
        let key = &keys[number as usize % keys.len()];
        let found = cache.get(std::hint::black_box(key)).await;
        assert!(matches!(found, Ok(Some(1))));
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(HITS)
}
