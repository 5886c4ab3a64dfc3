//! The engine, for JavaScript.

use std::sync::atomic::{AtomicU32, Ordering};

use isocache::engine::{Engine, Inserted, Limits, PolicyKind, Slot};
use wasm_bindgen::prelude::wasm_bindgen;

/// The most uses of entries that JavaScript logs before they must be replayed.
const LOG: usize = 256;

/// Set in the result of a write: there are removals to read.
const REMOVALS: u32 = 1 << 31;
/// Set in the result of a write: the slot held an entry that was evicted for this one.
const EVICTED: u32 = 1 << 30;
/// The result of a write for which memory cannot be allocated. Valid slots are below it.
const REFUSED: u32 = (1 << 30) - 1;
/// The result of a walk at the end of the list.
const END: u32 = u32::MAX;

/// The buffer in which JavaScript writes its log. All engines share it: every call consumes it.
static TRANSFER: [AtomicU32; LOG] = [const { AtomicU32::new(0) }; LOG];

/// The address of the log buffer; it never changes.
#[wasm_bindgen(skip_typescript)]
pub fn transfer() -> u32 {
    address(TRANSFER.as_ptr())
}

/// An engine. In every call, `logged` is the number of slots in the log, which are first replayed as hits.
#[wasm_bindgen(skip_typescript)]
pub struct Slots {
    engine: Engine,
}

#[wasm_bindgen]
impl Slots {
    #[wasm_bindgen(constructor)]
    pub fn new(max_entries: u32, max_weight: f64) -> Self {
        Self { engine: Engine::new(limits(max_entries, max_weight), PolicyKind::Lru) }
    }

    /// The address of the removals: for each, its slot and its reason as 32-bit numbers. It may change with every call.
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

    pub fn replay(&mut self, logged: u32) {
        self.catch_up(logged);
    }

    /// Returns the slot of the new entry, with `EVICTED` if an entry was evicted for it, or `REFUSED`; with `REMOVALS`
    /// if there are any.
    pub fn insert(&mut self, logged: u32, weight: f64, deadline: f64, now: f64) -> u32 {
        self.catch_up(logged);
        match self.engine.insert(weighed(weight), deadline, now) {
            Ok(Inserted { slot, evicted: true }) => self.answer(slot | EVICTED),
            Ok(Inserted { slot, evicted: false }) => self.answer(slot),
            Err(_) => self.answer(REFUSED),
        }
    }

    /// Returns `slot` or `REFUSED`; with `REMOVALS` if there are any.
    pub fn update(&mut self, logged: u32, slot: Slot, weight: f64, deadline: f64, now: f64) -> u32 {
        self.catch_up(logged);
        let updated = self.engine.update(slot, weighed(weight), deadline, now);
        self.answer(if updated.is_ok() { slot } else { REFUSED })
    }

    /// Removes an entry: as expired, or as deleted.
    pub fn remove(&mut self, logged: u32, slot: Slot, expired: bool) {
        self.catch_up(logged);
        if expired {
            self.engine.expire(slot);
        } else {
            self.engine.delete(slot);
        }
    }

    /// Removes expired entries, which are then among the removals, inspecting at most `budget` candidates.
    pub fn sweep(&mut self, logged: u32, now: f64, budget: u32) {
        self.catch_up(logged);
        self.engine.sweep(now, budget);
    }

    /// Sets a new deadline for the entry in `slot`. Returns false if memory cannot be allocated; the entry then keeps
    /// the old one.
    pub fn set_deadline(&mut self, logged: u32, slot: Slot, deadline: f64) -> bool {
        self.catch_up(logged);
        self.engine.set_deadline(slot, deadline).is_ok()
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

    pub fn set_limits(&mut self, logged: u32, max_entries: u32, max_weight: f64, now: f64) {
        self.catch_up(logged);
        self.engine.set_limits(limits(max_entries, max_weight), now);
    }

    pub fn clear(&mut self, logged: u32) {
        self.catch_up(logged);
        self.engine.clear();
    }

    /// The most recently used slot, or `END`.
    pub fn newest(&self) -> u32 {
        self.engine.newest().unwrap_or(END)
    }

    /// The slot used just before, or `END`.
    pub fn older(&self, slot: Slot) -> u32 {
        self.engine.older(slot).unwrap_or(END)
    }

    /// Hits, sets, deletes, evictions, expirations, entries, weight, by number from 0. JavaScript counts the misses.
    pub fn count(&self, of: u32) -> f64 {
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

    // Not inlined, so that all callers share one copy.
    #[inline(never)]
    fn catch_up(&mut self, logged: u32) {
        let log = TRANSFER.get(..logged as usize).unwrap_or_default();
        for slot in log {
            self.engine.hit(slot.load(Ordering::Relaxed));
        }
    }

    fn answer(&self, slot: Slot) -> u32 {
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
