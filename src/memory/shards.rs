//! The tables of a cache that several threads compete for. Each has the keys with certain hashes, and its own lock.
//!
//! They share the limit on entries and the order of use. A new entry needs a place, and there are as many places as the
//! limit allows. If none is left, an entry is evicted first, so the limit is never exceeded, and no part of it is
//! reserved for one table.
//!
//! Which one is evicted depends on who writes:
//!
//! - While one thread writes, it is the least recently used entry of all tables.
//! - While several do, it is that of the table of the new entry, if this has its share of the entries. To find the
//!   oldest of all, each write would wait for what the other processors have just written to other tables.
//!
//! The order of use is that of the stamps, which all tables take from one clock. A write advances the clock; a lookup
//! only stores the time that it finds, and only if the entry has another stamp. So lookups by several threads write to
//! nothing shared except the lock. The lookups between two writes count as simultaneous. While several threads write,
//! a table may be ahead of the clock by a few stamps, and the order between tables is that much less exact.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::part::{Part, lock};
use super::table::{Hashed, Leavers, Table};
use crate::engine::{Counters, LAST_STAMP, Limits, MAX_SLOTS, Millis, Policy};

/// The maximum number of tables, a power of 2.
const MAX_SHARDS: usize = 64;
/// The number of entries for which a table is worth its memory.
const ENTRIES: usize = if cfg!(miri) { 2 } else { 16 };
/// How far a table may be ahead of the clock while several threads write: each advance of the clock costs all of them.
const LEAD: u32 = 4;
/// The clock restarts after this time; each write advances it by a few.
const LAST_TIME: u32 = LAST_STAMP - (1 << 24);
/// The head of a table without entries.
const NO_HEAD: u32 = u32::MAX;
/// The number of expired entries that an eviction looks for in a table, so that no write pays for many.
const SWEEP_BUDGET: u32 = 16;

/// Two cache lines, because some processors fetch two at once.
#[repr(align(128))]
struct Shard<T>(Mutex<Part<T>>);

#[repr(align(128))]
struct Line(AtomicU32);

pub(super) struct Shards<T> {
    parts: Box<[Shard<T>]>,
    /// At least as late as every stamp or, while several threads write, less than [`LEAD`] behind.
    clock: Line,
    /// The number of entries in all tables, and of places taken for entries to come.
    held: Line,
    max_entries: AtomicU32,
    /// For each table, a stamp that is not later than any of its entries.
    heads: Box<[AtomicU32]>,
    /// For each table, a time before which none of its entries expires, as the bits of a float.
    dues: Box<[AtomicU64]>,
    /// The counts of the single table before the split.
    earlier: Counters,
}

/// A locked part of several, and the state before.
pub(super) struct Place<'a, T> {
    shards: &'a Shards<T>,
    at: usize,
    held: u32,
    clock: u32,
    tick: u32,
    /// Whether this thread is the only one that writes.
    is_alone: bool,
}

impl<T> Shards<T> {
    /// Whether a cache with these limits is large enough.
    pub(super) fn suit(limits: Limits) -> bool {
        limits.max_entries as usize >= 2 * ENTRIES
    }

    /// Moves the entries out of a table.
    pub(super) fn from_table(table: &mut Table<T>) -> Self {
        let max_entries = table.engine.limits().max_entries;
        let count = (max_entries as usize / ENTRIES).next_power_of_two().min(MAX_SHARDS);
        let limits = Limits { max_entries: MAX_SLOTS, max_weight: u64::MAX };
        let mut earlier = table.engine.counters();
        let mut tables: Vec<Table<T>> =
            (0..count).map(|_| Table::new(limits, Policy::Lru, table.is_watched())).collect();
        let (mut clock, mut held) = (0, 0);
        table.drain(|entry, deadline, end| {
            if let Some(table) = tables.get_mut(place(entry.hash(), count)) {
                table.engine.advance(clock);
                clock += 1;
                if table.adopt(entry, deadline, end) {
                    held += 1;
                } else {
                    // There was no memory for it.
                    earlier.evictions += 1;
                }
            }
        });
        let dues = tables.iter().map(|table| AtomicU64::new(table.engine.first_due().to_bits())).collect();
        let parts = tables.into_iter().map(|mut table| {
            table.engine.forget_counts();
            Shard(Mutex::new(Part::new(table)))
        });
        Self {
            parts: parts.collect(),
            clock: Line(AtomicU32::new(clock + 1)),
            held: Line(AtomicU32::new(held)),
            max_entries: AtomicU32::new(max_entries),
            heads: (0..count).map(|_| AtomicU32::new(0)).collect(),
            dues,
            earlier,
        }
    }

    /// The part of `count` to which a key belongs.
    #[inline]
    pub(super) fn index(key: Hashed<'_>, count: usize) -> usize {
        place(key.hash(), count)
    }

