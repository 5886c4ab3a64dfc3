//! The sliding window, compared with a log of all requests: over seeded arrivals, with many callers, and in extremes.

use std::time::Duration;

use isocache::{CacheError, CacheProvider, CounterProvider, ManualClock, MemoryCacheProvider, RateLimit, RateLimiter};
use pollster::block_on;

const WINDOW: u64 = 1000;

fn sliding(clock: &ManualClock, limit: u64) -> RateLimiter<MemoryCacheProvider<i64>> {
    let counters = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
    RateLimiter::sliding_window(counters, limit, Duration::from_millis(WINDOW)).unwrap().clock(clock.clone())
}

fn check<P: CounterProvider + CacheProvider<i64>>(limiter: &RateLimiter<P>, cost: u64) -> RateLimit {
    block_on(limiter.check_cost("k", cost)).unwrap()
}

fn peek<P: CounterProvider + CacheProvider<i64>>(limiter: &RateLimiter<P>, cost: u64) -> RateLimit {
    block_on(limiter.peek_cost("k", cost)).unwrap()
}

/// The times at which requests were allowed, one for each unit of cost.
#[derive(Default)]
struct Log(Vec<u64>);

impl Log {
    fn count(&mut self, now: u64) -> u64 {
        self.0.retain(|at| at + WINDOW > now);
        self.0.len() as u64
    }

    fn add(&mut self, now: u64, cost: u64) {
        self.0.extend((0..cost).map(|_| now));
    }
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// Pauses between requests: even, in bursts, and just before and after a window.
const ARRIVALS: [fn(&mut Random, u64) -> u64; 3] = [
    |random, limit| random.below((2 * WINDOW / limit).max(2)),
    |random, _| if random.below(4) == 0 { random.below(2 * WINDOW) } else { 0 },
    |random, _| match random.below(6) {
        0 | 1 => 0,
        2 => 1,
        3 => WINDOW - 1,
        4 => WINDOW,
        _ => WINDOW + 1,
    },
];

#[test]
fn up_to_a_limit_of_64_each_decision_is_that_of_an_exact_log() {
    for (arrivals, pause) in ARRIVALS.iter().enumerate() {
        for seed in 1..=20_usize {
            let mut random = Random(seed as u64);
            let limit = [64, 1 + random.below(3), 1 + random.below(64), 1 + random.below(64)][seed % 4];
            let clock = ManualClock::new();
            let limiter = sliding(&clock, limit);
            let (mut log, mut now) = (Log::default(), 0);
            for request in 0..200 {
                now += pause(&mut random, limit);
                clock.set_ms(now);
                let cost = if random.below(4) == 0 { 1 + random.below(limit) } else { 1 };
                let used = log.count(now);
                let (peeked, checked) = (peek(&limiter, cost), check(&limiter, cost));
                let allowed = used + cost <= limit;
                let at = format!("arrivals {arrivals}, seed {seed}, limit {limit}, request {request}");
                assert_eq!((peeked.allowed, checked.allowed), (allowed, allowed), "{at}");
                assert_eq!(checked.remaining, limit - used - if allowed { cost } else { 0 }, "{at}");
                let wait = u64::try_from(checked.reset_after.as_millis()).unwrap();
                assert!((1..=WINDOW).contains(&wait) && peeked.reset_after <= checked.window, "{at}");
                if allowed {
                    log.add(now, cost);
                } else {
                    // Not a millisecond earlier, and not later.
                    clock.set_ms(now + wait - 1);
                    assert!(!peek(&limiter, cost).allowed, "{at}");
                    now += wait;
                    clock.set_ms(now);
                    assert!(peek(&limiter, cost).allowed, "{at}");
                }
            }
        }
    }
}

#[test]
fn above_64_it_refuses_nothing_that_a_log_would_allow_and_allows_few_more() {
    for (arrivals, pause) in ARRIVALS.iter().enumerate() {
        for seed in 1..=20_usize {
            let mut random = Random(seed as u64);
            let limit = [65, 100, 128, 129, 500, 1000][seed % 6];
            let clock = ManualClock::new();
            let limiter = sliding(&clock, limit);
            let (mut log, mut now) = (Log::default(), 0);
            for request in 0..600 {
                now += pause(&mut random, limit);
                clock.set_ms(now);
                let cost = if random.below(8) == 0 { 1 + random.below(limit.div_ceil(4)) } else { 1 };
                let used = log.count(now);
                let checked = check(&limiter, cost);
                let at = format!("arrivals {arrivals}, seed {seed}, limit {limit}, request {request}");
                assert!(checked.allowed || used + cost > limit, "{at}: refused with {used}");
                assert!(!checked.reset_after.is_zero() && checked.reset_after <= checked.window, "{at}");
                if checked.allowed {
                    log.add(now, cost);
                    assert!(used + cost < limit + limit.div_ceil(64), "{at}: {}", used + cost);
                }
            }
        }
    }
}

#[test]
fn the_bound_above_64_is_reached_and_not_more() {
    // Two requests in a cell: those that join it just before it ends are forgotten with its first.
    let clock = ManualClock::new();
    let limiter = sliding(&clock, 128);
    check(&limiter, 1);
    clock.set_ms(WINDOW - 1);
    assert!(check(&limiter, 127).allowed);
    clock.set_ms(WINDOW);
    assert!(check(&limiter, 2).allowed, "129 in two milliseconds");
    assert!(!check(&limiter, 1).allowed);
}

#[test]
fn requests_that_cost_more_and_meet_at_the_limit_leave_nothing_behind() {
    for limit in [10_u64, 640] {
        let clock = ManualClock::new();
        let limiter = sliding(&clock, limit);
        let cost = limit.div_ceil(3);
        let allowed = || (0..50).filter(|_| check(&limiter, cost).allowed).count() as u64;
        let total: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(allowed)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(total <= 2, "{total}");
        assert_eq!(peek(&limiter, 1).remaining, limit - total * cost, "what was refused does not count");
        clock.set_ms(WINDOW);
        assert_eq!(peek(&limiter, 1).remaining, limit);
    }
}

#[test]
fn large_limits_and_windows() {
    let clock = ManualClock::new();
    let (limit, window) = (1 << 32, 2_592_000_000_u64);
    clock.set_ms(window * 650 + 1);
    let counters = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
    let limiter = RateLimiter::sliding_window(counters, limit, Duration::from_millis(window)).unwrap();
    let limiter = limiter.clock(clock.clone());
    assert_eq!(check(&limiter, limit).remaining, 0);
    let refused = check(&limiter, 1);
    assert!(!refused.allowed);
    assert!(refused.reset_after <= refused.window, "{refused:?}");
    assert!(refused.reset_after + Duration::from_millis(65_536) > refused.window, "{refused:?}");
    clock.advance(refused.reset_after);
    assert!(check(&limiter, limit).allowed);

    let refused = RateLimiter::sliding_window((), limit, Duration::from_secs(1)).map(drop).unwrap_err().to_string();
    assert!(refused.starts_with("invalid argument limit: 4294967296 requests in 1000 ms"), "{refused}");
    clock.set_ms(1 << 52);
    let refused = block_on(sliding(&clock, 1).check_key("k"));
    assert!(matches!(refused, Err(CacheError::InvalidArgument { argument: "clock", .. })), "{refused:?}");
}
