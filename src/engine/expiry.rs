//! Expiry without a timer for each entry.
//!
//! Deadlines are kept in a table by slot, so that a lookup compares one number. To find expired entries that are never
//! looked up, a heap holds at most one node for each slot, whose `due` is *at most* the slot's deadline. Postponing a
//! deadline (the usual overwrite) or freeing a slot therefore does not touch the heap; a node that is due too early is
//! corrected when it reaches the top. So a write costs one comparison, and no expired entry is overlooked.
//!
//! An entry may be kept after its deadline, until its **end**. In between it is stale, and only lookups that tolerate
//! stale entries see it. Its node is first due at the deadline. Then the entry is counted as stale, and the node waits
//! for the end: a node whose `due` is after the deadline belongs to a stale entry. The table of ends is allocated with
//! the first entry that has one, so that caches without stale entries do not pay for it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Millis, NEVER, NONE, Slot, grow, grow_with, push_within};

#[derive(Clone, Copy, Debug)]
struct Node {
    due: Millis,
    slot: Slot,
}

/// Allocates nothing until the first entry with a deadline.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    /// The bits of floats. They are atomic because JavaScript also writes them, through a view of the memory: if an
    /// entry gets a later deadline than the slot had, nothing else changes.
    deadlines: Vec<AtomicU64>,
    /// A min-heap by `due`. Its capacity equals that of the tables, so that a push never allocates.
    heap: Vec<Node>,
    /// The index of each slot's node in the heap, or `NONE`.
    nodes: Vec<u32>,
    /// The end of each entry that is kept after its deadline. Empty until there is one.
    ends: Vec<Millis>,
    /// The number of entries whose node was due and that are kept until their end.
    stale: u32,
}

impl Expiry {
    /// No deadline or end is earlier than this.
    #[inline]
    pub(crate) fn first_due(&self) -> Millis {
        self.heap.first().map_or(NEVER, |node| node.due)
    }

    /// A time before which every entry is fresh: in the past while there are stale entries.
    #[inline]
    pub(crate) fn next_due(&self) -> Millis {
        if self.stale == 0 { self.first_due() } else { Millis::NEG_INFINITY }
    }

    /// The number of entries that are known to be stale.
    #[inline]
    pub(crate) fn stale(&self) -> u32 {
        self.stale
    }

    #[inline]
    pub(crate) fn deadline(&self, slot: Slot) -> Millis {
        self.deadlines.get(slot as usize).map_or(NEVER, |own| Millis::from_bits(own.load(Ordering::Relaxed)))
    }

    /// Returns false for a slot beyond the tables.
    #[inline]
    fn set_own(&self, slot: Slot, deadline: Millis) -> bool {
        let own = self.deadlines.get(slot as usize);
        own.map(|own| own.store(deadline.to_bits(), Ordering::Relaxed)).is_some()
    }

    /// The deadlines by slot, as the bits of floats; empty until there is one.
    pub(crate) fn deadlines(&self) -> &[AtomicU64] {
        &self.deadlines
    }

    /// The ends by slot; empty until there is one.
    pub(crate) fn ends(&self) -> &[Millis] {
        &self.ends
    }

    /// The time at which the entry in a slot is removed: its deadline, or its end if it is kept when stale.
    #[inline]
    pub(crate) fn end(&self, slot: Slot) -> Millis {
        let end = self.ends.get(slot as usize).copied().unwrap_or(Millis::NEG_INFINITY);
        end.max(self.deadline(slot))
    }

    /// Keeps the entry in `slot` until `end`, which is after its deadline. Returns false if memory cannot be allocated,
    /// or if the entry has no deadline.
    pub(crate) fn keep(&mut self, slot: Slot, end: Millis) -> bool {
        let deadline = self.deadline(slot);
        if deadline == NEVER || !grow(&mut self.ends, self.deadlines.len(), Millis::NEG_INFINITY) {
            return false;
        }
        if let Some(own) = self.ends.get_mut(slot as usize)
            && end > deadline
        {
            // Finite, so that the node stays in the heap and marks the entry as stale.
            *own = end.min(Millis::MAX);
        }
        true
    }