    /// The number of parts.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// The tables, as one of them sees it.
    pub(super) fn tables(&self, part: &Part<T>) -> super::advice::Tables {
        super::advice::Tables { count: self.len(), uncounted: part.hits + part.misses }
    }

    /// The latest time of the clock.
    #[inline]
    pub(super) fn now(&self) -> u32 {
        self.clock.0.load(Ordering::Relaxed)
    }

    pub(super) fn earlier(&self) -> Counters {
        self.earlier
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { max_entries: self.max_entries.load(Ordering::Relaxed), max_weight: u64::MAX }
    }

    pub(super) fn set_max_entries(&self, max_entries: u32) {
        self.max_entries.store(max_entries, Ordering::Relaxed);
    }

    /// Locks the part that a key belongs to, for a lookup that changes nothing else.
    #[inline]
    pub(super) fn lock_to_read(&self, key: Hashed<'_>) -> MutexGuard<'_, Part<T>> {
        lock(&self.parts[place(key.hash(), self.parts.len())].0)
    }

    /// Locks the part that a key belongs to.
    pub(super) fn lock(&self, key: Hashed<'_>) -> (MutexGuard<'_, Part<T>>, Place<'_, T>) {
        let (mut part, mut place) = self.lock_at(place(key.hash(), self.parts.len()));
        place.is_alone = part.is_alone();
        (part, place)
    }

    fn lock_at(&self, at: usize) -> (MutexGuard<'_, Part<T>>, Place<'_, T>) {
        loop {
            let mut part = lock(&self.parts[at].0);
            let clock = self.now();
            if clock < LAST_TIME {
                let (tick, held) = (advance(&mut part, clock), part.engine.held());
                return (part, Place { shards: self, at, held, clock, tick, is_alone: false });
            }
            drop(part);
            self.restart(&mut self.lock_all());
        }
    }

    /// Locks all parts.
    pub(super) fn lock_all(&self) -> Vec<MutexGuard<'_, Part<T>>> {
        // Always in this order, and a thread that holds one of these locks waits for no other, so there is no deadlock.
        let mut parts: Vec<_> = self.parts.iter().map(|shard| lock(&shard.0)).collect();
        if self.now() >= LAST_TIME {
            self.restart(&mut parts);
        }
        let clock = self.now();
        for part in &mut parts {
            advance(part, clock);
        }
        parts
    }

