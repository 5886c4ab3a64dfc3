//! The bookkeeping of a bounded cache, by slot number.
//!
//! An [`Engine`] decides which slot holds a new entry, which entry leaves when a limit is reached, and which
//! entries have expired. It knows no key and no value, does no input or output, and reads no clock: whoever
//! owns it keeps keys and values in tables of its own, indexed by [`Slot`], and passes the time in.
//!
//! # The contract with the owner
//!
//! 1. What leaves on the engine's decision is listed in [`Engine::removals`], but for an entry whose slot goes to the new
//!    one at once, which [`Inserted`] tells. The owner reads the list after each call that decides, drops its keys and
//!    values of those slots, and empties it with [`Engine::clear_removals`], *before* it fills the slot that the call
//!    returned: that slot may be one of those just freed.
//! 2. A slot that the owner passes in is one that it filled and that has not been listed since. A slot that breaks
//!    this rule is ignored; nothing panics and no other slot is harmed.
//! 3. `now` is in milliseconds of any clock, as long as it is the same clock as that of the deadlines.

mod counters;
mod expiry;
mod lru;
mod policy;
mod state;
mod terms;

pub use counters::Counters;
pub use policy::PolicyKind;
pub use state::Engine;
pub use terms::{Inserted, Limits, Refused, Removal, RemovalReason};

/// The number of a place in the owner's tables. Slots are handed out from 0 upwards and reused.
pub type Slot = u32;

/// Milliseconds of the owner's clock.
///
/// A float, because that is what JavaScript's times are, and because it holds every whole millisecond of the next 285,000
/// years exactly. [`NEVER`] is a deadline that no time reaches.
pub type Millis = f64;

/// The deadline of an entry that does not expire.
pub const NEVER: Millis = f64::INFINITY;

/// The largest number of entries that one engine holds: 1,073,741,823.
pub const MAX_SLOTS: u32 = (1 << 30) - 1;

/// No slot.
pub(crate) const NONE: Slot = Slot::MAX;

/// Grows `table` to `capacity` elements, the new ones being `fill`. False if the memory cannot be had; then
/// `table` is as it was.
///
/// Every table of the engine grows here and nowhere else, so that running out of memory is an answer, not a panic.
pub(crate) fn grow<E: Copy>(table: &mut Vec<E>, capacity: usize, fill: E) -> bool {
    let missing = capacity.saturating_sub(table.len());
    if table.try_reserve_exact(missing).is_err() {
        return false;
    }
    // `resize` would do, but keeps a path that panics when it cannot reserve.
    while table.len() < capacity && table.len() < table.capacity() {
        table.push(fill);
    }
    true
}