    /// Whether any entry has had a deadline, so that the tables must grow.
    #[inline]
    pub(crate) fn in_use(&self) -> bool {
        !self.deadlines.is_empty()
    }

    /// Makes room for slots below `capacity`. Returns false if memory cannot be allocated.
    pub(crate) fn grow(&mut self, capacity: usize) -> bool {
        self.heap.try_reserve_exact(capacity.saturating_sub(self.heap.len())).is_ok()
            && grow(&mut self.nodes, capacity, NONE)
            && grow_with(&mut self.deadlines, capacity, || AtomicU64::new(NEVER.to_bits()))
            && (self.ends.is_empty() || grow(&mut self.ends, capacity, Millis::NEG_INFINITY))
    }

    /// Sets the deadline of `slot`, which is below the grown capacity. NaN counts as [`NEVER`].
    #[inline]
    pub(crate) fn set(&mut self, slot: Slot, deadline: Millis) {
        if !self.ends.is_empty() {
            self.forget(slot);
        }
        let deadline = NEVER.min(deadline);
        if !self.set_own(slot, deadline) || deadline == NEVER {
            return;
        }
        let index = self.node_of(slot) as usize;
        if let Some(node) = self.heap.get_mut(index) {
            if deadline < node.due {
                node.due = deadline;
                self.sift_up(index);
            }
        } else if push_within(&mut self.heap, Node { due: deadline, slot }) {
            self.sift_up(self.heap.len() - 1);
        }
    }

    /// Removes the deadline of a slot that was freed or is about to get a new deadline.
    #[inline]
    pub(crate) fn forget(&mut self, slot: Slot) {
        if let Some(end) = self.ends.get_mut(slot as usize) {
            *end = Millis::NEG_INFINITY;
            let deadline = self.deadline(slot);
            self.stale -= u32::from(self.node(slot).is_some_and(|node| node.due > deadline));
        }
        self.set_own(slot, NEVER);
    }

    /// Finds a slot whose end has passed, or `None`. Each inspected node takes one from `budget`, and the search ends
    /// at 0. The slot stays due until its deadline is removed. Entries that turn out to be stale are counted as such.
    pub(crate) fn next_dead(&mut self, now: Millis, budget: &mut u32) -> Option<Slot> {
        while let Some(&Node { due, slot }) = self.heap.first() {
            let came = due <= now;
            if !came || *budget == 0 {
                return None;
            }
            *budget -= 1;
            let (deadline, end) = (self.deadline(slot), self.end(slot));
            if end <= now {
                return Some(slot);
            }
            if deadline <= now {
                self.stale += u32::from(due <= deadline);
                self.replace_first(Node { due: end, slot });
            } else {
                self.replace_first(Node { due: deadline, slot });
            }
        }
        None
    }

    #[inline]
    fn node_of(&self, slot: Slot) -> u32 {
        self.nodes.get(slot as usize).copied().unwrap_or(NONE)
    }

    fn node(&self, slot: Slot) -> Option<&Node> {
        self.heap.get(self.node_of(slot) as usize)
    }

    /// Writes a node to a position in the heap.
    #[inline]
    fn put(&mut self, index: usize, node: Node) {
        if let (Some(place), Some(own)) = (self.heap.get_mut(index), self.nodes.get_mut(node.slot as usize)) {
            *place = node;
            // The heap is no longer than the tables, which hold at most `MAX_SLOTS` elements.
            #[allow(clippy::cast_possible_truncation)]
            {
                *own = index as u32;
            }
        }
    }

    /// Corrects the first node to its true deadline; a node that is never due leaves the heap.
    fn replace_first(&mut self, node: Node) {
        if node.due < NEVER {
            self.sift_down(node);
        } else {
            if let Some(own) = self.nodes.get_mut(node.slot as usize) {
                *own = NONE;
            }
            if let Some(last) = self.heap.pop()
                && last.slot != node.slot
            {
                self.sift_down(last);
            }
        }
    }

