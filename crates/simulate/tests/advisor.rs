//! The advisor of a cache over real accesses: its estimates against simulations of every request.

#![cfg(not(target_arch = "wasm32"))]
// Counts are far below 2^53.
#![allow(clippy::cast_precision_loss)]

mod support;

use isocache::MemoryCache;
use isocache::engine::{Advisor, FACTORS};
use isocache_simulate::{Policy, Trace};
use support::{folder, read};

/// The maximum error of an estimate, in percentage points, unless the comment at a trace says more.
const MOST: f64 = 3.0;
/// The number of samples that are tried.
const SEEDS: u64 = 2;

/// A hash with well-mixed bits, the same in every run, and different for each seed.
fn hash(key: u64, seed: u64) -> u64 {
    let mut hash = key.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

/// The errors of a cache's estimates, in percentage points, by policy and factor.
fn errors(
    trace: &Trace,
    seed: u64,
    entries: u32,
    policy: isocache::Policy,
    exact: &dyn Fn(Policy, u32) -> f64,
) -> Vec<f64> {
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
        let hash = hash(key.into(), seed);
        if hash <= bound {
            advisor.record(hash, is_hit, lookups);
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

/// Checks the estimates of caches of these sizes, with samples by several seeds.
fn check(name: &str, trace: &Trace, seeds: u64, sizes: &[u32], most: f64, most_on_the_mean: f64) {
    let known = std::cell::RefCell::new(std::collections::HashMap::new());
    let exact = |policy: Policy, size: u32| {
        *known
            .borrow_mut()
            .entry((policy, size))
            .or_insert_with(|| policy.hits(trace, size) as f64 / f64::from(trace.len()))
    };
    let (mut all, mut wrong) = (Vec::new(), 0.0_f64);
    for &size in sizes {
        for policy in [isocache::Policy::Lru, isocache::Policy::S3Fifo] {
            let errors: Vec<f64> = (1..=seeds).flat_map(|seed| errors(trace, seed, size, policy, &exact)).collect();
            let worst = errors.iter().copied().fold(0.0, f64::max);
            let mean = errors.iter().sum::<f64>() / errors.len() as f64;
            println!("{name}, {size} entries, {policy:?}: wrong by {mean:.2} points on the mean, {worst:.2} at most");
            wrong = wrong.max(worst);
            all.extend(errors);
        }
    }
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    println!("{name}: wrong by {mean:.2} points on the mean");
    assert!(mean <= most_on_the_mean && wrong <= most, "{name}: wrong by {mean} points on the mean, {wrong} at most");
}

fn check_file(file: &str, sizes: &[u32], most: f64, most_on_the_mean: f64) {
    let Some(folder) = folder(file) else { return };
    check(file, &read(&folder.join(file)).trace, SEEDS, sizes, most, most_on_the_mean);
}

macro_rules! traces {
    ($($test:ident: $file:literal, $sizes:expr, $most:expr, $most_on_the_mean:expr;)*) => {
        $(#[test]
        fn $test() {
            check_file($file, &$sizes, $most, $most_on_the_mean);
        })*
    };
}

traces! {
    // Wrong by more than three points with one of the samples, under S3-FIFO.
    oltp: "oltp.trace.gz", [250, 1000, 5000, 15_000], 4.0, 1.0;
    web07: "web07.trace.xz", [75, 300, 1200, 3000], MOST, 1.0;
    web12: "web12.trace.xz", [75, 300, 1200, 3000], MOST, 1.0;
    gli: "gli.trace.gz", [250, 500, 1000, 2000], MOST, 1.0;
    cpp: "cpp.trace.gz", [20, 50, 100, 500], MOST, 1.0;
    cs: "cs.trace.gz", [500, 1000], MOST, 1.0;
    // Likewise at the smallest size.
    two_pools: "2_pools.trace.gz", [100, 450, 1000], 5.0, 1.0;
    looping: "loop.trace.gz", [256, 512, 900], MOST, 1.0;
    // The few periods do not tell how much the hit ratio of a small cache varies.
    orm_busy: "orm-busy.trace.xz", [625, 1250, 2500, 5000, 10_000], 6.0, 1.5;
}

/// Pseudo-random numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        hash(self.0, 0x5eed) % count
    }

    /// A number from 1 to `count`, whose frequency falls with its power of `skew`, nearly as in a Zipf distribution.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn zipf(&mut self, count: u64, skew: f64) -> u64 {
        let at = self.below(1 << 53) as f64 / (1_u64 << 53) as f64;
        let power = 1.0 - skew;
        let rank = ((((count + 1) as f64).powf(power) - 1.0) * at + 1.0).powf(1.0 / power);
        (rank as u64).clamp(1, count)
    }
}

