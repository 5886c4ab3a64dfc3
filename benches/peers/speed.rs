//! What is timed, and how.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::caches::Cache;
use crate::peers::{PEERS, Peer};
use crate::process::Process;
use crate::streams::{self, Stream};

/// Long enough that nothing expires while it is timed.
const TTL: Duration = Duration::from_secs(3600);
/// The operations of a run in several threads, at least: so many that the threads really run at the same time.
const THREADED: usize = 400_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    GetHit,
    SetEvict,
    CacheAside,
}

/// One row of the table: what every peer is made to do.
pub struct Scenario<'a> {
    pub name: &'static str,
    pub operation: Operation,
    pub entries: usize,
    pub ttl: bool,
    pub threads: usize,
    capacity: usize,
    stream: &'a Stream,
    /// Whether each run starts with an empty cache and ends with the stream, as traces are replayed.
    cold: bool,
    /// Operations of one run, over all threads.
    operations: usize,
}

/// One run of one peer.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Nanoseconds by the clock on the wall for each operation of all threads.
    pub ns: f64,
    /// Lookups that found something, of 1.
    pub hit_ratio: f64,
}

/// All runs of all peers in one scenario; no runs for a peer that cannot take part.
pub struct Measured<'a> {
    pub scenario: &'a Scenario<'a>,
    pub runs: Vec<Vec<Run>>,
}

/// The streams of all scenarios.
pub struct Streams {
    hits: [(usize, Stream); 2],
    sets: [(usize, Stream); 2],
    zipf: [(usize, Stream); 2],
    web07: Option<Stream>,
}

impl Streams {
    pub fn make() -> Self {
        let web07 = streams::web07().map_err(|missing| eprintln!("skipped: cache-aside on web07: {missing}")).ok();
        Self {
            hits: [1000, 50_000].map(|entries| (entries, streams::uniform(entries, 1 << 16))),
            sets: [1000, 50_000].map(|entries| (entries, streams::distinct(8 * entries))),
            zipf: [1000, 50_000].map(|entries| (entries, streams::zipf(10 * entries, 1 << 20))),
            web07,
        }
    }

    /// All scenarios, of `operations` each; if it is to be `quick`, a ttl is tried on one thread only.
    pub fn scenarios(&self, operations: usize, quick: bool) -> Vec<Scenario<'_>> {
        let mut rows: Vec<(&'static str, Operation, usize, &Stream)> = Vec::new();
        rows.extend(self.hits.iter().map(|(entries, stream)| ("get-hit", Operation::GetHit, *entries, stream)));
        rows.extend(self.sets.iter().map(|(entries, stream)| ("set-evict", Operation::SetEvict, *entries, stream)));
        rows.extend(self.zipf.iter().map(|(entries, stream)| ("aside zipf", Operation::CacheAside, *entries, stream)));
        // A size for which the hits of an exact LRU are known.
        rows.extend(self.web07.iter().map(|stream| ("aside web07", Operation::CacheAside, 1200, stream)));
        let mut scenarios = Vec::new();
        for threads in [1, 2, 8] {
            for ttl in [false, true] {
                // With more threads than processors, what matters is whether the locks stand in the way.
                if ttl && (threads > 2 || quick && threads > 1) {
                    continue;
                }
                scenarios.extend(rows.iter().map(|&(name, operation, entries, stream)| {
                    let cold = name == "aside web07";
                    // Caches in shards overflow in one while there is room in others: here nothing may be missing.
                    let capacity = if operation == Operation::GetHit { 2 * entries } else { entries };
                    let least = if threads > 1 { THREADED } else { 0 };
                    let operations = if cold { stream.len() } else { operations.max(least) };
                    Scenario { name, operation, entries, ttl, threads, capacity, stream, cold, operations }
                }));
            }
        }
        scenarios
    }
}

impl Scenario<'_> {
    fn ttl(&self) -> Option<Duration> {
        self.ttl.then_some(TTL)
    }

    /// Runs every peer once in each round, each time a new cache, and beginning with another peer each time.
    pub fn measure(&self, number: usize, processes: &mut [Process], rounds: usize) -> std::io::Result<Vec<Vec<Run>>> {
        let takes_part = |peer: &Peer| !self.ttl || peer.has_ttl;
        let mut runs: Vec<Vec<Run>> = PEERS.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            for turn in 0..PEERS.len() {
                let at = (round + turn) % PEERS.len();
                if takes_part(&PEERS[at]) {
                    runs[at].push(processes[at].run(number)?);
                }
            }
        }
        Ok(runs)
    }
}

