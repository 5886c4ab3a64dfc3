//! Rates, on a clock that the test moves.

use std::time::Duration;

use isocache::ManualClock;
use isocache_bridge::access::{Profile, RequestQuota};

fn profile(name: &str, commands: u64, bytes: u64) -> Profile {
    let mut profile = Profile::admin(name);
    profile.limits.commands_per_second = Some(commands);
    profile.limits.bytes_per_second = Some(bytes);
    profile
}

/// In ten seconds with a request every millisecond, the burst and the rate of ten seconds pass.
#[test]
fn the_rate_holds_in_the_long_run() {
    let clock = ManualClock::new();
    let limiter = RequestQuota::new(clock.clone(), 10);
    let mut own = profile("a", 100, 1_000_000);
    own.limits.commands_burst = Some(20);
    let mut passed = 0;
    for _ in 0..10_000 {
        passed += u32::from(limiter.take(&own, 1, 1).is_ok());
        clock.advance(Duration::from_millis(1));
    }
    assert!((1019..=1021).contains(&passed), "{passed}");
    // The level never exceeds the burst.
    clock.advance(Duration::from_secs(86_400));
    assert_eq!((0..1000).filter(|_| limiter.take(&own, 1, 1).is_ok()).count(), 20);
}

#[test]
fn a_pipeline_longer_than_the_burst_is_paid_for_later() {
    let clock = ManualClock::new();
    let limiter = RequestQuota::new(clock.clone(), 10);
    let own = profile("a", 10, 1_000_000);
    assert!(limiter.take(&own, 1000, 1).is_ok());
    let wait = limiter.take(&own, 1, 1).unwrap_err();
    assert_eq!((wait.ms, wait.seconds()), (99_001, 100), "10 were there; 990 at 10 a second, and a bit");
    clock.advance(Duration::from_millis(wait.ms - 1));
    assert_eq!(limiter.take(&own, 1, 1).unwrap_err().ms, 1);
    clock.advance(Duration::from_millis(1));
    assert!(limiter.take(&own, 1, 1).is_ok());
}

#[test]
fn bytes_count_too_also_afterwards() {
    let clock = ManualClock::new();
    let limiter = RequestQuota::new(clock.clone(), 10);
    let own = profile("a", 1000, 1000);
    assert!(limiter.take(&own, 1, 500).is_ok());
    limiter.charge(&own, 1500);
    assert_eq!(limiter.take(&own, 1, 1).unwrap_err().ms, 1001);
    assert!(limiter.take(&profile("b", 1000, 1000), 1, 1).is_ok(), "another one's account is its own");
    let huge = profile("c", u64::MAX, u64::MAX);
    limiter.charge(&huge, u64::MAX);
    let _ = limiter.take(&huge, u64::MAX, u64::MAX);
    clock.set_ms(0);
    let _ = limiter.take(&huge, 1, 1);
    assert!(limiter.take(&Profile::admin("free"), 1, 1).is_ok());
}

/// Beyond the limit of accounts, many names together get no more than one, and no debt is forgotten.
#[test]
fn accounts_are_bounded_and_not_reset() {
    let clock = ManualClock::new();
    let limiter = RequestQuota::new(clock.clone(), 3);
    let first = profile("first", 1, 1000);
    assert!(limiter.take(&first, 5, 1).is_ok());
    let passed = (0..1000).filter(|n| limiter.take(&profile(&format!("s{n}"), 1, 1000), 1, 1).is_ok()).count();
    assert_eq!(passed, 3, "two of their own, and one for all others");
    assert_eq!(limiter.accounts(), 4);
    assert!(limiter.take(&first, 1, 1).is_err());
    // Accounts with full buckets make room.
    clock.advance(Duration::from_millis(1500));
    assert!(limiter.take(&profile("late", 1, 1000), 1, 1).is_ok());
    assert!(limiter.take(&first, 1, 1).is_err());
    assert_eq!(limiter.accounts(), 2);
}
