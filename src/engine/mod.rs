//! The bookkeeping of a bounded cache, by slot number.
//!
//! An [`Engine`] decides which slot holds a new entry, which entry leaves when a limit is reached, and which entries
//! have expired. It sees no keys and no values, does no I/O and reads no clock. Its owner keeps keys and values in its
//! own tables, indexed by [`Slot`], and passes the time in.
//!
//! # The contract with the owner
//!
//! 1. [`Engine::removals`] lists the entries that leave by decision of the engine, except an entry whose slot is reused
//!    at once for the new one, which [`Inserted`] reports. After each call that may remove entries, the owner reads the
//!    list, drops its keys and values of those slots, and empties the list with [`Engine::clear_removals`], *before* it
//!    fills the slot that the call returned: that slot may be one of those just freed.
//! 2. The owner passes only slots that it has filled and that have not been listed since. An invalid slot is ignored;
//!    nothing panics and no other slot is affected.
//! 3. `now` is in milliseconds of any clock, but the same clock as for the deadlines.

mod advisor;
mod counters;
mod expiry;
mod lru;
mod parts;
mod policy;
mod radix;
mod ring;
mod room;
mod s3fifo;
mod state;
mod terms;

pub use advisor::{Advisor, Estimate, FACTORS};
pub use counters::Counters;
pub use policy::Policy;
pub use ring::Link;
pub use state::Engine;
pub use terms::{Inserted, Limits, Refused, Removal, RemovalReason, Tables};

/// An index into the owner's tables. Slots are assigned from 0 upwards and reused.
pub type Slot = u32;

/// Milliseconds of the owner's clock.
///
/// A float, because JavaScript's times are floats, and because it represents every whole millisecond of the next
/// 285,000 years exactly. [`NEVER`] is later than any time.
pub type Millis = f64;

/// The deadline of an entry that does not expire.
pub const NEVER: Millis = f64::INFINITY;

/// The maximum number of entries in one engine: 1,073,741,823.
pub const MAX_SLOTS: u32 = (1 << 30) - 1;

/// The last stamp. After the use that stores it, the stamps restart.
///
/// In JavaScript, stamps are numbers that V8 keeps in a word, with a sign and a tag.
pub const LAST_STAMP: u32 = if cfg!(target_arch = "wasm32") { (1 << 30) - 2 } else { u32::MAX - 1 };

/// No slot.
pub(crate) const NONE: Slot = Slot::MAX;

/// Grows `table` to `capacity` elements, filled with `fill`. Returns false if memory cannot be allocated; `table` is
/// then unchanged.
///
/// All tables of the engine grow here, so that running out of memory is reported and never panics.
pub(crate) fn grow<E: Copy>(table: &mut Vec<E>, capacity: usize, fill: E) -> bool {
    grow_with(table, capacity, || fill)
}

/// As [`grow`], for elements that are made one by one.
pub(crate) fn grow_with<E>(table: &mut Vec<E>, capacity: usize, fill: impl Fn() -> E) -> bool {
    let missing = capacity.saturating_sub(table.len());
    if table.try_reserve_exact(missing).is_err() {
        return false;
    }
    while table.len() < capacity && push_within(table, fill()) {}
    true
}

/// Adds to a table, and grows it if necessary. Returns false if memory cannot be allocated.
pub(crate) fn push<E>(table: &mut Vec<E>, one: E) -> bool {
    (table.len() < table.capacity() || table.try_reserve(1).is_ok()) && push_within(table, one)
}

/// Adds to a table that has room. Returns false if it has none.
///
/// All tables of the engine are filled here: a `push` or `resize` elsewhere would contain a path that panics if it
/// cannot allocate and, in WebAssembly, would pull in everything that a panic needs.
#[inline]
pub(crate) fn push_within<E>(table: &mut Vec<E>, one: E) -> bool {
    let has_room = table.len() < table.capacity();
    if has_room {
        table.push(one);
    }
    has_room
}
