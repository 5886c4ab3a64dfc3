//! Two doubly linked queues of slots in one flat table.

use super::{NONE, Slot, grow};

/// The neighbours of a slot in its queue, as places. A place is slot + 2; places 0 and 1 are the anchors of the queues,
/// which turn them into rings, so that the ends need no branches.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Link {
    older: u32,
    newer: u32,
}

/// Marks a slot that is in no queue.
const OUT: Link = Link { older: NONE, newer: NONE };
const ANCHORS: u32 = 2;

/// One of the two queues; its number is the place of its anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    Small = 0,
    Main = 1,
}

#[derive(Debug, Default)]
pub(crate) struct Rings {
    links: Vec<Link>,
}

impl Rings {
    /// Makes room for slots below `capacity`. Returns false if memory cannot be allocated.
    pub(crate) fn grow(&mut self, capacity: usize) -> bool {
        let first = self.links.is_empty();
        let grown = grow(&mut self.links, capacity + ANCHORS as usize, OUT);
        if first {
            for (anchor, place) in self.links.iter_mut().zip(0..ANCHORS) {
                *anchor = Link { older: place, newer: place };
            }
        }
        grown
    }

    #[inline]
    fn link(&self, place: u32) -> Link {
        self.links.get(place as usize).copied().unwrap_or(OUT)
    }

    /// The place of a slot; one beyond the table for an invalid slot.
    #[inline]
    fn place(slot: Slot) -> u32 {
        slot.checked_add(ANCHORS).unwrap_or(NONE)
    }

    #[inline]
    fn slot_at(place: u32) -> Option<Slot> {
        if place == NONE { None } else { place.checked_sub(ANCHORS) }
    }

    /// Whether a slot is in a queue.
    #[inline]
    pub(crate) fn contains(&self, slot: Slot) -> bool {
        self.link(Self::place(slot)).older != NONE
    }

    #[inline]
    fn set_older(&mut self, place: u32, older: u32) {
        if let Some(link) = self.links.get_mut(place as usize) {
            link.older = older;
        }
    }

    #[inline]
    fn set_newer(&mut self, place: u32, newer: u32) {
        if let Some(link) = self.links.get_mut(place as usize) {
            link.newer = newer;
        }
    }

    /// Adds a slot at the newest end of a queue. Returns false if it is in one already, or beyond the table.
    #[inline]
    pub(crate) fn push(&mut self, queue: Queue, slot: Slot) -> bool {
        let (anchor, place) = (queue as u32, Self::place(slot));
        let newest = self.link(anchor).older;
        match self.links.get_mut(place as usize) {
            Some(own) if own.older == NONE => *own = Link { older: newest, newer: anchor },
            _ => return false,
        }
        self.set_newer(newest, place);
        self.set_older(anchor, place);
        true
    }

    /// Takes a slot out of its queue. Returns false if it is in none.
    #[inline]
    pub(crate) fn remove(&mut self, slot: Slot) -> bool {
        let place = Self::place(slot);
        let link = self.link(place);
        if link.older == NONE {
            return false;
        }
        self.set_newer(link.older, link.newer);
        self.set_older(link.newer, link.older);
        if let Some(own) = self.links.get_mut(place as usize) {
            *own = OUT;
        }
        true
    }

    /// The oldest slot of a queue.
    #[inline]
    pub(crate) fn oldest(&self, queue: Queue) -> Option<Slot> {
        Self::slot_at(self.link(queue as u32).newer)
    }

    /// The links of all places.
    pub(crate) fn links(&self) -> &[Link] {
        &self.links
    }

    /// The place of the oldest slot of a queue; the anchor of an empty one.
    #[inline]
    pub(crate) fn oldest_place(&self, queue: Queue) -> u32 {
        self.link(queue as u32).newer
    }

    /// Makes the slot at a place of the queue its oldest: those before it become the newest, in the same order.
    pub(crate) fn rotate(&mut self, queue: Queue, place: u32) {
        let anchor = queue as u32;
        if place < ANCHORS || place == self.oldest_place(queue) || self.link(place).older == NONE {
            return;
        }
        let Link { older, newer } = self.link(anchor);
        self.set_newer(older, newer);
        self.set_older(newer, older);
        let newest = self.link(place).older;
        self.set_newer(newest, anchor);
        self.set_older(place, anchor);
        if let Some(own) = self.links.get_mut(anchor as usize) {
            *own = Link { older: newest, newer: place };
        }
    }

    /// The slots of a queue, the oldest first.
    pub(crate) fn iter(&self, queue: Queue) -> impl Iterator<Item = Slot> {
        let newer = |slot: &Slot| Self::slot_at(self.link(Self::place(*slot)).newer);
        std::iter::successors(self.oldest(queue), newer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_leave_in_the_order_in_which_they_came() {
        let mut rings = Rings::default();
        assert!(rings.grow(4));
        for slot in [2, 0, 1] {
            assert!(rings.push(Queue::Small, slot));
        }
        assert!(rings.push(Queue::Main, 3));
        assert!(!rings.push(Queue::Main, 0) && !rings.push(Queue::Main, 4) && !rings.push(Queue::Main, NONE));
        assert!(rings.remove(0) && !rings.remove(0) && !rings.remove(NONE));
        assert_eq!(rings.iter(Queue::Small).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(rings.iter(Queue::Main).collect::<Vec<_>>(), [3]);
        assert!(rings.contains(1) && !rings.contains(0) && !rings.contains(9));
    }

    #[test]
    fn a_queue_begins_again_at_any_of_its_slots() {
        let mut rings = Rings::default();
        assert!(rings.grow(5));
        (0..4).for_each(|slot| assert!(rings.push(Queue::Small, slot)));
        assert!(rings.push(Queue::Main, 4));
        // Invalid places change nothing.
        for place in [0, 1, 7, NONE] {
            rings.rotate(Queue::Small, place);
        }
        for first in [0, 2, 3, 3, 1] {
            rings.rotate(Queue::Small, first + ANCHORS);
            let order: Vec<_> = (0..4).map(|at| (first + at) % 4).collect();
            assert_eq!(rings.iter(Queue::Small).collect::<Vec<_>>(), order);
        }
        assert!(rings.remove(1) && rings.push(Queue::Small, 1));
        assert_eq!(rings.iter(Queue::Small).collect::<Vec<_>>(), [2, 3, 0, 1]);
        assert_eq!(rings.iter(Queue::Main).collect::<Vec<_>>(), [4]);
    }
}