    #[inline(never)]
    fn sift_up(&mut self, mut index: usize) {
        let Some(&node) = self.heap.get(index) else { return };
        while index > 0 {
            let parent = (index - 1) / 2;
            let Some(&above) = self.heap.get(parent) else { return };
            if above.due <= node.due {
                break;
            }
            self.put(index, above);
            index = parent;
        }
        self.put(index, node);
    }

    /// Sifts `node` down from the top, overwriting the node there.
    #[inline(never)]
    fn sift_down(&mut self, node: Node) {
        let mut index = 0;
        while let Some(&left) = self.heap.get(2 * index + 1) {
            let (mut below, mut child) = (left, 2 * index + 1);
            if let Some(&right) = self.heap.get(child + 1)
                && right.due < left.due
            {
                (below, child) = (right, child + 1);
            }
            if node.due <= below.due {
                break;
            }
            self.put(index, below);
            index = child;
        }
        self.put(index, node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_dead(expiry: &mut Expiry, now: Millis) -> Vec<Slot> {
        let mut budget = u32::MAX;
        let mut dead = Vec::new();
        while let Some(slot) = expiry.next_dead(now, &mut budget) {
            expiry.forget(slot);
            dead.push(slot);
        }
        dead.sort_unstable();
        dead
    }

    #[test]
    fn the_dead_are_found_at_their_deadline_and_no_earlier() {
        let mut expiry = Expiry::default();
        assert!(expiry.grow(8));
        for (slot, deadline) in [(0, 50.0), (1, 20.0), (2, NEVER), (3, 20.5), (4, 90.0)] {
            expiry.set(slot, deadline);
        }
        assert!(all_dead(&mut expiry, 19.9).is_empty());
        assert_eq!(all_dead(&mut expiry, 20.0), [1]);
        expiry.set(3, 100.0);
        expiry.set(4, 30.0);
        assert_eq!(all_dead(&mut expiry, 60.0), [0, 4]);
        expiry.set(4, NEVER);
        assert_eq!(all_dead(&mut expiry, 1e9), [3]);
        assert!(expiry.heap.is_empty());
    }

    #[test]
    fn an_entry_is_stale_between_its_deadline_and_its_end() {
        let mut expiry = Expiry::default();
        assert!(expiry.grow(4));
        for slot in 0..3 {
            expiry.set(slot, 50.0 + f64::from(slot));
        }
        assert!(expiry.keep(0, 80.0) && expiry.keep(1, NEVER));
        assert!(!expiry.keep(3, 80.0), "an entry that does not expire is never stale");
        assert_eq!((expiry.end(0), expiry.end(2)), (80.0, 52.0));
        assert_eq!(all_dead(&mut expiry, 60.0), [2]);
        assert_eq!((expiry.stale(), expiry.next_due()), (2, f64::NEG_INFINITY));
        expiry.set(1, 90.0);
        assert_eq!((expiry.stale(), expiry.end(1)), (1, 90.0));
        assert_eq!(all_dead(&mut expiry, 80.0), [0]);
        assert_eq!((expiry.stale(), expiry.next_due()), (0, 90.0));
        assert_eq!(all_dead(&mut expiry, 90.0), [1]);
        assert!(expiry.heap.is_empty());
    }

    #[test]
    fn the_budget_bounds_the_work_and_nothing_is_forgotten() {
        let mut expiry = Expiry::default();
        assert!(expiry.grow(100));
        for slot in 0..100 {
            expiry.set(slot, f64::from(slot));
            expiry.set(slot, 1000.0 + f64::from(slot));
        }
        let mut budget = 10;
        assert_eq!(expiry.next_dead(500.0, &mut budget), None);
        assert_eq!(budget, 0);
        assert_eq!(all_dead(&mut expiry, 1050.0).len(), 51);
        assert_eq!(all_dead(&mut expiry, 1051.0), [51]);
    }
}
