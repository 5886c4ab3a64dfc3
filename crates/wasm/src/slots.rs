//! The engine, for JavaScript.

use std::sync::atomic::{AtomicU32, Ordering};

use isocache::engine::{Engine, Inserted, Limits, Policy, Slot};
use wasm_bindgen::prelude::wasm_bindgen;

/// Set in the result of a write: there are removals to read.
const REMOVALS: u32 = 1 << 31;
/// Set in the result of a write: the slot held an entry that was evicted for this one.
const EVICTED: u32 = 1 << 30;
/// Set in the result of a write: the key of the entry that was evicted for this one is to be remembered.
const REMEMBER: u32 = 1 << 29;
/// The result of a write for which memory cannot be allocated. Valid slots are below it.
const REFUSED: u32 = (1 << 29) - 1;

/// The words of the header: the state that JavaScript reads after every call, and the first two also before it.
/// Addresses are in elements of the table: 4 bytes, or 8 for the deadlines.
const TICK: usize = 0;
const NEXT: usize = 1;
const STAMPS: usize = 2;
const QUEUE: usize = 3;
const QUEUED: usize = 4;
const BOUND: usize = 5;
const DEADLINES: usize = 6;
const WORDS: usize = 7;

/// An engine, and its header.
#[wasm_bindgen(skip_typescript)]
pub struct Slots {
    engine: Engine,
    header: [AtomicU32; WORDS],
    order: Vec<Slot>,
}

#[wasm_bindgen]
impl Slots {
    #[wasm_bindgen(constructor)]
    pub fn new(max_entries: u32, max_weight: f64, is_s3_fifo: bool) -> Self {
        let policy = if is_s3_fifo { Policy::S3Fifo } else { Policy::Lru };
        let engine = Engine::new(limits(max_entries, max_weight), policy);
        Self { engine, header: [const { AtomicU32::new(0) }; WORDS], order: Vec::new() }
    }

    /// The address of the header, which never changes.
    pub fn header(&self) -> u32 {
        address(self.header.as_ptr())
    }

    /// The address of the removals: for each three 32-bit numbers, its slot, its reason, and in the lowest byte of the
    /// third whether its key is to be remembered. It may change with every call.
    pub fn removals(&self) -> u32 {
        address(self.engine.removals().as_ptr())
    }

    pub fn removed(&self) -> u32 {
        count(self.engine.removals().len())
    }

    /// Clears the removals, after they have been read.
    pub fn clear_removals(&mut self) {
        self.engine.clear_removals();
    }

    /// Makes the next queue of victims, and makes the stamps start again if the last one has been given.
    pub fn refill(&mut self) {
        self.enter();
        self.engine.refill();
        self.leave();
    }

    /// Inserts an entry; `is_back` if its key is remembered. Returns the slot of the new entry, with `EVICTED` if an entry
    /// was evicted for it, and with `REMEMBER` if its key is to be remembered; or `REFUSED`. With `REMOVALS` if there are
    /// any.
    pub fn insert(&mut self, weight: f64, deadline: f64, now: f64, is_back: bool) -> u32 {
        self.enter();
        let slot = match self.engine.insert(weighed(weight), deadline, now, is_back) {
            Ok(Inserted { slot, evicted, remember }) => {
                slot | if evicted { EVICTED } else { 0 } | if remember { REMEMBER } else { 0 }
            }
            Err(_) => REFUSED,
        };
        self.leave();
        self.with_removals(slot)
    }

    /// Returns `slot` or `REFUSED`; with `REMOVALS` if there are any.
    pub fn update(&mut self, slot: Slot, weight: f64, deadline: f64, now: f64) -> u32 {
        self.enter();
        let updated = self.engine.update(slot, weighed(weight), deadline, now);
        self.leave();
        self.with_removals(if updated.is_ok() { slot } else { REFUSED })
    }

    /// Removes an entry: as expired, or as deleted.
    pub fn remove(&mut self, slot: Slot, expired: bool) {
        if expired {
            self.engine.expire(slot);
        } else {
            self.engine.delete(slot);
        }
    }

    /// Removes expired entries, which are then among the removals, inspecting at most `budget` candidates.
    pub fn sweep(&mut self, now: f64, budget: u32) {
        self.engine.sweep(now, budget);
    }

    /// Sets a new deadline for the entry in `slot`. Returns false if memory cannot be allocated; the entry then keeps
    /// the old one.
    pub fn set_deadline(&mut self, slot: Slot, deadline: f64) -> bool {
        self.enter();
        let set = self.engine.set_deadline(slot, deadline).is_ok();
        self.leave();
        set
    }

