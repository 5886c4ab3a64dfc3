//! The engines, for JavaScript: functions that take numbers, over engines that are identified by numbers.
//!
//! A call with the number of no engine changes nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use isocache::engine::{Engine, Inserted, Limits, Policy, Slot};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{address, length, push};

/// A flag in the result of an insertion: the slot held an entry that was evicted for the new one.
const EVICTED: u32 = 1 << 30;
/// A flag in the result of an insertion: the key of the evicted entry must be remembered.
const REMEMBER: u32 = 1 << 29;
/// The result of an insertion if memory cannot be allocated. Valid slots are smaller.
const REFUSED: u32 = (1 << 29) - 1;

/// The operations of an engine, with the same numbers as in `pkg/src/engine.ts`. From `COUNTS` on, they return counts:
/// hits, sets, deletes, evictions, expirations, entries, weight. JavaScript counts the misses.
const INSERT: u32 = 0;
const UPDATE: u32 = 1;
const REFILL: u32 = 2;
const SET_DEADLINE: u32 = 3;
const KEEP_STALE: u32 = 4;
const EXPIRE: u32 = 5;
const DELETE: u32 = 6;
const SWEEP: u32 = 7;
const SET_LIMITS: u32 = 8;
const CLEAR: u32 = 9;
const ORDER: u32 = 10;
const COUNTS: u32 = 11;

/// Weights of at least this, 2^60, are infinite.
const LEAST_INFINITE: f64 = 1_152_921_504_606_846_976.0;

/// The state that JavaScript reads after every call. It also writes the first two words before a call. Addresses count
/// elements of the table: 4 bytes each, or 8 for the deadlines and the ends, where 0 means an empty table.
#[derive(Default)]
#[repr(C)]
struct Header {
    tick: AtomicU32,
    next: AtomicU32,
    stamps: AtomicU32,
    queue: AtomicU32,
    queued: AtomicU32,
    bound: AtomicU32,
    deadlines: AtomicU32,
    ends: AtomicU32,
    /// The removals, three words each: the slot, the reason, and in the lowest byte of the third whether the key must
    /// be remembered. The next call clears them.
    removals: AtomicU32,
    removed: AtomicU32,
    /// The bits of a float: a time before which every entry is fresh, so that lookups need not check deadlines; minus
    /// infinity while there are stale entries.
    due: AtomicU64,
}

/// An engine, and the list of slots that JavaScript reads.
struct Slots {
    engine: Engine,
    order: Vec<Slot>,
}

/// The engines by number, their headers, and the numbers of freed engines.
struct Engines {
    all: Vec<Slots>,
    headers: Vec<Header>,
    free: Vec<u32>,
}

static ENGINES: Mutex<Engines> = Mutex::new(Engines { all: Vec::new(), headers: Vec::new(), free: Vec::new() });

/// Creates an engine. Returns its number, or that of no engine if memory cannot be allocated.
#[wasm_bindgen(skip_typescript)]
pub fn engine_new(max_entries: u32, max_weight: f64, is_s3_fifo: bool) -> u32 {
    let Ok(mut engines) = ENGINES.try_lock() else { return u32::MAX };
    let Engines { all, headers, free } = &mut *engines;
    let of = free.pop().unwrap_or(length(all.len()));
    let policy = if is_s3_fifo { Policy::S3Fifo } else { Policy::Lru };
    let engine = Engine::new(Limits { max_entries, max_weight: u64::MAX }, policy);
    let slots = Slots { engine, order: Vec::new() };
    if let (Some(own), Some(header)) = (all.get_mut(of as usize), headers.get_mut(of as usize)) {
        *own = slots;
        *header = Header::default();
    } else if !(push(headers, Header::default()) && push(all, slots)) {
        return u32::MAX;
    }
    drop(engines);
    engine_call(of, SET_LIMITS, max_entries, max_weight, 0.0, 0.0);
    of
}

/// Frees an engine. Its number may be reused.
#[wasm_bindgen(skip_typescript)]
pub fn engine_free(of: u32) {
    engine_call(of, CLEAR, 0, 0.0, 0.0, 0.0);
    if let Ok(mut engines) = ENGINES.try_lock() {
        push(&mut engines.free, of);
    }
}

/// The address of the header of the first engine; those of the others follow. It may change when an engine is created.
#[wasm_bindgen(skip_typescript)]
pub fn engine_headers() -> u32 {
    ENGINES.try_lock().map_or(0, |engines| address(engines.headers.as_ptr()))
}

