//! The terms in which an engine and its owner speak.

use super::{MAX_SLOTS, Slot};

/// What an engine may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most entries, from 1 to [`MAX_SLOTS`]; what lies outside counts as the nearest of them.
    pub max_entries: u32,
    /// The largest sum of the entries' weights, at least 1; `u64::MAX` for no such limit.
    pub max_weight: u64,
}

impl Limits {
    /// The nearest limits that can be kept.
    pub(super) fn clamped(self) -> Self {
        Self { max_entries: self.max_entries.clamp(1, MAX_SLOTS), max_weight: self.max_weight.max(1) }
    }
}

/// Why an entry left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum RemovalReason {
    /// A limit was reached, and it was this entry's turn.
    Evicted = 0,
    /// Its life was over.
    Expired = 1,
    /// A new value was set under its key.
    Replaced = 2,
    /// It was deleted, by its key, by a pattern or with all others.
    Deleted = 3,
}

/// An entry that left on the engine's decision: evicted or expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Removal {
    /// The slot that it was in.
    pub slot: Slot,
    /// Why it left.
    pub reason: RemovalReason,
}

/// Where a new entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// Its slot.
    pub slot: Slot,
    /// Whether the slot held an entry that was evicted for the new one. That one is not listed in the removals.
    pub evicted: bool,
}

/// Why a write was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The entry alone is heavier than [`Limits::max_weight`].
    TooHeavy,
    /// The tables cannot grow.
    OutOfMemory,
    /// The slot holds no entry.
    Vacant,
}
