//! The rate limiter: its bounds, its figures, and what it does when the store fails.

use std::collections::BTreeMap;
use std::time::Duration;

use isocache::{
    CacheError, CacheProvider, CacheStats, CounterProvider, ManualClock, MemoryCacheProvider, OnStoreError, RateLimit,
    RateLimiter, Result, WithTtl,
};
use pollster::block_on;
use proptest::prelude::*;

const WINDOW: u64 = 1000;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn counters(clock: &ManualClock) -> MemoryCacheProvider<i64> {
    MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap()
}

fn fixed(clock: &ManualClock, limit: u64) -> RateLimiter<MemoryCacheProvider<i64>> {
    RateLimiter::fixed_window(counters(clock), limit, ms(WINDOW)).unwrap().clock(clock.clone())
}

fn sliding(clock: &ManualClock, limit: u64) -> RateLimiter<MemoryCacheProvider<i64>> {
    RateLimiter::sliding_window(counters(clock), limit, ms(WINDOW)).unwrap().clock(clock.clone())
}

fn check<P: CounterProvider + CacheProvider<i64>>(limiter: &RateLimiter<P>) -> RateLimit {
    block_on(limiter.check("10.0.0.7", "/login")).unwrap()
}

fn answer(allowed: bool, limit: u64, remaining: u64, reset_after: u64) -> RateLimit {
    RateLimit { allowed, limit, remaining, reset_after: ms(reset_after), window: ms(WINDOW), error: None }
}

#[test]
fn a_fixed_window_counts_down_and_begins_again() {
    let clock = ManualClock::new();
    clock.set_ms(7_400);
    let limiter = fixed(&clock, 2);
    assert_eq!(check(&limiter), answer(true, 2, 1, 600));
    clock.advance(ms(100));
    assert_eq!(check(&limiter), answer(true, 2, 0, 500));
    assert_eq!(check(&limiter), answer(false, 2, 0, 500));
    clock.advance(ms(499));
    assert_eq!(check(&limiter), answer(false, 2, 0, 1));
    clock.advance(ms(1));
    assert_eq!(check(&limiter), answer(true, 2, 1, 1000));
}

#[test]
fn addresses_and_endpoints_have_counts_of_their_own() {
    let clock = ManualClock::new();
    let counters = counters(&clock);
    let limiter = RateLimiter::fixed_window(counters.clone(), 1, ms(WINDOW)).unwrap().clock(clock);
    let allowed = |ip: &str, endpoint: &str| block_on(limiter.check(ip, endpoint)).unwrap().allowed;
    assert!(allowed("::1", "/") && allowed("::1", "/a") && allowed("::2", "/"));
    assert!(allowed("a:b", "c") && allowed("a", "b:c"), "a colon in a value parts nothing");
    assert!(!allowed("::1", "/"));
    assert!(counters.sync().exists("rate:%3A%3A1:/:1000:0").unwrap(), "{:?}", counters.sync().keys());
    assert_eq!(counters.sync().clear_pattern(&isocache::keys::rate::glob("::1", ..)).unwrap(), 2);
    assert!(allowed("::1", "/"), "forgiven");
}

#[test]
fn counters_expire_by_themselves() {
    let clock = ManualClock::new();
    for limiter in [RateLimiter::fixed_window as fn(_, _, _) -> _, RateLimiter::sliding_window] {
        let counters = counters(&clock);
        let limiter = limiter(counters.clone(), 2, ms(WINDOW)).unwrap().clock(clock.clone());
        check(&limiter);
        clock.advance(ms(2 * WINDOW - 1));
        assert_eq!(counters.sync().len(), 1);
        clock.advance(ms(1));
        assert_eq!(counters.sync().len(), 0);
    }
}

#[test]
fn limits_out_of_range_are_refused() {
    let new = |limit, window| RateLimiter::fixed_window((), limit, window).map(drop);
    assert!(new(0, ms(1)).unwrap_err().to_string().starts_with("invalid argument limit: 0 is not from 1 to"));
    assert!(new((1 << 32) + 1, ms(1)).is_err());
    for window in [Duration::ZERO, Duration::MAX, ms(isocache::MAX_TTL_MS / 3 + 1)] {
        assert!(new(1, window).unwrap_err().to_string().starts_with("invalid argument window: "));
    }
    assert!(new(1 << 32, ms(isocache::MAX_TTL_MS / 3)).is_ok());
}

