//! What it costs to invalidate a tag, by the number of entries that have it.

use std::time::{Duration, Instant};

use isocache::{CacheProvider, MemoryCacheProvider, Tagged, TaggedEntry};

/// Entries with the tag.
pub const ENTRIES: [usize; 3] = [100, 10_000, 100_000];

/// Invalidations in one round.
const INVALIDATIONS: u32 = 10_000;

const TAG: &str = "org:7";

/// A cache in which this many entries have one tag.
pub struct Invalidation {
    tags: Tagged<MemoryCacheProvider<TaggedEntry<u64>>, MemoryCacheProvider<i64>>,
    entries: usize,
}

impl Invalidation {
    pub fn new(entries: usize) -> Self {
        let provider = MemoryCacheProvider::builder().max_entries(entries).build().expect("the limits are right");
        Self { tags: Tagged::new(provider, MemoryCacheProvider::default()), entries }
    }

    /// Nanoseconds for one invalidation, after all entries have been written again.
    pub async fn round(&self) -> f64 {
        let view = self.tags.with_tags(&[TAG]).await.expect("the tag is right");
        for number in 0..self.entries {
            view.set(&key(number), 7, Some(Duration::from_secs(300))).await.expect("there is room");
        }
        self.check(true).await;
        let start = Instant::now();
        for _ in 0..INVALIDATIONS {
            self.tags.invalidate_tags(&[TAG]).await.expect("memory counts");
        }
        let time = start.elapsed();
        self.check(false).await;
        time.as_secs_f64() * 1e9 / f64::from(INVALIDATIONS)
    }

    /// Panics unless every entry is alive, or none: what is fast and does nothing is no figure.
    async fn check(&self, alive: bool) {
        let view = self.tags.with_tags(&[]).await.expect("no tag is wrong");
        for number in 0..self.entries {
            let found: Option<u64> = view.get(&key(number)).await.expect("memory answers");
            assert_eq!(found.is_some(), alive, "entry {number} of {}", self.entries);
        }
    }
}

fn key(number: usize) -> String {
    format!("user:{number}")
}
