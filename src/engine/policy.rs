//! Which slot leaves next.

use super::Slot;
use super::lru::Lru;

/// An order of eviction over slots.
///
/// A policy with state of its own for each slot grows it in [`Policy::grow`]; all other methods run in constant
/// time and allocate nothing. A slot below the grown capacity is either in the policy or not; calls that do not fit
/// (a touch of a slot that is not in it) are ignored.
pub(crate) trait Policy {
    /// Makes room for slots below `capacity`. False if the memory cannot be had.
    fn grow(&mut self, capacity: usize) -> bool;
    /// A new entry was put into `slot`.
    fn insert(&mut self, slot: Slot);
    /// The entry in `slot` was read or overwritten. False if it is not in the policy.
    fn touch(&mut self, slot: Slot) -> bool;
    /// The entry in `slot` has gone. False if it was not in the policy.
    fn remove(&mut self, slot: Slot) -> bool;
    /// The slot to evict next, but never `keep`; `None` if there is no other.
    fn victim(&mut self, keep: Slot) -> Option<Slot>;
    /// The most recently used slot.
    fn newest(&self) -> Option<Slot>;
    /// The slot used just before `slot`.
    fn older(&self, slot: Slot) -> Option<Slot>;
    /// Forgets every slot, and gives the memory back.
    fn clear(&mut self);
}

/// The policies there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyKind {
    /// The least recently used entry leaves first. Exact; 8 bytes an entry.
    #[default]
    Lru,
}

/// One of the policies, dispatched without a pointer.
#[derive(Debug)]
pub(crate) enum AnyPolicy {
    Lru(Lru),
}

impl AnyPolicy {
    pub(crate) fn new(kind: PolicyKind) -> Self {
        match kind {
            PolicyKind::Lru => Self::Lru(Lru::new()),
        }
    }
}

/// Writes the delegation to the chosen policy once for all methods.
macro_rules! delegate {
    ($($name:ident(&$($mutable:ident)? $(, $argument:ident: $type:ty)*) $(-> $result:ty)?;)*) => {
        impl Policy for AnyPolicy {
            $(#[inline]
            fn $name(&$($mutable)? self $(, $argument: $type)*) $(-> $result)? {
                match self {
                    Self::Lru(policy) => policy.$name($($argument),*),
                }
            })*
        }
    };
}

delegate! {
    grow(&mut, capacity: usize) -> bool;
    insert(&mut, slot: Slot);
    touch(&mut, slot: Slot) -> bool;
    remove(&mut, slot: Slot) -> bool;
    victim(&mut, keep: Slot) -> Option<Slot>;
    newest(&) -> Option<Slot>;
    older(&, slot: Slot) -> Option<Slot>;
    clear(&mut);
}
