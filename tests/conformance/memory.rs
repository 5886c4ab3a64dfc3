//! The memory provider as the suite asks for it.

use isocache::{ManualClock, MemoryCacheBuilder, MemoryCacheProvider};
use serde_json::Value;

use super::Options;

/// A memory provider of any type with the options of a case.
pub fn built<T>(
    options: &Options,
    clock: ManualClock,
    weigh: impl Fn(&str, &T) -> u64 + Send + Sync + 'static,
) -> MemoryCacheProvider<T> {
    builder(options, clock, weigh).build().unwrap()
}

fn builder<T>(
    options: &Options,
    clock: ManualClock,
    weigh: impl Fn(&str, &T) -> u64 + Send + Sync + 'static,
) -> MemoryCacheBuilder<T> {
    let mut builder: MemoryCacheBuilder<T> = MemoryCacheProvider::builder().clock(clock);
    if let Some(max_entries) = options.max_entries {
        builder = builder.max_entries(max_entries);
    }
    if let Some(max_bytes) = options.max_bytes {
        builder = builder.max_bytes(max_bytes).size_of(weigh);
    }
    if let Some(ttl) = options.default_ttl() {
        builder = builder.default_ttl(ttl);
    }
    builder
}

/// The memory provider of JSON values, weighed as the table says.
pub fn memory(options: &Options, clock: ManualClock) -> MemoryCacheProvider<Value> {
    built(options, clock, weight)
}

/// The same with a policy.
#[cfg(not(target_arch = "wasm32"))]
pub fn with_policy(options: &Options, clock: ManualClock, policy: isocache::Policy) -> MemoryCacheProvider<Value> {
    builder(options, clock, weight).policy(policy).build().unwrap()
}

fn weight(_: &str, value: &Value) -> u64 {
    value.to_string().len() as u64
}