    /// Keeps the entry in `slot`, which was just inserted or updated with a finite deadline, until `end`. Between its
    /// deadline and its end it is stale: `count(5)` leaves it out, `sweep` keeps it, and plain lookups must treat it as
    /// absent. Returns false if memory cannot be allocated; the entry then leaves at its deadline. The next `update` of
    /// the slot resets this.
    pub fn keep_stale(&mut self, slot: Slot, end: f64) -> bool {
        self.engine.keep_stale(slot, end).is_ok()
    }

    /// When the entry is no longer fresh, or infinity.
    pub fn deadline(&self, slot: Slot) -> f64 {
        self.engine.deadline(slot)
    }

    /// When the entry is removed, or infinity: its deadline, or later if it is kept when stale. An entry that is
    /// removed between the two must be removed as expired.
    pub fn end(&self, slot: Slot) -> f64 {
        self.engine.end(slot)
    }

    /// A time before which every entry is fresh, so that lookups need not check deadlines; minus infinity while there
    /// are stale entries.
    pub fn next_due(&self) -> f64 {
        self.engine.next_due()
    }

    pub fn set_limits(&mut self, max_entries: u32, max_weight: f64, now: f64) {
        self.enter();
        self.engine.set_limits(limits(max_entries, max_weight), now);
        self.leave();
    }

    pub fn clear(&mut self) {
        self.enter();
        self.engine.clear();
        self.leave();
    }

    /// Lists all slots from the least to the most recently used, and returns the address of the list; 0 if there is no
    /// memory for it.
    pub fn order(&mut self) -> u32 {
        self.enter();
        let mut order = Vec::new();
        if order.try_reserve_exact(self.engine.capacity() as usize).is_err() {
            return 0;
        }
        self.engine.visit(|slot| {
            if order.len() < order.capacity() {
                order.push(slot);
            }
        });
        self.order = order;
        self.leave();
        address(self.order.as_ptr())
    }

    /// Frees the list that `order` made.
    pub fn forget_order(&mut self) {
        self.order = Vec::new();
    }

    /// Hits, sets, deletes, evictions, expirations, entries, weight, by number from 0. JavaScript counts the misses.
    pub fn count(&mut self, of: u32) -> f64 {
        self.enter();
        let counters = self.engine.counters();
        let count = match of {
            0 => counters.hits,
            1 => counters.sets,
            2 => counters.deletes,
            3 => counters.evictions,
            4 => counters.expirations,
            5 => u64::from(self.engine.len()),
            _ => self.engine.weight(),
        };
        // Exact up to 2^53.
        #[allow(clippy::cast_precision_loss)]
        {
            count as f64
        }
    }

    /// Takes over what JavaScript has done since the last call.
    fn enter(&mut self) {
        let [tick, next] = [TICK, NEXT].map(|at| self.header[at].load(Ordering::Relaxed));
        self.engine.resume(tick, next);
    }

    /// Writes the header.
    // Not inlined, so that all callers share one copy.
    #[inline(never)]
    fn leave(&mut self) {
        let tables = self.engine.tables();
        let set = |at: usize, word| self.header[at].store(word, Ordering::Relaxed);
        set(TICK, tables.tick);
        set(NEXT, tables.next);
        set(STAMPS, address(tables.stamps.as_ptr()) / 4);
        set(QUEUE, address(tables.queue.as_ptr()) / 4);
        set(QUEUED, count(tables.queue.len()));
        set(BOUND, tables.bound);
        set(DEADLINES, if tables.deadlines.is_empty() { 0 } else { address(tables.deadlines.as_ptr()) / 8 });
    }

    fn with_removals(&self, slot: Slot) -> u32 {
        if self.engine.removals().is_empty() { slot } else { slot | REMOVALS }
    }
}

fn limits(max_entries: u32, max_weight: f64) -> Limits {
    Limits { max_entries, max_weight: weighed(max_weight) }
}

/// Converts a weight that JavaScript has checked: an integer from 0 to 2^53, or infinity, which becomes the largest.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn weighed(weight: f64) -> u64 {
    weight as u64
}

/// Addresses and lengths have 32 bits on this target.
#[allow(clippy::cast_possible_truncation)]
fn address<E>(pointer: *const E) -> u32 {
    pointer as usize as u32
}

#[allow(clippy::cast_possible_truncation)]
fn count(length: usize) -> u32 {
    length as u32
}
