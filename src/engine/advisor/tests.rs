// Counts are far below 2^53.
#![allow(clippy::cast_precision_loss)]

use super::*;

/// A hash with well-mixed bits.
fn hash(key: u64) -> u64 {
    let mut hash = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

#[test]
fn it_takes_at_most_64_kibibytes() {
    let advisor = Advisor::new(1_000_000);
    assert!(advisor.bytes() <= 1 << 16, "{}", advisor.bytes());
}

#[test]
fn few_keys_are_simulated_exactly() {
    let mut advisor = Advisor::new(4);
    // A loop of eight keys: LRU hits nothing until all of them fit.
    for at in 0..800 {
        advisor.record(hash(at % 8), false, at);
    }
    let counts = advisor.sample.counts;
    assert_eq!((counts.uses, counts.lru()), (800.0, [0.0, 0.0, 0.0, 792.0, 792.0]));
    let estimates = advisor.estimates(Policy::Lru, 0, 800);
    assert_eq!(estimates.iter().map(|estimate| estimate.max_entries).collect::<Vec<_>>(), [1, 2, 4, 8, 16]);
    assert!(estimates[2].lru < 0.001 && estimates[3].lru > 0.98, "{estimates:?}");
}

#[test]
fn the_present_size_under_the_present_policy_is_known() {
    let mut advisor = Advisor::new(100);
    for at in 0..10_000 {
        advisor.record(hash(at * at % 511), at % 3 == 0, at);
    }
    for (policy, hits) in [(Policy::Lru, 300), (Policy::S3Fifo, 800)] {
        let estimates = advisor.estimates(policy, hits, 1000 - hits);
        let present = match policy {
            Policy::Lru => estimates[2].lru,
            Policy::S3Fifo => estimates[2].s3_fifo,
        };
        assert!((present - hits as f64 / 1000.0).abs() < 1e-9, "{estimates:?}");
        assert!(estimates.windows(2).all(|pair| pair[0].lru <= pair[1].lru + 1e-9));
    }
}

#[test]
fn it_pauses_and_resumes_with_a_miss() {
    let mut advisor = Advisor::new(10);
    let mut lookups = 0;
    while advisor.bound() > 0 {
        advisor.record(hash(lookups % 100), false, lookups);
        lookups += 1;
    }
    assert_eq!(lookups, FIRST);
    let before = advisor.counts().uses;
    advisor.record(hash(1), false, lookups / 2);
    assert_eq!(advisor.bound(), 0);
    // Enough lookups for another period.
    lookups = EARLY_SHARE * LATER;
    advisor.record(hash(1), true, lookups);
    assert_eq!(advisor.bound(), 0);
    advisor.record(hash(1), false, lookups);
    assert!(advisor.bound() > 0);
    (0..LATER).for_each(|at| advisor.record(hash(at % 100), true, lookups));
    assert_eq!(advisor.bound(), 0);
    assert!((advisor.counts().uses - before - (LATER - WARM_UP) as f64).abs() < 1.5);
}

#[test]
fn more_keys_than_the_table_holds_lower_the_rate() {
    let mut advisor = Advisor::new(1000);
    for at in 0..100_000_u64 {
        // Uses come back after 3,000 other keys.
        advisor.record(hash(at / 2 - at % 2 * 1500.min(at / 2)), false, at);
    }
    assert!(advisor.sample.rate() < 0.5, "{}", advisor.sample.rate());
    let counts = advisor.sample.counts;
    let hits = counts.lru().map(|hits| hits / counts.uses);
    assert!(hits[3] < 0.03 && hits[4] > 0.4, "{hits:?}");
    let mut counts = counts;
    counts.scale(1.0 / advisor.sample.rate());
    assert!((counts.uses - 100_000.0).abs() < 10_000.0, "{}", counts.uses);
}

#[test]
fn a_new_size_starts_again() {
    let mut advisor = Advisor::new(100);
    (0..1000).for_each(|at| advisor.record(hash(at % 150), false, at));
    advisor.resize(200, 400, 600);
    assert!(advisor.estimates(Policy::Lru, 400, 600).is_empty());
    (0..1000).for_each(|at| advisor.record(hash(at % 150), true, 1000 + at));
    let estimates = advisor.estimates(Policy::Lru, 1250, 750);
    assert!((estimates[2].lru - 0.85).abs() < 1e-9 && estimates[2].max_entries == 200, "{estimates:?}");
}
