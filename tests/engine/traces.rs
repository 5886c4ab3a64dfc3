//! Real accesses: every trace with a known number of LRU hits gives exactly that number, and under S3-FIFO the hits of a
//! reference implementation to within one percent of the requests.
//!
//! The traces are not part of the project. They are read from the folder that `ISOCACHE_TRACES` names, or else from
//! `../shared/traces`; where that is absent, each test says that it is skipped.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use isocache::{MemoryCache, Policy};
use liblzma::read::XzDecoder;

/// One row of `reference-hits.tsv`.
struct Row {
    trace: String,
    capacity: usize,
    policy: Policy,
    hits: u64,
    requests: u64,
}

/// The requests of a trace, as indices into its distinct keys.
#[derive(Default)]
struct Trace {
    keys: Vec<String>,
    requests: Vec<u32>,
    known: HashMap<u64, u32>,
}

impl Trace {
    fn push(&mut self, key: u64) {
        let next = u32::try_from(self.keys.len()).unwrap();
        let index = *self.known.entry(key).or_insert(next);
        if index == next {
            self.keys.push(key.to_string());
        }
        self.requests.push(index);
    }
}

/// The folder of the traces. Where it is absent, says so past the capture of the test's output.
fn folder(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ISOCACHE_TRACES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces"), PathBuf::from);
    if folder.join("reference-hits.tsv").is_file() {
        return Some(folder);
    }
    let _ =
        writeln!(std::io::stderr(), "skipped: traces::{test}: there are no traces; ISOCACHE_TRACES names their folder");
    None
}

fn all_rows(folder: &Path) -> Vec<Row> {
    let table = std::fs::read_to_string(folder.join("reference-hits.tsv")).unwrap();
    let rows = table.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    let read = rows.filter_map(|row| {
        let policy = match row[2] {
            "LRU" => Policy::Lru,
            // A promotion at the first use, as here.
            "S3FIFO1" => Policy::S3Fifo,
            _ => return None,
        };
        Some(Row {
            trace: row[0].to_owned(),
            capacity: row[1].parse().unwrap(),
            policy,
            hits: row[5].parse().unwrap(),
            requests: row[6].parse().unwrap(),
        })
    });
    read.collect()
}

fn read(path: &Path) -> Trace {
    let file = File::open(path).unwrap();
    let mut trace = Trace::default();
    if path.extension().is_some_and(|extension| extension == "xz") {
        let mut bytes = Vec::new();
        XzDecoder::new(file).read_to_end(&mut bytes).unwrap();
        let (keys, rest) = bytes.as_chunks::<4>();
        assert!(rest.is_empty());
        for &key in keys {
            trace.push(u64::from(u32::from_be_bytes(key)));
        }
        return trace;
    }
    let mut text = String::new();
    MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    let numbers = |line: &str| line.split_ascii_whitespace().map(|word| word.parse().unwrap()).collect::<Vec<u64>>();
    for line in text.lines().filter(|line| !line.trim().is_empty() && line.trim() != "*") {
        match numbers(line)[..] {
            [key] => trace.push(key),
            [start, count, _, _] => (start..start + count).for_each(|key| trace.push(key)),
            _ => panic!("no such line: {line}"),
        }
    }
    trace
}

fn replay(trace: &Trace, row: &Row) {
    let cache = MemoryCache::builder().max_entries(row.capacity).policy(row.policy).build().unwrap();
    for &request in &trace.requests {
        let key = &trace.keys[request as usize];
        if let Some(value) = cache.get(key).unwrap() {
            assert_eq!(value, request);
        } else {
            cache.set(key, request, None).unwrap();
        }
    }
    let stats = cache.stats();
    let Row { trace: name, capacity, policy, hits, requests } = row;
    assert_eq!(stats.hits + stats.misses, *requests, "{name} at {capacity}");
    // One percent is less than the chance of a few evictions in the short traces.
    let off = stats.hits.abs_diff(*hits);
    let most = if *policy == Policy::Lru { 0 } else { (requests / 100).max(150) };
    assert!(off <= most, "{name} at {capacity} under {policy:?}: {} hits instead of {hits} of {requests}", stats.hits);
    let entries = row.capacity.min(trace.keys.len()) as u64;
    assert_eq!((stats.sets, stats.entries), (stats.misses, Some(entries)));
    assert_eq!(stats.evictions, stats.sets - entries);
}

macro_rules! traces {
    ($($test:ident: $file:literal, $rows:literal;)*) => {
        $(#[test]
        fn $test() {
            let Some(folder) = folder(stringify!($test)) else { return };
            let trace = read(&folder.join($file));
            let rows: Vec<_> = all_rows(&folder).into_iter().filter(|row| row.trace == $file).collect();
            assert_eq!(rows.len(), 2 * $rows);
            for row in &rows {
                replay(&trace, row);
            }
        })*

        #[test]
        fn no_row_is_left_out() {
            let Some(folder) = folder("no_row_is_left_out") else { return };
            assert_eq!(all_rows(&folder).len(), 2 * (0 $(+ $rows)*));
        }
    };
}

traces! {
    oltp: "oltp.trace.gz", 7;
    web07: "web07.trace.xz", 4;
    web12: "web12.trace.xz", 4;
    orm_busy: "orm-busy.trace.xz", 5;
    gli: "gli.trace.gz", 4;
    cpp: "cpp.trace.gz", 7;
    cs: "cs.trace.gz", 2;
    two_pools: "2_pools.trace.gz", 3;
    looping: "loop.trace.gz", 3;
}
