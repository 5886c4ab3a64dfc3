//! Types shared by an engine and its owner.

use std::sync::atomic::{AtomicU32, AtomicU64};

use super::ring::Link;
use super::{MAX_SLOTS, Millis, Slot};

/// The limits of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum number of entries, from 1 to [`MAX_SLOTS`]; a value outside that range is clamped.
    pub max_entries: u32,
    /// The maximum total weight, at least 1; `u64::MAX` for no limit.
    pub max_weight: u64,
}

impl Limits {
    /// Clamps the limits to their valid ranges.
    pub(super) fn clamped(self) -> Self {
        Self { max_entries: self.max_entries.clamp(1, MAX_SLOTS), max_weight: self.max_weight.max(1) }
    }
}

/// Why an entry left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum RemovalReason {
    /// It was evicted, because a limit was reached.
    Evicted = 0,
    /// It expired.
    Expired = 1,
    /// It was overwritten by a new value.
    Replaced = 2,
    /// It was deleted: by key, by a pattern or by clearing the cache.
    Deleted = 3,
}

/// An entry that the engine has removed: evicted or expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Removal {
    /// Its former slot.
    pub slot: Slot,
    /// Why it left.
    pub reason: RemovalReason,
    /// Whether the owner should remember the key, as [`Inserted::remember`].
    pub remember: bool,
}

/// The result of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// The slot of the new entry.
    pub slot: Slot,
    /// Whether the slot held an entry that was evicted for the new one. That entry is not listed in the removals.
    pub evicted: bool,
    /// Whether the owner should remember the key of the evicted entry. If the key is inserted again while the owner
    /// remembers it, [`Engine::insert`](super::Engine::insert) must be told. The owner remembers at most nine tenths as
    /// many keys as the cache holds entries, and forgets the oldest first.
    pub remember: bool,
}

/// Why a write was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The entry alone exceeds [`Limits::max_weight`].
    TooHeavy,
    /// Memory for the tables cannot be allocated.
    OutOfMemory,
    /// The slot is not occupied.
    Vacant,
}

/// The tables of an engine that its owner may use without a call. Afterwards it passes on what it did with
/// [`Engine::resume`](super::Engine::resume). JavaScript does so, because a call costs it more than a whole lookup.
///
/// 1. A hit on the entry in a slot stores the next stamp: `tick` is increased, and written to `stamps`. After
///    [`LAST_STAMP`](super::LAST_STAMP) the owner must call [`Engine::refill`](super::Engine::refill) first.
/// 2. The slot at `next` of `queue` is the least recently used one if its stamp is at most `bound`; otherwise it is
///    skipped. An owner that may evict it (the limit on entries is reached, none on weight is set, nothing has expired)
///    takes it for a new entry by moving `next` past it and storing a stamp. At the end of the queue it calls
///    [`Engine::refill`](super::Engine::refill).
/// 3. If the new deadline of a slot is not earlier than the old one, it may be written to `deadlines` (the bits of a
///    float, [`NEVER`](super::NEVER) for none), unless an entry is kept when stale.
///
/// Under [`Policy::S3Fifo`](super::Policy::S3Fifo) the stamp of a slot is its number of uses: a hit increases `tick`,
/// and the stamp if it is less than 3. Instead of the queue there are `links`, and `next` is the word of the link of
/// the next candidate, or 0 if the engine must be called. If the candidate has no uses, an owner that may evict it
/// takes its slot for a new entry whose key is not remembered, increases `tick`, and moves on to the newer link: the
/// new entry is the newest of the small queue, as the whole ring turns. It remembers the key of the old entry.
///
/// The engine's counts then include the owner's hits and writes as hits, and exclude its evictions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tables<'a> {
    /// The stamp of each slot.
    pub stamps: &'a [AtomicU32],
    /// The deadline of each slot. Empty until an entry has one.
    pub deadlines: &'a [AtomicU64],
    /// The time at which the entry of each slot is removed if that is after its deadline, else minus infinity. Empty
    /// until an entry is kept when stale.
    pub ends: &'a [Millis],
    /// The oldest slots, in order.
    pub queue: &'a [Slot],
    /// Under S3-FIFO, for each slot from the third link on, the links of its older and its newer neighbour in its
    /// queue. The first link is where the ring of the small queue begins and ends.
    pub links: &'a [Link],
    /// The head of the queue.
    pub next: u32,
    /// The latest stamp of the slots in the queue that have not been used since.
    pub bound: u32,
    /// The latest stamp.
    pub tick: u32,
}
