//! Tests of a cache whose entries are in several tables.
//!
//! Most of them write from one thread; those with two are in `shards_threads_tests.rs`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::ManualClock;
use crate::engine::RemovalReason;
use crate::memory::MemoryCache;

pub(super) const ENTRIES: usize = if cfg!(miri) { 8 } else { 200 };
pub(super) const KEYS: u64 = 3 * ENTRIES as u64;

/// A sequence that is the same in every run.
pub(super) struct Sequence(pub(super) u64);

impl Sequence {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

pub(super) fn cache(entries: usize) -> MemoryCache<u64> {
    let cache = MemoryCache::builder().max_entries(entries).build().unwrap();
    cache.shared.locks.split();
    assert!(cache.shared.locks.shards().is_some());
    cache
}

pub(super) fn key(number: u64) -> String {
    format!("key:{number}")
}

/// A least recently used order, kept in a list.
pub(super) struct Model {
    pub(super) keys: Vec<String>,
    pub(super) max: usize,
}

impl Model {
    pub(super) fn uses(&mut self, key: &str) -> bool {
        let at = self.keys.iter().position(|own| own == key);
        at.map(|at| self.keys[at..].rotate_left(1)).is_some()
    }

    pub(super) fn set(&mut self, key: &str) {
        if !self.uses(key) {
            if self.keys.len() == self.max {
                self.keys.remove(0);
            }
            self.keys.push(key.to_owned());
        }
    }

    fn by_use(&self) -> Vec<String> {
        self.keys.iter().rev().cloned().collect()
    }
}

/// If a write follows every use, the order is exact.
#[test]
fn one_limit_and_one_order_over_all_tables() {
    let (cache, mut model, mut random) =
        (cache(ENTRIES), Model { keys: Vec::new(), max: ENTRIES }, Sequence(0x1234_5678_9abc_def1));
    let mut evictions = 0;
    for step in 0..20 * KEYS {
        let key = key(random.below(KEYS));
        match random.below(10) {
            0..5 => {
                evictions += u64::from(!model.keys.contains(&key) && model.keys.len() == ENTRIES);
                model.set(&key);
                cache.set(&key, step, None).unwrap();
            }
            5..8 => {
                assert_eq!(cache.get(&key).unwrap().is_some(), model.uses(&key));
                // A write, so that the next use is later than this one.
                let last = model.keys.last().cloned();
                if let Some(last) = last {
                    cache.set(&last, step, None).unwrap();
                }
            }
            8 => {
                let at = model.keys.iter().position(|own| *own == key);
                assert_eq!(cache.delete(&key).unwrap(), at.map(|at| model.keys.remove(at)).is_some());
            }
            _ => {
                let other = self::key(random.below(KEYS));
                evictions += [&key, &other]
                    .map(|key| {
                        let evicts = !model.keys.contains(key) && model.keys.len() == ENTRIES;
                        model.set(key);
                        u64::from(evicts)
                    })
                    .iter()
                    .sum::<u64>();
                cache.set_many(vec![(&key, step, None), (&other, step, None)]).unwrap();
            }
        }
        assert_eq!(cache.len(), model.keys.len(), "after step {step}");
        if step % 50 == 0 {
            assert_eq!(cache.keys(), model.by_use(), "after step {step}");
        }
    }
    assert!(evictions > 0);
    assert_eq!(cache.stats().evictions, evictions);
}

#[test]
fn a_split_keeps_entries_order_counts_and_times() {
    let clock = ManualClock::new();
    let cache = MemoryCache::builder().max_entries(ENTRIES).clock(clock.clone()).build().unwrap();
    for number in 0..KEYS {
        let ttl = (number % 2 == 0).then(|| Duration::from_millis(1000 + number));
        cache.set(&key(number), number, ttl).unwrap();
        cache.get(&key(number / 2)).unwrap();
    }
    let (keys, stats, dump) = (cache.keys(), cache.stats(), cache.dump());
    cache.shared.locks.split();
    assert!(cache.shared.locks.shards().is_some());
    assert_eq!((cache.keys(), cache.stats(), cache.dump()), (keys, stats, dump));
    clock.advance(Duration::from_millis(1000 + KEYS));
    let odd = cache.keys();
    assert!(!odd.is_empty() && odd.iter().all(|key| key.ends_with(['1', '3', '5', '7', '9'])), "{odd:?}");
}

#[test]
fn the_expired_leave_before_the_fresh() {
    let clock = ManualClock::new();
    let gone = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&gone);
    let cache = MemoryCache::builder()
        .max_entries(ENTRIES)
        .clock(clock.clone())
        .on_removal(move |key: &str, _, reason| seen.lock().unwrap().push((key.to_owned(), reason)))
        .build()
        .unwrap();
    cache.shared.locks.split();
    for number in 0..ENTRIES as u64 - 1 {
        cache.set(&key(number), number, None).unwrap();
    }
    cache.set("short", 0, Some(Duration::from_millis(10))).unwrap();
    clock.advance(Duration::from_millis(10));
    cache.set("new", 1, None).unwrap();
    assert_eq!(*gone.lock().unwrap(), [("short".to_owned(), RemovalReason::Expired)]);
    cache.set("newer", 1, None).unwrap();
    assert_eq!(gone.lock().unwrap()[1], (key(0), RemovalReason::Evicted));
    assert_eq!(cache.len(), ENTRIES);
}

