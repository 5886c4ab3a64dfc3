//! The rules for providers, natively: the memory provider itself, erased, and below both serializers.

use crate::conformance::memory::{built, memory, with_policy};
use crate::conformance::{
    Case, Complete, Knowledge, MORE_OPERATIONS, Options, check_table, count, every, for_each_rule, get_with_ttl, run,
    run_more_operations, stale, without_counters,
};
use bytes::Bytes;
use isocache::{
    AtomicProvider, CounterProvider, DynCacheProvider, JsonSerializer, KeysProvider, ManualClock, MemoryCacheProvider,
    MessagePackSerializer, Policy, TouchProvider, Typed,
};
use pollster::block_on;
use serde_json::{Value, json};

fn erased(options: &Options, clock: ManualClock) -> DynCacheProvider<Value> {
    DynCacheProvider::new(memory(options, clock))
}

fn erased_with_extensions(options: &Options, clock: ManualClock) -> DynCacheProvider<Value> {
    let memory = memory(options, clock);
    DynCacheProvider::with_extensions(memory.clone()).with_counters(memory)
}

fn of_bytes(options: &Options, clock: ManualClock) -> MemoryCacheProvider<Bytes> {
    built(options, clock, |_, bytes: &Bytes| bytes.len() as u64)
}

/// The bytes under this one are the compact JSON by which the table weighs, so that every case applies.
fn as_json(options: &Options, clock: ManualClock) -> Typed<Value, JsonSerializer, MemoryCacheProvider<Bytes>> {
    Typed::new(of_bytes(options, clock))
}

/// The bytes under this one are fewer than those of the JSON, so that cases of weight do not apply.
fn message_pack(
    options: &Options,
    clock: ManualClock,
) -> Typed<Value, MessagePackSerializer, MemoryCacheProvider<Bytes>> {
    Typed::with_serializer(of_bytes(options, clock), MessagePackSerializer)
}

/// In a namespace whose name would be a pattern.
fn namespaced(options: &Options, clock: ManualClock) -> MemoryCacheProvider<Value> {
    memory(options, clock).namespace("a[*]").unwrap().namespace("b").unwrap()
}

/// Keys of 64 KiB leave no room for the name of a namespace.
fn has_room(case: &Case) -> bool {
    ![
        "a hostile pattern has an answer",
        "a key of exactly 64 KiB",
        "a key of exactly 64 KiB in characters of more than one byte",
        "the limit of a key is in bytes, not in characters",
    ]
    .contains(&case.name.as_str())
}

fn s3_fifo(options: &Options, clock: ManualClock) -> MemoryCacheProvider<Value> {
    with_policy(options, clock, Policy::S3Fifo)
}

/// Which entry leaves first is a matter of the policy in these two cases, which count on the order of LRU.
fn any_policy(case: &Case) -> bool {
    !["get_many refreshes recency, in the order of the keys", "the order of a longer history is exact"]
        .contains(&case.name.as_str())
}

fn unweighed(case: &Case) -> bool {
    case.options.max_bytes.is_none()
}

macro_rules! suite {
    ($name:ident, $factory:path, $applies:path) => {
        mod $name {
            use super::*;

            macro_rules! rule {
                ($rule:ident, $number:literal) => {
                    #[test]
                    fn $rule() {
                        assert_eq!(block_on(run($number, $applies, $factory)), count($number, $applies));
                    }
                };
            }
            for_each_rule!(rule);

            #[test]
            fn get_with_ttl_tells_what_is_left() {
                block_on(get_with_ttl($factory));
            }
        }
    };
}

/// Without the test of `get_with_ttl`, which shows a use by the order of LRU.
mod under_s3_fifo {
    use super::*;

    macro_rules! rule {
        ($rule:ident, $number:literal) => {
            #[test]
            fn $rule() {
                assert_eq!(block_on(run($number, any_policy, s3_fifo)), count($number, any_policy));
            }
        };
    }
    for_each_rule!(rule);
}

suite!(direct, memory, every);
suite!(in_a_namespace, namespaced, has_room);
suite!(behind_dyn, erased, every);
suite!(through_json, as_json, every);
suite!(through_message_pack, message_pack, unweighed);

fn more_operations<P: Complete>(applies: fn(&Case) -> bool, factory: impl Fn(&Options, ManualClock) -> P) {
    let ran = block_on(run_more_operations(Knowledge::Everything, applies, factory));
    assert!(ran > 40 && ran == count(MORE_OPERATIONS, applies), "{ran}");
}

#[test]
fn operations_beyond_those_of_every_provider() {
    more_operations(every, memory);
    more_operations(every, namespaced);
    more_operations(every, erased_with_extensions);
    more_operations(every, as_json);
    more_operations(|case| unweighed(case) && without_counters(case), message_pack);
}

#[test]
fn without_its_extensions_an_erased_provider_names_the_remedy() {
    let cache = erased(&Options::default(), ManualClock::new());
    let errors = [
        block_on(cache.ttl("k")).unwrap_err(),
        block_on(cache.touch("k", None)).unwrap_err(),
        block_on(cache.set_if_absent("k", json!(1), None)).unwrap_err(),
        block_on(cache.get_and_delete("k")).unwrap_err(),
        cache.keys("*").unwrap_err(),
        block_on(cache.exists_many(&["k"])).unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("DynCacheProvider::with_extensions"), "{error}");
    }
    let error = block_on(cache.increment("k", 1, None)).unwrap_err();
    assert!(error.to_string().contains("with_counters"), "{error}");
}

#[test]
fn stale_entries_are_absent_and_touch_moves_their_freshness() {
    let clock = ManualClock::new();
    let cache = memory(&Options::default(), clock.clone());
    block_on(stale::stale_entries_are_absent(&cache, || cache.clone(), || clock.advance(stale::AGE)));
    block_on(stale::touch_moves_freshness(&cache, |by| clock.advance(by)));
}

#[test]
fn the_table_is_whole() {
    check_table();
}
