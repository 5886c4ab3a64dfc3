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
fn a_sliding_window_fades() {
    let clock = ManualClock::new();
    clock.set_ms(5_000);
    let limiter = sliding(&clock, 4);
    for left in [3, 2, 1, 0] {
        assert_eq!(check(&limiter), answer(true, 4, left, 1000));
    }
    assert_eq!(check(&limiter), answer(false, 4, 0, 1000));
    clock.advance(ms(999));
    assert_eq!(check(&limiter), answer(false, 4, 0, 1));
    clock.advance(ms(1));
    // Of the four, less than four overlap.
    assert_eq!(check(&limiter), answer(true, 4, 0, 1000));
    assert_eq!(check(&limiter), answer(false, 4, 0, 250));
    clock.advance(ms(250));
    assert_eq!(check(&limiter), answer(true, 4, 0, 750));
    clock.advance(ms(2_750));
    assert_eq!(check(&limiter), answer(true, 4, 3, 1000), "all is forgotten");
}

#[test]
fn what_a_sliding_window_refuses_does_not_count() {
    let clock = ManualClock::new();
    let limiter = sliding(&clock, 2);
    for _ in 0..100 {
        check(&limiter);
    }
    clock.advance(ms(1500));
    assert_eq!(check(&limiter), answer(true, 2, 1, 500), "a part of one overlaps, and not of a hundred");
}

#[test]
fn counters_go_by_themselves() {
    let clock = ManualClock::new();
    for (limiter, windows) in [(RateLimiter::fixed_window as fn(_, _, _) -> _, 2), (RateLimiter::sliding_window, 3)] {
        let counters = counters(&clock);
        let limiter = limiter(counters.clone(), 2, ms(WINDOW)).unwrap().clock(clock.clone());
        check(&limiter);
        clock.advance(ms(WINDOW * windows - 1));
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
        assert!(total <= 50, "{total}");
        // At the limit a sliding one may refuse, for a moment, what another takes back.
        let rest = (0..50).filter(|_| check(&limiter).allowed).count();
        assert_eq!(total + rest, 50);
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
        for limiter in [fixed(&clock, limit), sliding(&clock, limit)] {
            let mut windows = BTreeMap::<u64, u64>::new();
            for at in allowed_at(&limiter, &clock, &pauses) {
                *windows.entry(at / WINDOW).or_default() += 1;
            }
            prop_assert!(windows.values().all(|count| *count <= limit), "{windows:?}");
        }
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

    /// At most limit × (1 + s / window) in any time s up to a window, and one more, because the estimate is rounded down.
    #[test]
    fn a_sliding_window_keeps_its_bound(pauses in pauses(), limit in 1..20_u64) {
        let clock = ManualClock::new();
        let allowed = allowed_at(&sliding(&clock, limit), &clock, &pauses);
        for (at, first) in allowed.iter().enumerate() {
            for (further, last) in allowed[at..].iter().enumerate().take_while(|(_, last)| **last - first <= WINDOW) {
                let count = further as u64 + 1;
                prop_assert!((count - 1) * WINDOW <= limit * (WINDOW + 1 + last - first), "{count} from {first} to {last}");
            }
        }
    }

    /// Not a millisecond earlier, and not later.
    #[test]
    fn a_sliding_window_knows_when_it_allows_again(pauses in pauses(), limit in 1..20_u64) {
        let clock = ManualClock::new();
        let limiter = sliding(&clock, limit);
        allowed_at(&limiter, &clock, &pauses);
        let refused = std::iter::repeat_with(|| check(&limiter)).find(|answer| !answer.allowed).unwrap();
        prop_assert!(refused.reset_after <= ms(WINDOW), "{refused:?}");
        let again = isocache::Clock::now_ms(&clock) + u64::try_from(refused.reset_after.as_millis()).unwrap();
        clock.set_ms(again - 1);
        prop_assert!(!check(&limiter).allowed);
        clock.set_ms(again);
        prop_assert!(check(&limiter).allowed);
    }
}

/// A store on whose way back from a lookup everybody else comes in between.
#[derive(Clone)]
pub struct Late(MemoryCacheProvider<i64>);

/// One over a new memory.
pub fn late(clock: &ManualClock) -> Late {
    Late(counters(clock))
}

impl CounterProvider for Late {
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        self.0.increment(key, by, ttl).await
    }
}

impl CacheProvider<i64> for Late {
    async fn get(&self, key: &str) -> Result<Option<i64>> {
        let value = self.0.sync().get(key);
        let mut waited = false;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut waited, true) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        value
    }
    async fn set(&self, key: &str, value: i64, ttl: Option<Duration>) -> Result<()> {
        self.0.sync().set(key, value, ttl)
    }
    async fn delete(&self, key: &str) -> Result<bool> {
        self.0.sync().delete(key)
    }
    async fn exists(&self, key: &str) -> Result<bool> {
        self.0.sync().exists(key)
    }
    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        self.0.sync().clear_pattern(pattern)
    }
    async fn get_stats(&self) -> Result<CacheStats> {
        Ok(self.0.sync().stats())
    }
    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<i64>>> {
        self.0.sync().get_with_ttl(key)
    }
}