#[test]
fn the_clock_starts_again_in_the_same_order() {
    let cache = cache(ENTRIES);
    for number in 0..ENTRIES as u64 {
        cache.set(&key(number), number, None).unwrap();
    }
    for number in 0..ENTRIES as u64 / 2 {
        cache.set(&key(number), number, None).unwrap();
    }
    let (keys, stats) = (cache.keys(), cache.stats());
    cache.shared.locks.shards().unwrap().end_of_time();
    assert_eq!(cache.keys(), keys);
    cache.set(&key(0), 0, None).unwrap();
    let mut after = keys.clone();
    after.retain(|own| *own != key(0));
    after.insert(0, key(0));
    assert_eq!(cache.keys(), after, "it is the latest use");
    assert!(
        cache.shared.locks.shards().unwrap().now() < 10 * u32::try_from(KEYS).unwrap(),
        "the clock has started again"
    );
    assert_eq!(cache.stats().hits, stats.hits);
    assert_eq!(cache.stats().sets, stats.sets + 1);
    cache.set("new", 1, None).unwrap();
    assert!(!cache.exists(&keys[keys.len() - 1]).unwrap(), "the least recently used entry has left");
}

#[test]
fn limits_change_and_everything_can_be_cleared() {
    let cache = cache(ENTRIES);
    for number in 0..KEYS {
        cache.set(&key(number), number, None).unwrap();
    }
    assert_eq!(cache.len(), ENTRIES);
    cache.resize(Some(ENTRIES / 2), None).unwrap();
    let newest: Vec<_> = (KEYS - ENTRIES as u64 / 2..KEYS).rev().map(key).collect();
    assert_eq!(cache.keys(), newest);
    cache.resize(Some(ENTRIES), None).unwrap();
    (0..KEYS).for_each(|number| cache.set(&key(number), number, None).unwrap());
    assert_eq!(cache.len(), ENTRIES);
    assert_eq!(cache.clear_pattern("key:*").unwrap(), ENTRIES as u64);
    assert!(cache.is_empty());
    cache.set("a", 1, None).unwrap();
    cache.clear();
    assert_eq!(cache.get("a"), Ok(None));
    (0..KEYS).for_each(|number| cache.set(&key(number), number, None).unwrap());
    assert_eq!(cache.len(), ENTRIES);
}

/// `tests/memory/threads.rs` tests what several threads see of one table under a lock; here there are many tables from
/// the start.
#[test]
fn the_limit_holds_at_every_moment() {
    let (cache, threads, rounds) =
        (cache(ENTRIES), if cfg!(miri) { 2 } else { 4_u64 }, if cfg!(miri) { 20 } else { 5000 });
    std::thread::scope(|scope| {
        for thread in 1..=threads {
            let cache = &cache;
            scope.spawn(move || {
                let mut random = Sequence(thread.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                for round in 0..rounds {
                    let key = key(random.below(KEYS));
                    if cache.get(&key).unwrap().is_none() {
                        cache.set(&key, round, None).unwrap();
                    }
                    if round % 16 == 0 {
                        assert!(cache.len() <= ENTRIES);
                    }
                }
            });
        }
    });
    let stats = cache.stats();
    assert_eq!(stats.hits + stats.misses, threads * rounds);
    assert_eq!(stats.sets, stats.misses);
    assert_eq!(stats.entries, Some(cache.keys().len() as u64));
}
