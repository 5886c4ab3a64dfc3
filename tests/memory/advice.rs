//! `advise`: what a cache says about other sizes and policies. `crates/simulate/tests/advisor.rs` measures how right it is.

use isocache::{CacheAside, Estimate, MemoryCache, MemoryCacheProvider, Policy};

/// Looks keys up, and stores those that are missing.
fn replay(cache: &MemoryCache<u32>, keys: impl Iterator<Item = u32>) {
    for key in keys.map(|key| (key, format!("key:{key:04}"))) {
        if cache.get(&key.1).unwrap().is_none() {
            cache.set(&key.1, key.0, None).unwrap();
        }
    }
}

fn looped(keys: u32, rounds: u32) -> impl Iterator<Item = u32> {
    (0..rounds).flat_map(move |_| 0..keys)
}

fn ratios(advice: &[Estimate], policy: Policy) -> Vec<f64> {
    advice.iter().map(|estimate| if policy == Policy::Lru { estimate.lru } else { estimate.s3_fifo }).collect()
}

#[test]
fn a_cache_advises_only_if_it_is_told_to() {
    let cache = MemoryCache::<u32>::default();
    replay(&cache, looped(10, 2));
    assert!(cache.advise().is_none());
    let cache = MemoryCache::<u32>::builder().advise(true).build().unwrap();
    assert_eq!(cache.advise(), Some(Vec::new()));
}

#[test]
fn the_present_ratio_is_that_of_the_statistics() {
    for policy in [Policy::Lru, Policy::S3Fifo] {
        let cache = MemoryCache::builder().max_entries(100).policy(policy).advise(true).build().unwrap();
        replay(&cache, (0..20_000).map(|at: u32| at.wrapping_mul(at) % 1021));
        let advice = cache.advise().unwrap();
        let found = ratios(&advice, policy);
        assert!((found[2] - cache.stats().hit_rate()).abs() < 1e-9, "{policy:?}: {found:?}");
        // With so few keys, the others are exact as well.
        for (size, expected) in [25, 50, 100, 200, 400].into_iter().zip(found) {
            let other = MemoryCache::builder().max_entries(size).policy(policy).build().unwrap();
            replay(&other, (0..20_000).map(|at: u32| at.wrapping_mul(at) % 1021));
            assert!((other.stats().hit_rate() - expected).abs() < 1e-6, "{policy:?}, {size}: {expected}");
        }
    }
}

#[test]
fn a_limit_on_bytes_counts_as_what_fits_into_it() {
    let builder = MemoryCache::builder().max_bytes(4000).size_of(|_, _| 40);
    let cache = builder.advise(true).build().unwrap();
    replay(&cache, looped(150, 40));
    let advice = cache.advise().unwrap();
    assert!((95..=100).contains(&advice[2].max_entries), "{advice:?}");
    assert!(advice[2].lru < 0.01 && advice[3].lru > 0.9 && advice[1].lru < 0.01, "{advice:?}");
}

#[test]
fn a_new_size_starts_again() {
    let cache = MemoryCache::builder().max_entries(100).advise(true).build().unwrap();
    replay(&cache, looped(150, 10));
    cache.resize(Some(200), None).unwrap();
    assert_eq!(cache.advise(), Some(Vec::new()));
    replay(&cache, looped(150, 100));
    let advice = cache.advise().unwrap();
    assert!(advice[2].max_entries == 200 && advice[2].lru > 0.9 && advice[1].lru < 0.05, "{advice:?}");
}

#[test]
fn ttls_that_start_again_on_reads_do_so_as_before() {
    let clock = isocache::ManualClock::new();
    let builder = MemoryCache::builder().touch_on_get(true).advise(true).clock(clock.clone());
    let cache = builder.default_ttl(std::time::Duration::from_secs(10)).build().unwrap();
    cache.set("key", 1, None).unwrap();
    for _ in 0..5 {
        clock.advance(std::time::Duration::from_secs(8));
        assert_eq!(cache.get("key").unwrap(), Some(1));
    }
    assert!(cache.advise().unwrap()[0].lru > 0.99);
}

#[tokio::test]
async fn lookups_of_loading_are_seen() {
    let cache = MemoryCache::builder().max_entries(100).advise(true).build().unwrap();
    let provider: MemoryCacheProvider<u32> = cache.clone().into();
    for key in looped(150, 10) {
        provider.get_or_set(&format!("key:{key}"), None, async || Ok::<_, isocache::CacheError>(key)).await.unwrap();
    }
    let advice = cache.advise().unwrap();
    assert!(advice[3].lru > 0.85 && advice[2].lru < 0.01, "{advice:?}");
}

#[test]
fn threads_advise_together() {
    let cache = MemoryCache::builder().max_entries(10_000).advise(true).build().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| replay(&cache, looped(2000, 10)));
        }
    });
    let advice = cache.advise().unwrap();
    assert!(advice[4].lru > 0.8, "{advice:?}");
}