/// A stream of `lookups` keys. `key` makes each of them from its number.
fn stream(lookups: u64, mut key: impl FnMut(&mut Random, u64) -> u64) -> Trace {
    let mut random = Random(0);
    (0..lookups).map(|at| key(&mut random, at).to_string()).collect()
}

#[test]
fn skewed_keys() {
    for skew in [0.5, 0.7, 0.9, 1.1] {
        let trace = stream(400_000, |random, _| random.zipf(30_000, skew));
        // With the steepest, half of the lookups are for a few keys.
        let most = if skew > 1.0 { 4.0 } else { MOST };
        check(&format!("Zipf {skew}"), &trace, SEEDS, &[100, 1000, 5000], most, 1.0);
    }
}

#[test]
fn scans_between_skewed_keys() {
    // Every fifth lookup belongs to a scan, whose keys never come back; or to a loop.
    let scan = stream(400_000, |random, at| if at % 5 == 0 { 1_000_000 + at } else { random.zipf(20_000, 0.9) });
    check("scan", &scan, SEEDS, &[200, 1000, 4000], MOST, 1.0);
    let around =
        stream(400_000, |random, at| if at % 5 == 0 { 1_000_000 + at / 5 % 5000 } else { random.zipf(20_000, 0.9) });
    check("loop among others", &around, SEEDS, &[200, 1000, 4000], MOST, 1.0);
}

#[test]
fn keys_in_use_that_change() {
    // Slowly, and all at once.
    let drift = stream(400_000, |random, at| at / 40 + random.zipf(10_000, 0.8));
    check("drift", &drift, SEEDS, &[200, 1000, 4000], MOST, 1.0);
    let jumps = stream(400_000, |random, at| at / 20_000 * 100_000 + random.zipf(10_000, 0.8));
    check("jumps", &jumps, SEEDS, &[200, 1000, 4000], MOST, 1.0);
}

/// A seeded stream, as `tests/vectors/README.md` describes it: the two parts of the hash of each key.
fn vector_stream(case: &serde_json::Value) -> impl Iterator<Item = u64> {
    let number = |name: &str| u32::try_from(case[name].as_u64().unwrap()).unwrap();
    let (keys, stream) = (number("keys"), case["stream"].as_str().unwrap().to_owned());
    (0..number("lookups")).map(move |at| {
        let random = f64::from(bits(at.wrapping_mul(0x9e37_79b9))) / 4_294_967_296.0;
        // Below the number of keys.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let skewed = (f64::from(keys) * random * random * random) as u32;
        let key = match stream.as_str() {
            "loop" => at % keys,
            "scan" if at % 5 == 0 => 1_000_000 + at,
            "scan" | "skewed" => skewed,
            other => panic!("there is no stream {other}"),
        };
        u64::from(bits(key + 1)) << 32 | u64::from(bits(key ^ 0x9747_b28c))
    })
}

/// The last step of `MurmurHash3`.
fn bits(of: u32) -> u32 {
    let mut bits = (of ^ of >> 16).wrapping_mul(0x85eb_ca6b);
    bits = (bits ^ bits >> 13).wrapping_mul(0xc2b2_ae35);
    bits ^ bits >> 16
}

#[test]
fn the_vectors_hold() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/advisor.json");
    let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        let mut advisor = Advisor::new(u32::try_from(case["entries"].as_u64().unwrap()).unwrap());
        for (hash, lookups) in vector_stream(case).zip(1..) {
            advisor.record(hash, false, lookups);
        }
        let policy = if case["policy"] == "lru" { isocache::Policy::Lru } else { isocache::Policy::S3Fifo };
        let hits = case["hits"].as_u64().unwrap();
        let estimates = advisor.estimates(policy, hits, case["lookups"].as_u64().unwrap() - hits);
        let expected = case["estimates"].as_array().unwrap();
        assert_eq!(estimates.len(), expected.len());
        for (estimate, expected) in estimates.iter().zip(expected) {
            let [entries, lru, s3_fifo] = [0, 1, 2].map(|at| expected[at].as_f64().unwrap());
            assert!(
                (estimate.max_entries as f64 - entries).abs() < 0.5
                    && (estimate.lru - lru).abs() < 1e-9
                    && (estimate.s3_fifo - s3_fifo).abs() < 1e-9,
                "{}: {estimate:?}, expected {expected}",
                case["name"]
            );
        }
    }
}