    /// Publishes what was done to all parts.
    pub(super) fn leave_all(&self, parts: &[MutexGuard<'_, Part<T>>]) {
        for (at, part) in parts.iter().enumerate() {
            self.advance_past(part.engine.tick());
            self.publish(at, part);
        }
        self.held.0.store(parts.iter().map(|part| part.engine.held()).sum(), Ordering::Relaxed);
    }

    /// Advances the clock, so that the next lookups count as later than this write.
    fn advance_past(&self, tick: u32) {
        self.clock.0.fetch_max(tick + 1, Ordering::Relaxed);
    }

    /// Publishes where evictions find something in a part. Only changes are stored: others read this all the time.
    fn publish(&self, at: usize, part: &Part<T>) {
        if part.engine.held() > 0 && self.heads[at].load(Ordering::Relaxed) == NO_HEAD {
            self.heads[at].store(0, Ordering::Relaxed);
        }
        if part.engine.uses_deadlines() {
            let due = part.engine.first_due().to_bits();
            if self.dues[at].load(Ordering::Relaxed) != due {
                self.dues[at].store(due, Ordering::Relaxed);
            }
        }
    }

    /// The parts in which entries may have expired.
    fn due(&self, now: Millis) -> impl Iterator<Item = usize> {
        let is_due = move |due: &AtomicU64| Millis::from_bits(due.load(Ordering::Relaxed)) <= now;
        // At time 0, no entry has had a ttl.
        let dues = if now > 0.0 { &self.dues[..] } else { &[] };
        dues.iter().enumerate().filter_map(move |(at, due)| is_due(due).then_some(at))
    }

    /// The number of entries with which a part has its share. It is less than an even one, which most parts would not
    /// have before many entries have moved.
    fn share(&self) -> u32 {
        // There are at most 64 parts.
        #[allow(clippy::cast_possible_truncation)]
        let parts = self.parts.len() as u32;
        let even = self.max_entries.load(Ordering::Relaxed) / parts;
        (even - even / 4).max(1)
    }

    /// Takes a place for a new entry. Returns false if the limit is reached.
    fn take_place(&self) -> bool {
        let max = self.max_entries.load(Ordering::Relaxed);
        let more = |held| (held < max).then_some(held + 1);
        self.held.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Removes expired entries or, if it finds none, the least recently used one. Returns false if there are no entries.
    pub(super) fn evict(&self, now: Millis, leavers: &mut Leavers<T>) -> bool {
        for at in self.due(now) {
            let (mut part, place) = self.lock_at(at);
            let swept = part.sweep_some(now, SWEEP_BUDGET, leavers);
            place.leave(&part);
            if swept > 0 {
                return true;
            }
        }
        // Each turn that evicts nothing finds a head later than the known one, so this ends. If others use the entries
        // as fast as this looks at them, one of the oldest is good enough.
        for turn in 0..=2 * self.parts.len() {
            let (at, second) = self.oldest();
            let (mut part, place) = self.lock_at(at);
            let oldest = part.engine.oldest();
            let is_oldest = oldest.is_some_and(|stamp| stamp <= second || turn == 2 * self.parts.len());
            if is_oldest {
                part.evict_oldest(now, leavers);
            }
            let head = if is_oldest { part.engine.oldest() } else { oldest };
            self.heads[at].store(head.unwrap_or(NO_HEAD), Ordering::Relaxed);
            place.leave(&part);
            if is_oldest {
                return true;
            }
            if oldest.is_none() && second == NO_HEAD {
                break;
            }
        }
        false
    }

    /// The table with the oldest head, and the head of the next.
    fn oldest(&self) -> (usize, u32) {
        let (mut at, mut first, mut second) = (0, NO_HEAD, NO_HEAD);
        for (index, head) in self.heads.iter().enumerate() {
            let head = head.load(Ordering::Relaxed);
            if head < first {
                (at, second, first) = (index, first, head);
            } else {
                second = second.min(head);
            }
        }
        (at, second)
    }

    /// Evicts entries until no more are held than the limit allows. All parts are locked.
    pub(super) fn evict_from_all(
        &self,
        parts: &mut [MutexGuard<'_, Part<T>>],
        held: u32,
        now: Millis,
        leavers: &mut Leavers<T>,
    ) {
        let max = self.max_entries.load(Ordering::Relaxed);
        for _ in max..held {
            let heads = parts.iter_mut().map(|part| part.engine.oldest().unwrap_or(NO_HEAD)).enumerate();
            if let Some((at, _)) = heads.min_by_key(|(_, head)| *head) {
                parts[at].evict_oldest(now, leavers);
            }
        }
    }

    /// Restarts the clock, and keeps the order.
    #[cold]
    fn restart(&self, parts: &mut [MutexGuard<'_, Part<T>>]) {
        let mut stamps: Vec<(u32, usize, u32)> = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            stamps.extend(part.engine.stamped().map(|(slot, stamp)| (stamp, at, slot)));
        }
        stamps.sort_unstable();
        let mut renewed: Vec<Vec<(u32, u32)>> = parts.iter().map(|_| Vec::new()).collect();
        for (&(_, at, slot), stamp) in stamps.iter().zip(1..) {
            renewed[at].push((slot, stamp));
        }
        // There are fewer entries than stamps.
        #[allow(clippy::cast_possible_truncation)]
        let clock = stamps.len() as u32 + 1;
        for (part, renewed) in parts.iter_mut().zip(renewed) {
            part.engine.restamp(renewed.into_iter(), clock);
        }
        self.heads.iter().for_each(|head| head.store(0, Ordering::Relaxed));
        self.clock.0.store(clock + 1, Ordering::Relaxed);
    }

    /// Makes the clock restart with one of the next writes, for a test.
    #[cfg(test)]
    pub(super) fn end_of_time(&self) {
        self.clock.0.store(LAST_TIME - 1, Ordering::Relaxed);
    }
}

impl<T> Place<'_, T> {
    /// Takes a place for a new entry, unless the table has an entry under the key. Returns false if no place is left,
    /// and one of any table has to become free.
    pub(super) fn take(&mut self, part: &mut Part<T>, key: Hashed<'_>, now: Millis, leavers: &mut Leavers<T>) -> bool {
        if part.holds(key) {
            return true;
        }
        if self.shards.take_place() {
            self.held += 1;
            return true;
        }
        if self.is_alone || self.held < self.shards.share() || self.shards.due(now).next().is_some() {
            return false;
        }
        part.evict_oldest(now, leavers);
        true
    }

    /// Publishes what was done, before the lock is released.
    pub(super) fn leave(&self, part: &Part<T>) {
        let held = part.engine.held();
        if held != self.held {
            self.shards.held.0.fetch_add(held.wrapping_sub(self.held), Ordering::Relaxed);
        }
        let tick = part.engine.tick();
        if tick + 1 >= self.clock + LEAD || self.is_alone && tick != self.tick {
            self.shards.advance_past(tick);
        }
        self.shards.publish(self.at, part);
    }
}

/// Makes the uses in a part later than the clock and than all lookups in it. Returns the latest stamp.
fn advance<T>(part: &mut Part<T>, clock: u32) -> u32 {
    let tick = clock.max(part.engine.tick() + 1);
    part.engine.advance(tick);
    tick
}

/// The part for a hash; `count` is a power of 2. It uses other bits than the index does.
#[inline]
fn place(hash: u64, count: usize) -> usize {
    (hash >> 32) as usize & (count - 1)
}

#[cfg(test)]
#[path = "shards_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "shards_threads_tests.rs"]
mod threads_tests;
