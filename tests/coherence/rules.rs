//! The rules for providers over tiers of memory: whose far writes are announced, whose are not, and without any near copy.

use std::time::Duration;

use isocache::{CacheError, InvalidationChannel, ManualClock, MemoryCacheProvider, ServeSuspect, TieredCacheProvider};
use pollster::block_on;
use serde_json::Value;

use crate::conformance::memory::memory;
use crate::conformance::{Case, Options, count, for_each_rule, run, run_more_operations};
use crate::watched::Watched;

/// In these cases, the use of a near copy has to reach the far provider, or the limits of both differ.
fn far_knows_uses(case: &Case) -> bool {
    case.options.max_entries.is_some() || case.options.max_bytes.is_some()
}

fn applies(case: &Case) -> bool {
    !far_knows_uses(case)
}

/// Connected from the start.
fn ready<T, P>(tier: TieredCacheProvider<T, P>) -> TieredCacheProvider<T, P> {
    block_on(tier.ready(crate::READY_LIMIT)).unwrap();
    tier
}

fn announced(options: &Options, clock: ManualClock) -> TieredCacheProvider<Value, Watched<Value>> {
    let channel = InvalidationChannel::new();
    let far = Watched::new(memory(options, clock.clone()), channel.clone());
    ready(TieredCacheProvider::builder(far).invalidations(channel).clock(clock).build().unwrap())
}

fn silent(options: &Options, clock: ManualClock) -> TieredCacheProvider<Value, MemoryCacheProvider<Value>> {
    let far = memory(options, clock.clone());
    ready(TieredCacheProvider::builder(far).invalidations(InvalidationChannel::new()).clock(clock).build().unwrap())
}

fn bounded_by_ttl(options: &Options, clock: ManualClock) -> TieredCacheProvider<Value, MemoryCacheProvider<Value>> {
    let far = memory(options, clock.clone());
    let builder = TieredCacheProvider::builder(far).without_invalidations().near_ttl(Duration::from_millis(500));
    builder.clock(clock).build().unwrap()
}

fn disconnected(options: &Options, clock: ManualClock) -> TieredCacheProvider<Value, MemoryCacheProvider<Value>> {
    let far = memory(options, clock.clone());
    let channel = InvalidationChannel::new();
    channel.disconnect(CacheError::Connection("the bus is down".into()));
    let builder = TieredCacheProvider::builder(far).invalidations(channel);
    builder.serve_suspect(ServeSuspect::Never).clock(clock).build().unwrap()
}

macro_rules! suite {
    ($name:ident) => {
        mod $name {
            use super::*;

            macro_rules! rule {
                ($rule:ident, $number:literal) => {
                    #[test]
                    fn $rule() {
                        let ran = block_on(run($number, applies, super::$name));
                        assert_eq!(ran, count($number, applies));
                    }
                };
            }
            for_each_rule!(rule);

            #[test]
            fn more_operations() {
                let knowledge = crate::conformance::Knowledge::OwnActions;
                let ran = block_on(run_more_operations(knowledge, applies, super::$name));
                assert!(ran > 30, "{ran}");
            }
        }
    };
}

suite!(announced);
suite!(silent);
suite!(bounded_by_ttl);
suite!(disconnected);