/// Performs the operation `what` on an engine, and writes its header. Returns the slot of a new entry, with `EVICTED`
/// if an entry was evicted for it and `REMEMBER` if that entry's key must be remembered, or `REFUSED`; the address of a
/// list; a count; otherwise 1, or 0 if memory cannot be allocated.
///
/// | what | `slot` | `a` | `b` | `c` |
/// |---|---|---|---|---|
/// | insert | whether its key is remembered | weight | deadline | now |
/// | update | slot | weight | deadline | now |
/// | set a deadline | slot | | deadline | |
/// | keep an entry with a deadline when stale | slot | | its end | |
/// | expire, delete | slot | | | |
/// | sweep | the maximum number of candidates to inspect | | | now |
/// | set limits | entries | weight | | now |
/// | order: list all slots from the least to the most recently used, until the next call | | | | |
#[wasm_bindgen(skip_typescript)]
pub fn engine_call(of: u32, what: u32, slot: Slot, a: f64, b: f64, c: f64) -> f64 {
    let Ok(mut engines) = ENGINES.try_lock() else { return 0.0 };
    let Engines { all, headers, .. } = &mut *engines;
    let (Some(slots), Some(header)) = (all.get_mut(of as usize), headers.get(of as usize)) else { return 0.0 };
    let Slots { engine, order } = slots;
    // Takes over the changes that JavaScript made since the last call. It has already read the results of that call.
    engine.resume(header.tick.load(Ordering::Relaxed), header.next.load(Ordering::Relaxed));
    engine.clear_removals();
    *order = Vec::new();
    // Converted once for all operations that need it: in JavaScript, it is a lot of code.
    let weight = weighed(a);
    let result = act(engine, order, what, slot, (weight, b, c));
    header.write(engine);
    result
}

fn act(engine: &mut Engine, order: &mut Vec<Slot>, what: u32, slot: Slot, (weight, b, c): (u64, f64, f64)) -> f64 {
    let is_done = match what {
        INSERT => {
            return f64::from(match engine.insert(weight, b, c, slot != 0) {
                Ok(Inserted { slot, evicted, remember }) => {
                    slot | if evicted { EVICTED } else { 0 } | if remember { REMEMBER } else { 0 }
                }
                Err(_) => REFUSED,
            });
        }
        UPDATE => engine.update(slot, weight, b, c).is_ok(),
        REFILL => {
            engine.refill();
            true
        }
        SET_DEADLINE => engine.set_deadline(slot, b).is_ok(),
        KEEP_STALE => engine.keep_stale(slot, b).is_ok(),
        EXPIRE => {
            engine.expire(slot);
            true
        }
        DELETE => {
            engine.delete(slot);
            true
        }
        SWEEP => {
            engine.sweep(c, slot);
            true
        }
        SET_LIMITS => {
            engine.set_limits(Limits { max_entries: slot, max_weight: weight }, c);
            true
        }
        CLEAR => {
            engine.clear();
            true
        }
        ORDER => {
            if order.try_reserve_exact(engine.capacity() as usize).is_err() {
                return 0.0;
            }
            engine.visit(|slot| {
                push(order, slot);
            });
            return f64::from(address(order.as_ptr()));
        }
        _ => return counted(engine, what - COUNTS),
    };
    f64::from(u8::from(is_done))
}

fn counted(engine: &Engine, what: u32) -> f64 {
    let counters = engine.counters();
    let count = match what {
        0 => counters.hits,
        1 => counters.sets,
        2 => counters.deletes,
        3 => counters.evictions,
        4 => counters.expirations,
        5 => u64::from(engine.len()),
        _ => engine.weight(),
    };
    // Exact up to 2^53.
    #[allow(clippy::cast_precision_loss)]
    {
        count as f64
    }
}

impl Header {
    fn write(&self, engine: &Engine) {
        let tables = engine.tables();
        let set = |word: &AtomicU32, value| word.store(value, Ordering::Relaxed);
        set(&self.tick, tables.tick);
        set(&self.next, tables.next);
        set(&self.stamps, address(tables.stamps.as_ptr()) / 4);
        let links = address(tables.links.as_ptr());
        set(&self.queue, if tables.links.is_empty() { address(tables.queue.as_ptr()) } else { links } / 4);
        set(&self.queued, length(tables.queue.len()));
        set(&self.bound, tables.bound);
        set(&self.deadlines, doubles(tables.deadlines));
        set(&self.ends, doubles(tables.ends));
        set(&self.removals, address(engine.removals().as_ptr()) / 4);
        set(&self.removed, length(engine.removals().len()));
        self.due.store(engine.next_due().to_bits(), Ordering::Relaxed);
    }
}

/// Converts a weight that JavaScript has checked: an integer from 0 to 2^53, or infinity, which becomes the maximum.
/// The comparison is necessary: in the translation to JavaScript, a number out of range becomes 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn weighed(weight: f64) -> u64 {
    if weight < LEAST_INFINITE { weight as u64 } else { u64::MAX }
}

/// The address of a table of 8 bytes per element, in elements; 0 if it is empty.
fn doubles<E>(table: &[E]) -> u32 {
    if table.is_empty() { 0 } else { address(table.as_ptr()) / 8 }
}