#[test]
fn who_meets_at_the_limit_of_a_sliding_window_takes_the_count_back() {
    let clock = ManualClock::new();
    let store = Late(counters(&clock));
    let limiter = RateLimiter::sliding_window(store.clone(), 3, ms(WINDOW)).unwrap().clock(clock.clone());
    let together = || {
        let checks = futures_util::future::join_all((0..10).map(|_| limiter.check_key("k")));
        block_on(checks).into_iter().filter(|check| check.as_ref().unwrap().allowed).count()
    };
    assert_eq!(together(), 3);
    assert_eq!(store.0.sync().get("k:1000:0"), Ok(Some(3)), "those that were refused do not count");
    // Of the three, one and a part of another overlap.
    clock.advance(ms(1500));
    assert_eq!(together(), 2);
    assert_eq!(store.0.sync().get("k:1000:1"), Ok(Some(2)));
}

#[test]
fn a_sliding_window_with_limit_1_allows_every_request_that_comes_a_window_after_the_last() {
    for offset in [0, 1, 400, 500, 999] {
        for pause in [WINDOW, WINDOW + 1, 1500] {
            let clock = ManualClock::new();
            clock.set_ms(5_000 + offset);
            let limiter = sliding(&clock, 1);
            for request in 0..20 {
                assert!(check(&limiter).allowed, "offset {offset}, pause {pause}, request {request}");
                clock.advance(ms(pause));
            }
        }
    }
}

/// A limiter that remembers the time of every request that it has allowed.
struct ExactLog {
    limit: u64,
    allowed: Vec<u64>,
}

impl ExactLog {
    fn check(&mut self, now: u64) -> bool {
        self.allowed.retain(|at| at + WINDOW > now);
        let allowed = (self.allowed.len() as u64) < self.limit;
        if allowed {
            self.allowed.push(now);
        }
        allowed
    }
}

#[test]
fn a_sliding_window_differs_from_an_exact_log_by_at_most_one_request_a_window() {
    for seed in 1..=40_u64 {
        // SplitMix64.
        let mut state = seed;
        let mut random = |below: u64| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) % below
        };
        let limit = 1 + random(8);
        // From a third of the limit to four times as much.
        let pause = (WINDOW * (25 + random(275)) / (100 * limit)).max(1);
        let clock = ManualClock::new();
        let limiter = sliding(&clock, limit);
        let mut log = ExactLog { limit, allowed: Vec::new() };
        let (mut now, mut ours, mut exact) = (0, 0_i64, 0_i64);
        while now < 60 * WINDOW {
            now += 1 + random(2 * pause);
            clock.set_ms(now);
            ours += i64::from(check(&limiter).allowed);
            exact += i64::from(log.check(now));
        }
        assert!((ours - exact).abs() <= 60, "seed {seed}, limit {limit}: {ours} and {exact} in 60 windows");
    }
}

#[test]
fn a_request_may_cost_more_and_is_allowed_as_a_whole_or_not_at_all() {
    let clock = ManualClock::new();
    let limiter = sliding(&clock, 10);
    let ask = |cost| block_on(limiter.check_cost("k", cost)).unwrap();
    assert_eq!(ask(7), answer(true, 10, 3, 1000));
    assert_eq!(ask(4), answer(false, 10, 3, 1000));
    assert_eq!(ask(3), answer(true, 10, 0, 1000), "what was refused does not count");
    // Half a window later, 4 of 10 overlap, and a part of another.
    clock.advance(ms(1500));
    assert_eq!(ask(7), answer(false, 10, 6, 100));
    clock.advance(ms(100));
    assert!(ask(7).allowed);
    for cost in [0, 11, u64::MAX] {
        let refused = block_on(limiter.check_cost("k", cost));
        assert!(matches!(refused, Err(CacheError::InvalidArgument { argument: "cost", .. })), "{cost}: {refused:?}");
    }
}

#[test]
fn peek_counts_nothing_and_reset_forgets_one_client() {
    let clock = ManualClock::new();
    for limiter in [fixed(&clock, 2), sliding(&clock, 2)] {
        let peek = |ip: &str| block_on(limiter.peek(ip, "/login")).unwrap();
        assert_eq!(peek("10.0.0.7"), answer(true, 2, 2, 1000));
        check(&limiter);
        assert_eq!(peek("10.0.0.7"), answer(true, 2, 1, 1000));
        check(&limiter);
        assert_eq!(peek("10.0.0.7"), answer(false, 2, 0, 1000));
        block_on(limiter.check("another", "/login")).unwrap();
        assert_eq!(block_on(limiter.reset("10.0.0.7", "/login")), Ok(true));
        assert_eq!(block_on(limiter.reset("10.0.0.7", "/login")), Ok(false));
        assert_eq!(peek("10.0.0.7"), answer(true, 2, 2, 1000));
        assert_eq!(peek("another").remaining, 1);
    }
}

#[test]
fn statistics_tell_that_a_memory_has_forgotten_clients() {
    let clock = ManualClock::new();
    let counters = MemoryCacheProvider::builder().max_entries(2).clock(clock.clone()).build().unwrap();
    let limiter = RateLimiter::fixed_window(counters, 1, ms(WINDOW)).unwrap().clock(clock);
    let allowed = |ip: &str| block_on(limiter.check(ip, "/")).unwrap().allowed;
    assert!(allowed("a") && !allowed("a"));
    assert_eq!(block_on(limiter.get_stats()).unwrap().forgotten, 0);
    assert!(allowed("b") && allowed("c"));
    assert!(allowed("a"), "it was forgotten");
    let stats = block_on(limiter.clone().get_stats()).unwrap();
    assert_eq!((stats.allowed, stats.refused, stats.failed, stats.forgotten), (4, 1, 0, 2));
}