/// A store that does not answer.
pub struct Down;

impl Down {
    const ERROR: CacheError = CacheError::Unavailable(String::new());
}

impl CounterProvider for Down {
    async fn increment(&self, _: &str, _: i64, _: Option<Duration>) -> Result<i64> {
        Err(Self::ERROR)
    }
}

impl CacheProvider<i64> for Down {
    async fn get(&self, _: &str) -> Result<Option<i64>> {
        Err(Self::ERROR)
    }
    async fn set(&self, _: &str, _: i64, _: Option<Duration>) -> Result<()> {
        Err(Self::ERROR)
    }
    async fn delete(&self, _: &str) -> Result<bool> {
        Err(Self::ERROR)
    }
    async fn exists(&self, _: &str) -> Result<bool> {
        Err(Self::ERROR)
    }
    async fn clear_pattern(&self, _: &str) -> Result<u64> {
        Err(Self::ERROR)
    }
    async fn get_stats(&self) -> Result<CacheStats> {
        Err(Self::ERROR)
    }
    async fn get_with_ttl(&self, _: &str) -> Result<Option<WithTtl<i64>>> {
        Err(Self::ERROR)
    }
}

#[test]
fn when_the_store_fails_the_caller_has_chosen() {
    for new in [RateLimiter::fixed_window as fn(_, _, _) -> _, RateLimiter::sliding_window] {
        let limiter = || new(Down, 5, ms(WINDOW)).unwrap().clock(ManualClock::new());
        assert_eq!(block_on(limiter().check("a", "b")), Err(Down::ERROR));
        for (choice, allowed) in [(OnStoreError::Allow, true), (OnStoreError::Refuse, false)] {
            let limiter = limiter().on_store_error(choice);
            let expected = RateLimit { error: Some(Down::ERROR), ..answer(allowed, 5, 0, 1000) };
            assert_eq!(block_on(limiter.check("a", "b")), Ok(expected));
            let long = "x".repeat(32 * 1024);
            let refused = block_on(limiter.check("a", &*long));
            assert!(matches!(refused, Err(CacheError::InvalidArgument { argument: "key", .. })), "no way around it");
        }
    }
}

#[test]
fn threads_together_are_not_allowed_more_than_one_would_be() {
    let clock = ManualClock::new();
    for limiter in [fixed(&clock, 50), sliding(&clock, 50)] {
        let allowed = || (0..100).filter(|_| check(&limiter).allowed).count();
        let total: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(allowed)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(total, 50);
    }
}

/// When requests were allowed, of some after these pauses.
fn allowed_at(limiter: &RateLimiter<MemoryCacheProvider<i64>>, clock: &ManualClock, pauses: &[u64]) -> Vec<u64> {
    let mut now = 0;
    let mut allowed = Vec::new();
    for pause in pauses {
        now += pause;
        clock.set_ms(now);
        let answer = check(limiter);
        assert!(answer.remaining < answer.limit && answer.reset_after > Duration::ZERO, "{answer:?}");
        if answer.allowed {
            allowed.push(now);
        }
    }
    allowed
}

fn pauses() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![3 => Just(0), 3 => 0..50_u64, 1 => 0..2 * WINDOW], 1..200)
}

proptest! {
    #[test]
    fn no_window_has_more_than_the_limit(pauses in pauses(), limit in 1..20_u64) {
        let clock = ManualClock::new();
        let mut windows = BTreeMap::<u64, u64>::new();
        for at in allowed_at(&fixed(&clock, limit), &clock, &pauses) {
            *windows.entry(at / WINDOW).or_default() += 1;
        }
        prop_assert!(windows.values().all(|count| *count <= limit), "{windows:?}");
    }

    #[test]
    fn a_fixed_window_refuses_nobody_below_the_limit(pauses in pauses(), limit in 1..20_u64) {
        let clock = ManualClock::new();
        let allowed = allowed_at(&fixed(&clock, limit), &clock, &pauses);
        let mut asked = BTreeMap::<u64, u64>::new();
        let mut now = 0;
        for pause in pauses {
            now += pause;
            *asked.entry(now / WINDOW).or_default() += 1;
        }
        let expected: u64 = asked.values().map(|count| *count.min(&limit)).sum();
        prop_assert_eq!(allowed.len() as u64, expected);
    }
}
