//! Types shared by an engine and its owner.

use super::{MAX_SLOTS, Slot};

/// The limits of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most entries, from 1 to [`MAX_SLOTS`]; a value outside that range is clamped.
    pub max_entries: u32,
    /// The largest total weight, at least 1; `u64::MAX` for no limit.
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
}

/// The result of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// The slot of the new entry.
    pub slot: Slot,
    /// Whether the slot held an entry that was evicted for the new one. That entry is not listed in the removals.
    pub evicted: bool,
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
