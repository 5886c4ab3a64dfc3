//! Many threads over one memory cache: counts add up, limits hold, and every value leaves once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use isocache::{ManualClock, MemoryCache, RemovalReason};

/// Operations of each thread; an interpreter that checks every access to memory has time for a few only.
const OPERATIONS: u64 = if cfg!(miri) { 60 } else { 40_000 };
const THREADS: u64 = if cfg!(miri) { 3 } else { 8 };
const KEYS: u64 = if cfg!(miri) { 12 } else { 200 };
const MAX_ENTRIES: usize = if cfg!(miri) { 5 } else { 64 };
const MAX_BYTES: u64 = 10 * MAX_ENTRIES as u64;

/// Counts what is made and what is dropped.
#[derive(Default)]
struct Ledger {
    made: AtomicU64,
    dropped: AtomicU64,
}

struct Value {
    id: u64,
    weight: u64,
    ledger: Arc<Ledger>,
}

impl Value {
    fn new(weight: u64, ledger: &Arc<Ledger>) -> Arc<Self> {
        let id = ledger.made.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { id, weight, ledger: Arc::clone(ledger) })
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.ledger.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// A sequence that is the same in every run (xorshift).
struct Sequence(u64);

impl Sequence {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// What the threads did, to compare with what the cache counted.
#[derive(Default)]
struct Tally {
    hits: AtomicU64,
    misses: AtomicU64,
    sets: AtomicU64,
    deletes: AtomicU64,
}

impl Tally {
    fn looked_up(&self, found: bool) {
        let count = if found { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

type Cache = MemoryCache<Arc<Value>>;

/// One operation, chosen by the sequence.
fn operate(cache: &Cache, clock: &ManualClock, random: &mut Sequence, ledger: &Arc<Ledger>, tally: &Tally) {
    let key = format!("key:{}", random.below(KEYS));
    let other = format!("key:{}", random.below(KEYS));
    match random.below(100) {
        0..40 => tally.looked_up(cache.get(&key).unwrap().is_some()),
        40..45 => {
            let found = cache.get_many(&[&key, &other]).unwrap();
            for value in found {
                tally.looked_up(value.is_some());
            }
        }
        45..80 => {
            let ttl = (random.below(2) == 0).then(|| Duration::from_millis(1 + random.below(50)));
            cache.set(&key, Value::new(random.below(20), ledger), ttl).unwrap();
            tally.sets.fetch_add(1, Ordering::Relaxed);
        }
        80..84 => {
            let entries = [&key, &other].map(|key| (key.as_str(), Value::new(random.below(20), ledger), None));
            cache.set_many(entries.into()).unwrap();
            tally.sets.fetch_add(2, Ordering::Relaxed);
        }
        84..90 => {
            let deleted = u64::from(cache.delete(&key).unwrap());
            tally.deletes.fetch_add(deleted, Ordering::Relaxed);
        }
        90..92 => {
            let deleted = cache.clear_pattern(&format!("key:*{}", random.below(10))).unwrap();
            tally.deletes.fetch_add(deleted, Ordering::Relaxed);
        }
        92..95 => clock.advance(Duration::from_millis(random.below(10))),
        95..97 => drop(cache.exists(&key).unwrap()),
        97 => drop(cache.keys()),
        98 => drop(cache.sweep()),
        _ => {
            let stats = cache.stats();
            assert!(stats.entries.unwrap() <= MAX_ENTRIES as u64, "{stats:?}");
            assert!(stats.bytes.unwrap_or(0) <= MAX_BYTES, "{stats:?}");
        }
    }
}

#[test]
fn counts_add_up_and_every_value_leaves_once() {
    check_counts(true);
}

/// Where entries are not measured, the threads soon have several tables.
#[test]
fn counts_add_up_over_several_tables() {
    check_counts(false);
}

fn check_counts(measured: bool) {
    let (ledger, tally, clock) = (Arc::new(Ledger::default()), Tally::default(), ManualClock::new());
    let left: Arc<Mutex<HashMap<u64, RemovalReason>>> = Arc::default();
    let seen = Arc::clone(&left);
    let builder = MemoryCache::builder().max_entries(MAX_ENTRIES);
    let builder =
        if measured { builder.max_bytes(MAX_BYTES).size_of(|_, value: &Arc<Value>| value.weight) } else { builder };
    let cache: Cache = builder
        .clock(clock.clone())
        .on_removal(move |_, value: Arc<Value>, reason| {
            let before = seen.lock().unwrap().insert(value.id, reason);
            assert_eq!(before, None, "value {} left twice", value.id);
        })
        .build()
        .unwrap();

    thread::scope(|scope| {
        for number in 1..=THREADS {
            let (cache, clock, ledger, tally) = (cache.clone(), clock.clone(), &ledger, &tally);
            scope.spawn(move || {
                let mut random = Sequence(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                for _ in 0..OPERATIONS {
                    operate(&cache, &clock, &mut random, ledger, tally);
                }
            });
        }
    });

    let stats = cache.stats();
    let tallied = |count: &AtomicU64| count.load(Ordering::Relaxed);
    assert_eq!(stats.hits, tallied(&tally.hits));
    assert_eq!(stats.misses, tallied(&tally.misses));
    assert_eq!(stats.sets, tallied(&tally.sets));
    assert_eq!(stats.deletes, tallied(&tally.deletes));
    assert!(stats.hits > 0 && stats.misses > 0 && stats.evictions > 0 && stats.expirations > 0, "{stats:?}");

    let left = left.lock().unwrap();
    let reported = |reason| left.values().filter(|own| **own == reason).count() as u64;
    assert_eq!(stats.evictions, reported(RemovalReason::Evicted));
    assert_eq!(stats.expirations, reported(RemovalReason::Expired));
    assert_eq!(stats.deletes, reported(RemovalReason::Deleted));
    let entries = stats.entries.unwrap();
    assert_eq!(stats.sets, entries + left.len() as u64);
    let keys = cache.keys();
    assert_eq!(keys.len() as u64, entries);
    let staying: Vec<_> = keys.iter().map(|key| cache.peek(key).unwrap().unwrap()).collect();
    assert!(staying.iter().all(|value| !left.contains_key(&value.id)));
    let bytes = staying.iter().map(|value| value.weight).sum();
    assert_eq!(stats.bytes, measured.then_some(bytes));
    drop(staying);

    assert_eq!(tallied(&ledger.made), stats.sets);
    assert_eq!(tallied(&ledger.dropped), stats.sets - entries);
    drop(cache);
    assert_eq!(tallied(&ledger.dropped), stats.sets);
}

/// What one call does, other threads see as a whole or not at all.
#[test]
fn operations_on_many_keys_are_seen_whole() {
    let cache = MemoryCache::default();
    let done = AtomicBool::new(false);
    let keys = ["a", "b", "c"];
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..OPERATIONS {
                cache.set_many(keys.map(|key| (key, round, None)).into()).unwrap();
                if round % 7 == 0 {
                    assert_eq!(cache.delete_many(&keys), Ok(3));
                }
            }
            done.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                let values = cache.get_many(&keys).unwrap();
                assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
            }
        });
    });
}

/// The first ttl of all switches the clock on, whichever thread sets it.
#[test]
fn the_first_ttl_is_seen_by_every_thread() {
    for _ in 0..if cfg!(miri) { 3 } else { 200 } {
        let clock = ManualClock::new();
        clock.set_ms(1_000_000);
        let cache = MemoryCache::builder().clock(clock).build().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| cache.set("mortal", 1, Some(Duration::from_millis(1))).unwrap());
            scope.spawn(|| {
                for n in 0..10 {
                    cache.set("other", n, None).unwrap();
                    cache.get("mortal").unwrap();
                }
            });
        });
        assert_eq!(cache.get("mortal"), Ok(Some(1)));
        assert_eq!(cache.get("other"), Ok(Some(9)));
    }
}
