//! Real accesses: the hits of every policy match those of known implementations, exactly where there is one right
//! number, and within one percent of the requests under S3-FIFO.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use isocache_simulate::Policy;
use support::{folder, read};

/// The policy of a row, and the allowed error in hits.
fn policy(row: &[&str], requests: u64) -> Option<(Policy, u64)> {
    match row[2] {
        "LRU" => Some((Policy::Lru, 0)),
        "FIFO" => Some((Policy::Fifo, 0)),
        "ARC" => Some((Policy::Arc, 0)),
        "OPT" => Some((Policy::Optimum, 0)),
        "foyer_sieve" | "SIEVE" => Some((Policy::Sieve, 0)),
        // A promotion at the first use, as in isocache. One percent is less than the chance of a few evictions in the short
        // traces.
        "S3FIFO1" => Some((Policy::S3Fifo, (requests / 100).max(150))),
        _ => None,
    }
}

fn check(file: &str, format: &str) -> usize {
    let Some(folder) = folder(file) else { return 0 };
    let recorded = read(&folder.join(file));
    assert_eq!((recorded.format.name(), recorded.unreadable), (format, 0), "{file}");
    let table = std::fs::read_to_string(folder.join("reference-hits.tsv")).unwrap();
    let mut compared = 0;
    for row in table.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>()).filter(|row| row[0] == file) {
        let (size, hits, requests) = (row[1].parse().unwrap(), row[5].parse::<u64>().unwrap(), row[6].parse().unwrap());
        let Some((policy, most)) = policy(&row, requests) else { continue };
        assert_eq!(u64::from(recorded.trace.len()), requests, "{file}");
        let found = policy.hits(&recorded.trace, size);
        assert!(found.abs_diff(hits) <= most, "{file}, {}, {size} entries: {found} hits, not {hits}", policy.name());
        compared += 1;
    }
    assert!(compared >= 6, "{file}: only {compared} rows");
    compared
}

macro_rules! traces {
    ($($test:ident: $file:literal, $format:literal;)*) => {
        $(#[test]
        fn $test() {
            check($file, $format);
        })*
    };
}

traces! {
    oltp: "oltp.trace.gz", "ranges";
    web07: "web07.trace.xz", "binary";
    web12: "web12.trace.xz", "binary";
    orm_busy: "orm-busy.trace.xz", "binary";
    gli: "gli.trace.gz", "numbers";
    cpp: "cpp.trace.gz", "numbers";
    cs: "cs.trace.gz", "numbers";
    two_pools: "2_pools.trace.gz", "numbers";
    looping: "loop.trace.gz", "numbers";
}
