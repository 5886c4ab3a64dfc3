//! One suite for every provider: the rules of `tests/vectors/conformance.json`, and what only Rust can ask.
//!
//! It knows a provider by its trait alone. A factory makes a new, empty one from [`Options`] and a clock.

// Each crate of tests uses what concerns its providers.
#![allow(dead_code, unused_imports, unused_macros)]

pub mod following;
mod interpreter;
pub mod memory;
pub mod stale;
mod table;

use std::time::Duration;

use isocache::{CacheProvider, ManualClock};
use serde_json::{Value, json};

pub use interpreter::Complete;
pub use table::{Call, Case, Options, cases};

/// Calls `$test!(name, number)` for each rule, so that a failure says by its name which rule is broken.
macro_rules! for_each_rule {
    ($test:ident) => {
        $test!(rule_1_get_gives_what_was_set, 1);
        $test!(rule_2_an_entry_is_fresh_for_its_whole_ttl, 2);
        $test!(rule_3_delete_and_clear_pattern_count, 3);
        $test!(rule_4_the_limit_is_a_limit, 4);
        $test!(rule_5_keys_and_values_within_their_limits, 5);
        $test!(rule_6_statistics_are_exact, 6);
        $test!(rule_7_nothing_panics, 7);
    };
}
pub(crate) use for_each_rule;

/// The number of the last rule for every provider.
pub const RULES: u8 = 7;

/// The number of the rule for the operations beyond [`CacheProvider`].
pub const MORE_OPERATIONS: u8 = 8;

/// Runs the cases of one rule that `applies` lets through, and returns how many there were.
///
/// # Panics
/// If a case fails, when all have run; the message tells of each.
pub async fn run<P: CacheProvider<Value>>(
    rule: u8,
    applies: impl Fn(&Case) -> bool,
    factory: impl Fn(&Options, ManualClock) -> P,
) -> usize {
    run_knowing(rule, Knowledge::Everything, applies, factory).await
}

/// What a provider's statistics tell.
#[derive(Clone, Copy, PartialEq)]
pub enum Knowledge {
    Everything,
    /// Not what the store evicts and expires, and `entries` at times only.
    OwnActions,
}

/// As [`run`], for a provider that may not know all statistics.
pub async fn run_knowing<P: CacheProvider<Value>>(
    rule: u8,
    knowledge: Knowledge,
    applies: impl Fn(&Case) -> bool,
    factory: impl Fn(&Options, ManualClock) -> P,
) -> usize {
    let none = async |_: &P, _: &table::Call| -> isocache::Result<Value> { unreachable!("an operation of rule 8") };
    run_with(rule, knowledge, applies, factory, none).await
}

/// Runs the cases of the operations beyond [`CacheProvider`], as [`run_knowing`] the others.
pub async fn run_more_operations<P: Complete>(
    knowledge: Knowledge,
    applies: impl Fn(&Case) -> bool,
    factory: impl Fn(&Options, ManualClock) -> P,
) -> usize {
    run_with(MORE_OPERATIONS, knowledge, applies, factory, interpreter::complete).await
}

async fn run_with<P: CacheProvider<Value>>(
    rule: u8,
    knowledge: Knowledge,
    applies: impl Fn(&Case) -> bool,
    factory: impl Fn(&Options, ManualClock) -> P,
    more: impl AsyncFn(&P, &table::Call) -> isocache::Result<Value>,
) -> usize {
    let mut ran = 0;
    let mut failures = Vec::new();
    for case in cases().iter().filter(|case| case.rule == rule && applies(case)) {
        let clock = ManualClock::new();
        // Not at 0, which a provider might take for no time at all.
        clock.set_ms(1_700_000_000_000);
        let provider = factory(&case.options, clock.clone());
        if let Err(failure) = interpreter::run(case, &provider, &clock, knowledge, &more).await {
            failures.push(format!("rule {rule}, {:?}: {failure}", case.name));
        }
        ran += 1;
    }
    assert!(failures.is_empty(), "{} of {ran} cases failed:\n{}", failures.len(), failures.join("\n"));
    ran
}

/// For a provider to which every case applies.
pub fn every(_: &Case) -> bool {
    true
}

/// For a shared store, whose limits are its operator's.
pub fn unlimited(case: &Case) -> bool {
    case.options.max_entries.is_none() && case.options.max_bytes.is_none()
}

/// For a store whose values are not JSON, so that it does not read its counters as values.
pub fn without_counters(case: &Case) -> bool {
    !case.steps.iter().any(|step| matches!(step.call, Call::Increment { .. } | Call::IncrementWithin { .. }))
}

/// How many cases of a rule `applies` lets through, to compare with what ran.
pub fn count(rule: u8, applies: impl Fn(&Case) -> bool) -> usize {
    cases().iter().filter(|case| case.rule == rule && applies(case)).count()
}

/// `get_with_ttl`, which JavaScript's `Cache` lacks: the value, the ttl that is left, and a lookup as any other.
pub async fn get_with_ttl<P: CacheProvider<Value>>(factory: impl Fn(&Options, ManualClock) -> P) {
    let clock = ManualClock::new();
    let options = Options { max_entries: Some(2), default_ttl_ms: Some(60_000), ..Options::default() };
    let provider = factory(&options, clock.clone());
    let left = async |key| provider.get_with_ttl(key).await.unwrap();

    provider.set("own", json!(1), Some(Duration::from_millis(1500))).await.unwrap();
    provider.set("default", json!(null), None).await.unwrap();
    assert_eq!(left("own").await, Some((json!(1), Some(Duration::from_millis(1500)))));
    assert_eq!(left("default").await, Some((Value::Null, Some(Duration::from_secs(60)))));
    clock.advance(Duration::from_millis(1499));
    assert_eq!(left("own").await, Some((json!(1), Some(Duration::from_millis(1)))));
    clock.advance(Duration::from_millis(1));
    assert_eq!(left("own").await, None);

    provider.set("ever", json!(2), Some(Duration::MAX)).await.unwrap();
    assert_eq!(left("ever").await, Some((json!(2), None)));
    assert!(left("default").await.is_some());
    provider.set("new", json!(3), None).await.unwrap();
    assert_eq!(left("ever").await, None, "get_with_ttl is a use of \"default\", so \"ever\" had to leave");

    assert!(provider.get_with_ttl("").await.is_err());
    let stats = provider.get_stats().await.unwrap();
    assert_eq!((stats.hits, stats.misses), (5, 2));
}

/// That the table is whole: no case belongs to no rule, and no rule to no case.
pub fn check_table() {
    let counts: Vec<_> = (1..=MORE_OPERATIONS).map(|rule| count(rule, every)).collect();
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
    assert_eq!(counts.iter().sum::<usize>(), cases().len());
    assert!(cases().len() >= 50);
}
