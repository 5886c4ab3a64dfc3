//! S3-FIFO and LRU on streams that are hard for one of them.

use isocache::{MemoryCache, Policy};

const ENTRIES: usize = 100;

/// A sequence that is the same in every run.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn cache(policy: Policy) -> MemoryCache<u64> {
    MemoryCache::builder().max_entries(ENTRIES).policy(policy).build().unwrap()
}

/// A lookup, and a write if it finds nothing. Returns whether it found something.
fn access(cache: &MemoryCache<u64>, key: u64) -> bool {
    let key = key.to_string();
    let hit = cache.get(&key).unwrap().is_some();
    if !hit {
        cache.set(&key, 1, None).unwrap();
    }
    hit
}

/// Percent of hits under S3-FIFO, and under LRU.
fn hits(stream: impl Fn() -> Vec<u64>) -> (f64, f64) {
    let of = |policy| {
        let (cache, stream) = (cache(policy), stream());
        let hits: u32 = stream.iter().map(|&key| u32::from(access(&cache, key))).sum();
        assert!(cache.len() <= ENTRIES);
        f64::from(hits) * 100.0 / f64::from(u32::try_from(stream.len()).unwrap())
    };
    (of(Policy::S3Fifo), of(Policy::Lru))
}

#[test]
fn a_scan_passes_through() {
    let kept = |policy| {
        let cache = cache(policy);
        for _ in 0..3 {
            for key in 0..50 {
                access(&cache, key);
            }
        }
        for key in 1000..11_000 {
            access(&cache, key);
        }
        (0..50).filter(|key: &u64| cache.exists(&key.to_string()).unwrap()).count()
    };
    assert_eq!((kept(Policy::S3Fifo), kept(Policy::Lru)), (50, 0));
}

#[test]
fn a_loop_that_is_a_little_too_long_still_hits() {
    let (s3fifo, lru) = hits(|| (0..50).flat_map(|_| 0..110).collect());
    assert!(lru < 0.01 && s3fifo > 50.0, "{s3fifo} of {lru} %");
}

/// The worst that can happen: each key comes back when it has just left the small queue. Most of the third uses are hits.
#[test]
fn a_window_that_moves_on_costs_one_hit_for_each_key() {
    let (s3fifo, lru) = hits(|| (40..5000).flat_map(|key| [key, key - 20, key - 40]).collect());
    assert!(lru > 65.0 && s3fifo > 25.0, "{s3fifo} of {lru} %");
    // Within the small queue there is no difference.
    let (s3fifo, lru) = hits(|| (8..5000).flat_map(|key| [key, key - 4, key - 8]).collect());
    assert!((s3fifo - lru).abs() < 1.0, "{s3fifo} of {lru} %");
}

#[test]
fn keys_that_come_once_do_not_push_out_those_that_come_often() {
    let (s3fifo, lru) = hits(|| {
        let mut random = Sequence(1);
        let keys = (0..20_000).map(|at| if at % 2 == 0 { random.below(80) } else { 1000 + at });
        keys.collect()
    });
    assert!(s3fifo > 45.0 && s3fifo > lru + 10.0, "{s3fifo} of {lru} %");
}

#[test]
fn bytes_are_limited_at_every_step() {
    let cache = MemoryCache::builder()
        .policy(Policy::S3Fifo)
        .max_bytes(1000)
        .size_of(|_, weight: &u64| *weight)
        .build()
        .unwrap();
    for _ in 0..3 {
        for key in 0..40_u64 {
            if cache.get(&key.to_string()).unwrap().is_none() {
                cache.set(&key.to_string(), 10, None).unwrap();
            }
        }
    }
    let mut random = Sequence(2);
    for key in 1000..5000_u64 {
        cache.set(&key.to_string(), 1 + random.below(60), None).unwrap();
        assert!(cache.stats().bytes.unwrap() <= 1000);
    }
    let kept = (0..40_u64).filter(|key| cache.exists(&key.to_string()).unwrap()).count();
    assert_eq!(kept, 40, "the entries that were used again stay");
}

#[test]
fn limits_change_while_it_runs() {
    for policy in [Policy::S3Fifo, Policy::Lru] {
        let (cache, mut random, mut limit) = (cache(policy), Sequence(3), ENTRIES);
        for step in 0..20_000 {
            if step % 500 == 0 {
                limit = usize::try_from(1 + random.below(2 * ENTRIES as u64)).unwrap();
                cache.resize(Some(limit), None).unwrap();
                assert!(cache.len() <= limit);
            }
            access(&cache, random.below(150));
            assert!(cache.len() <= limit, "{policy:?}, step {step}");
        }
        cache.resize(Some(150), None).unwrap();
        for key in (0..3).flat_map(|_| 0..150) {
            access(&cache, key);
        }
        assert_eq!(cache.len(), 150, "{policy:?}: it fills up again");
        let stats = cache.stats();
        assert_eq!(stats.sets - stats.evictions, 150, "{stats:?}");
    }
}
