//! Eviction policies: which slot leaves next.

use super::Slot;
use super::lru::Lru;

/// An eviction order of slots.
///
/// A policy that stores state for each slot grows it in [`Policy::grow`]; all other methods take constant time and
/// allocate nothing. A slot below the grown capacity is either in the policy or not. Calls that do not fit, such as a
/// touch of a slot that is not in the policy, are ignored.
pub(crate) trait Policy {
    /// Makes room for slots below `capacity`. Returns false if memory cannot be allocated.
    fn grow(&mut self, capacity: usize) -> bool;
    /// A new entry was inserted into `slot`.
    fn insert(&mut self, slot: Slot);
    /// The entry in `slot` was read or overwritten. Returns false if it is not in the policy.
    fn touch(&mut self, slot: Slot) -> bool;
    /// The entry in `slot` was removed. Returns false if it was not in the policy.
    fn remove(&mut self, slot: Slot) -> bool;
    /// The slot to evict next, excluding `keep`; `None` if there is no other.
    fn victim(&mut self, keep: Slot) -> Option<Slot>;
    /// The most recently used slot.
    fn newest(&self) -> Option<Slot>;
    /// The slot used just before `slot`.
    fn older(&self, slot: Slot) -> Option<Slot>;
    /// Removes all slots and frees the memory.
    fn clear(&mut self);
}

/// The available policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyKind {
    /// Evicts the least recently used entry. Exact; 8 bytes per entry.
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

/// Delegates all methods to the chosen policy.
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
