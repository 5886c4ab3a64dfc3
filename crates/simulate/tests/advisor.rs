//! The advisor of a cache over real accesses: its estimates against simulations of every request.

#![cfg(not(target_arch = "wasm32"))]
// Counts are far below 2^53.
#![allow(clippy::cast_precision_loss)]

mod support;

use isocache::MemoryCache;
use isocache::engine::{Advisor, FACTORS};
use isocache_simulate::{Policy, Trace};
use support::{folder, read};

/// The most percentage points that an estimate may be wrong, except where the comment at a trace says more.
const MOST: f64 = 3.0;

/// A hash all of whose bits are good, and the same in every run.
fn hash(key: u64) -> u64 {
    let mut hash = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

/// How far the estimates of a cache are off, in percentage points, by policy and factor.
fn errors(trace: &Trace, entries: u32, policy: isocache::Policy, exact: &dyn Fn(Policy, u32) -> f64) -> Vec<f64> {
    let cache = MemoryCache::builder().max_entries(entries as usize).policy(policy).build().unwrap();
    let mut advisor = Advisor::new(entries);
    let mut hits = 0;
    for (&key, lookups) in trace.requests().iter().zip(1..) {
        let name = key.to_string();
        let is_hit = cache.get(&name).unwrap().is_some();
        if !is_hit {
            cache.set(&name, (), None).unwrap();
        }
        hits += u64::from(is_hit);
        let bound = if is_hit { advisor.bound() } else { advisor.miss_bound() };
        if hash(key.into()) <= bound {
            advisor.record(hash(key.into()), is_hit, lookups);
        }
    }
    let estimates = advisor.estimates(policy, hits, u64::from(trace.len()) - hits);
    assert_eq!(estimates.len(), FACTORS.len());
    let sizes = estimates.iter().map(|estimate| (u32::try_from(estimate.max_entries).unwrap(), estimate));
    sizes
        .flat_map(|(size, estimate)| {
            [(Policy::Lru, estimate.lru), (Policy::S3Fifo, estimate.s3_fifo)]
                .map(|(policy, estimated)| (estimated - exact(policy, size)).abs() * 100.0)
        })
        .collect()
}

fn check(file: &str, sizes: &[u32], most: f64) {
    let Some(folder) = folder(file) else { return };
    let trace = read(&folder.join(file)).trace;
    let known = std::cell::RefCell::new(std::collections::HashMap::new());
    let exact = |policy: Policy, size: u32| {
        *known
            .borrow_mut()
            .entry((policy, size))
            .or_insert_with(|| policy.hits(&trace, size) as f64 / f64::from(trace.len()))
    };
    let (mut all, mut wrong) = (Vec::new(), 0.0_f64);
    for &size in sizes {
        for policy in [isocache::Policy::Lru, isocache::Policy::S3Fifo] {
            let errors = errors(&trace, size, policy, &exact);
            let worst = errors.iter().copied().fold(0.0, f64::max);
            let mean = errors.iter().sum::<f64>() / errors.len() as f64;
            println!("{file}, {size} entries, {policy:?}: wrong by {mean:.2} points on the mean, {worst:.2} at most");
            wrong = wrong.max(worst);
            all.extend(errors);
        }
    }
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    println!("{file}: wrong by {mean:.2} points on the mean");
    assert!(mean <= 1.5 && wrong <= most, "{file}: wrong by {mean} points on the mean, {wrong} at most");
}

macro_rules! traces {
    ($($test:ident: $file:literal, $sizes:expr, $most:expr;)*) => {
        $(#[test]
        fn $test() {
            check($file, &$sizes, $most);
        })*
    };
}

traces! {
    oltp: "oltp.trace.gz", [250, 1000, 5000, 15_000], MOST;
    web07: "web07.trace.xz", [75, 300, 1200, 3000], MOST;
    web12: "web12.trace.xz", [75, 300, 1200, 3000], MOST;
    gli: "gli.trace.gz", [250, 500, 1000, 2000], MOST;
    cpp: "cpp.trace.gz", [20, 50, 100, 500], MOST;
    cs: "cs.trace.gz", [500, 1000], MOST;
    two_pools: "2_pools.trace.gz", [100, 450, 1000], MOST;
    // S3-FIFO keeps what it held when a pause began, which in a loop it would not have held.
    looping: "loop.trace.gz", [256, 512, 900], 6.0;
    // The few periods do not tell how much the hit ratio of a small cache varies.
    orm_busy: "orm-busy.trace.xz", [625, 1250, 2500, 5000, 10_000], 6.0;
}
