//! `tests/vectors/limiter.json`, which JavaScript runs too.

use std::time::Duration;

use isocache::{ManualClock, MemoryCacheProvider, RateLimit, RateLimiter};
use pollster::block_on;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "format")]
    _format: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    algorithm: Algorithm,
    limit: u64,
    window_ms: u64,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Algorithm {
    FixedWindow,
    SlidingWindow,
    TokenBucket,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    Check(Asked),
    Peek(Asked),
    Reset { at: u64, expect: bool },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    at: u64,
    #[serde(default = "one")]
    cost: u64,
    /// Allowed, remaining, and `reset_after` in milliseconds.
    expect: (bool, u64, u64),
    window_ms: Option<u64>,
}

fn one() -> u64 {
    1
}

#[test]
fn the_limiter_keeps_the_shared_vectors() {
    let table: Table = serde_json::from_str(include_str!("../vectors/limiter.json")).unwrap();
    assert!(table.cases.len() >= 19);
    for Case { name, algorithm, limit, window_ms, steps } in table.cases {
        let clock = ManualClock::new();
        let counters = MemoryCacheProvider::<i64>::builder().clock(clock.clone()).build().unwrap();
        let window = Duration::from_millis(window_ms);
        let limiter = match algorithm {
            Algorithm::FixedWindow => RateLimiter::fixed_window(counters, limit, window),
            Algorithm::SlidingWindow => RateLimiter::sliding_window(counters, limit, window),
            Algorithm::TokenBucket => RateLimiter::token_bucket(counters, limit, window),
        };
        let limiter = limiter.unwrap().clock(clock.clone());
        for (index, step) in steps.into_iter().enumerate() {
            let (asked, answer) = match step {
                Step::Reset { at, expect } => {
                    clock.set_ms(at);
                    assert_eq!(block_on(limiter.reset_key("k")), Ok(expect), "{name}, step {index}");
                    continue;
                }
                Step::Check(asked) => {
                    clock.set_ms(asked.at);
                    let answer = block_on(limiter.check_cost("k", asked.cost));
                    (asked, answer)
                }
                Step::Peek(asked) => {
                    clock.set_ms(asked.at);
                    let answer = block_on(limiter.peek_cost("k", asked.cost));
                    (asked, answer)
                }
            };
            let (allowed, remaining, reset_after) = asked.expect;
            let expected = RateLimit {
                allowed,
                limit,
                remaining,
                reset_after: Duration::from_millis(reset_after),
                window: Duration::from_millis(asked.window_ms.unwrap_or(window_ms)),
                error: None,
            };
            assert_eq!(answer, Ok(expected), "{name}, step {index}");
        }
    }
}
