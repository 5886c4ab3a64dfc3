//! The token bucket: its bound for any arrivals and for any number of threads.

use std::time::Duration;

use isocache::{CacheError, ManualClock, MemoryCacheProvider, OnStoreError, RateLimiter};
use pollster::block_on;
use proptest::prelude::*;

const WINDOW: u64 = 1000;

fn bucket(clock: &ManualClock, limit: u64) -> RateLimiter<MemoryCacheProvider<i64>> {
    let counters = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
    RateLimiter::token_bucket(counters, limit, Duration::from_millis(WINDOW)).unwrap().clock(clock.clone())
}

proptest! {
    /// It allows exactly what a bucket of fractions of tokens would.
    #[test]
    fn a_bucket_is_exact(
        requests in prop::collection::vec((prop_oneof![3 => Just(0), 3 => 0..50_u64, 1 => 0..2 * WINDOW], 1..4_u64), 1..200),
        limit in 3..20_u64,
    ) {
        let clock = ManualClock::new();
        clock.set_ms(10_000);
        let limiter = bucket(&clock, limit);
        // In tokens times the window.
        let mut tokens = limit * WINDOW;
        for (pause, cost) in requests {
            clock.advance(Duration::from_millis(pause));
            tokens = (tokens + pause * limit).min(limit * WINDOW);
            let peeked = block_on(limiter.peek_cost("k", cost)).unwrap();
            let answer = block_on(limiter.check_cost("k", cost)).unwrap();
            prop_assert_eq!(answer.allowed, tokens >= cost * WINDOW);
            prop_assert_eq!(peeked.allowed, answer.allowed);
            tokens -= if answer.allowed { cost * WINDOW } else { 0 };
            prop_assert_eq!(answer.remaining, tokens / WINDOW);
            prop_assert!(answer.reset_after <= Duration::from_millis(WINDOW));
            if !answer.allowed {
                clock.advance(answer.reset_after.saturating_sub(Duration::from_millis(1)));
                prop_assert!(!block_on(limiter.peek_cost("k", cost)).unwrap().allowed);
                clock.advance(Duration::from_millis(1));
                prop_assert!(block_on(limiter.peek_cost("k", cost)).unwrap().allowed);
                let passed = u64::try_from(answer.reset_after.as_millis()).unwrap();
                tokens = (tokens + passed * limit).min(limit * WINDOW);
            }
        }
    }
}

#[test]
fn threads_together_get_exactly_what_the_bucket_has() {
    let clock = ManualClock::new();
    let limiter = bucket(&clock, 50);
    let together = || {
        let allowed = || (0..100).filter(|_| block_on(limiter.check_key("k")).unwrap().allowed).count();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(allowed)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        })
    };
    assert_eq!(together(), 50);
    clock.advance(Duration::from_millis(100));
    assert_eq!(together(), 5);
    clock.advance(Duration::from_secs(60));
    assert_eq!(together(), 50);
}

#[test]
fn rates_and_times_that_a_bucket_cannot_keep_are_refused() {
    let new = |limit, ms| RateLimiter::token_bucket((), limit, Duration::from_millis(ms)).map(drop);
    let refused = new(123_457, 1000).unwrap_err().to_string();
    assert!(refused.starts_with("invalid argument limit: 123457 tokens in 1000 ms"), "{refused}");
    let refused = new(999, 2_990_000_000_000_001).unwrap_err().to_string();
    assert!(refused.starts_with("invalid argument window: "), "{refused}");
    assert_eq!(new(1_000_000, 1000), Ok(()));
    assert_eq!(new(1 << 32, 30 * 86_400_000), Ok(()));
}

#[test]
fn a_provider_that_cannot_count_within_bounds_says_so_whatever_the_option() {
    let limiter = RateLimiter::token_bucket(crate::limiter::Down, 1, Duration::from_secs(1)).unwrap();
    let error = block_on(limiter.on_store_error(OnStoreError::Allow).check_key("k")).unwrap_err();
    assert!(matches!(error, CacheError::InvalidArgument { argument: "counters", .. }), "{error}");
    assert!(error.to_string().contains("increment_within"), "{error}");
}