/// One run: a new cache, made ready; then the time of the operations.
pub fn run<C: Cache>(scenario: &Scenario<'_>) -> Run {
    let cache = C::new(scenario.capacity, scenario.ttl());
    let stream = scenario.stream;
    let one = if scenario.cold { stream.len() } else { scenario.operations } / scenario.threads;
    if scenario.operation == Operation::GetHit {
        let keys = streams::distinct(scenario.entries);
        (0..keys.len()).for_each(|at| cache.set(keys.key(at), at as u64));
        cache.settle();
    }
    if !scenario.cold {
        // Until the cache is full and its processor's caches are too. The stream then begins where the warm-up has ended.
        let per_entry = if scenario.operation == Operation::CacheAside { 5 } else { 2 };
        let warm = (per_entry * scenario.entries).max(1 << 14).min(stream.len());
        work(&cache, scenario.operation, stream, stream.len() - warm, warm);
        cache.settle();
        if scenario.threads > 1 {
            // Caches may arrange themselves for threads that compete, once. That is no part of an operation.
            in_threads(&cache, scenario, one, one);
            cache.settle();
        }
    }
    let (elapsed, hits) = if scenario.threads == 1 {
        let start = Instant::now();
        let hits = work(&cache, scenario.operation, stream, 0, one);
        (start.elapsed(), hits)
    } else {
        in_threads(&cache, scenario, 0, one)
    };
    let operations = (one * scenario.threads) as f64;
    if scenario.operation == Operation::GetHit {
        assert_eq!(hits, one as u64 * scenario.threads as u64, "every lookup finds its entry");
    }
    Run { ns: elapsed.as_secs_f64() * 1e9 / operations, hit_ratio: hits as f64 / operations }
}

/// Each thread runs its own part of the stream, beginning `before` keys earlier. Returns the time from the first start to the
/// last end.
fn in_threads<C: Cache>(cache: &C, scenario: &Scenario<'_>, before: usize, one: usize) -> (Duration, u64) {
    let barrier = Barrier::new(scenario.threads);
    let all = scenario.stream.len();
    let part = all / scenario.threads;
    let spans: Vec<(Instant, Instant, u64)> = std::thread::scope(|scope| {
        let start = |thread: usize| {
            let barrier = &barrier;
            let from = (thread * part + all - before % all) % all;
            scope.spawn(move || {
                barrier.wait();
                let start = Instant::now();
                let hits = work(cache, scenario.operation, scenario.stream, from, one);
                (start, Instant::now(), hits)
            })
        };
        let threads: Vec<_> = (0..scenario.threads).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
    });
    let first = spans.iter().map(|span| span.0).min().expect("there are threads");
    let last = spans.iter().map(|span| span.1).max().expect("there are threads");
    (last - first, spans.iter().map(|span| span.2).sum())
}

/// `operations` from a place of the stream on, round and round; returns the hits.
#[inline(never)]
fn work<C: Cache>(cache: &C, operation: Operation, stream: &Stream, from: usize, operations: usize) -> u64 {
    match operation {
        Operation::GetHit => over(stream, from, operations, |key, _| cache.get(key).map(black_box).is_some()),
        Operation::SetEvict => over(stream, from, operations, |key, at| {
            cache.set(key, at as u64);
            false
        }),
        Operation::CacheAside => over(stream, from, operations, |key, at| {
            let hit = cache.get(key).map(black_box).is_some();
            if !hit {
                cache.set(key, at as u64);
            }
            hit
        }),
    }
}

#[inline]
fn over(stream: &Stream, from: usize, operations: usize, mut each: impl FnMut(&str, usize) -> bool) -> u64 {
    let (mut hits, mut at) = (0, from);
    for _ in 0..operations {
        hits += u64::from(each(stream.key(at), at));
        at += 1;
        if at == stream.len() {
            at = 0;
        }
    }
    hits
}

/// Allocations for each hit and for each set that evicts.
pub fn allocations<C: Cache>() -> (f64, f64) {
    const OPERATIONS: usize = 10_000;
    let keys = streams::distinct(OPERATIONS);
    let cache = C::new(2 * OPERATIONS, None);
    (0..OPERATIONS).for_each(|at| cache.set(keys.key(at), at as u64));
    cache.settle();
    // Once before, for what is allocated once for each thread.
    work(&cache, Operation::GetHit, &keys, 0, OPERATIONS);
    let (hits, on_hits) = crate::allocator::counted(|| work(&cache, Operation::GetHit, &keys, 0, OPERATIONS));
    assert_eq!(hits, OPERATIONS as u64, "every lookup finds its entry");
    let cache = C::new(1000, None);
    work(&cache, Operation::SetEvict, &keys, 0, OPERATIONS);
    let ((), on_sets) = crate::allocator::counted(|| {
        work(&cache, Operation::SetEvict, &keys, 0, OPERATIONS);
    });
    let each = |allocations: u64| allocations as f64 / OPERATIONS as f64;
    (each(on_hits.allocations), each(on_sets.allocations))
}

/// Bytes for each of this many entries with keys of 16 bytes, in a cache with room for just these.
pub fn bytes_per_entry<C: Cache>(entries: usize) -> f64 {
    let keys: Vec<String> = (0..entries).map(|id| format!("key:{id:012}")).collect();
    let (cache, counts) = crate::allocator::counted(|| {
        let cache = C::new(entries, None);
        keys.iter().zip(0..).for_each(|(key, value)| cache.set(key, value));
        cache.settle();
        cache
    });
    counts.bytes as f64 / cache.len() as f64
}
