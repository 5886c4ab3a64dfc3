//! Exact LRU: one doubly linked ring in a flat table.

use super::policy::Policy;
use super::{NONE, Slot, grow};

/// The neighbours of a slot in the ring. A place is slot + 1: place 0 is the ring's anchor, so that the ends of the
/// list need no branches.
#[derive(Clone, Copy, Debug)]
struct Link {
    older: u32,
    newer: u32,
}

/// The place of the anchor: its `older` is the newest slot, its `newer` the oldest.
const ANCHOR: u32 = 0;
/// Marks a slot that is not in the ring.
const OUT: Link = Link { older: NONE, newer: NONE };

#[derive(Debug)]
pub(crate) struct Lru {
    links: Vec<Link>,
}

impl Lru {
    pub(crate) fn new() -> Self {
        Self { links: Vec::new() }
    }

    #[inline]
    fn link(&self, place: u32) -> Link {
        self.links.get(place as usize).copied().unwrap_or(OUT)
    }

    /// The place of a slot and its link; `OUT` for an invalid slot.
    #[inline]
    fn own(&self, slot: Slot) -> (u32, Link) {
        slot.checked_add(1).map_or((NONE, OUT), |place| (place, self.link(place)))
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

    /// Inserts a place at the newest end.
    #[inline]
    fn push_newest(&mut self, place: u32) {
        let newest = self.link(ANCHOR).older;
        if let Some(link) = self.links.get_mut(place as usize) {
            *link = Link { older: newest, newer: ANCHOR };
        }
        self.set_newer(newest, place);
        self.set_older(ANCHOR, place);
    }

    /// Unlinks a place, without changing its own link.
    #[inline]
    fn unlink(&mut self, link: Link) {
        self.set_newer(link.older, link.newer);
        self.set_older(link.newer, link.older);
    }

    /// The slot at a place read from the ring.
    #[inline]
    fn slot_at(place: u32) -> Option<Slot> {
        if place == ANCHOR || place == NONE { None } else { Some(place - 1) }
    }
}

impl Policy for Lru {
    fn grow(&mut self, capacity: usize) -> bool {
        let first = self.links.is_empty();
        let grown = grow(&mut self.links, capacity + 1, OUT);
        if first && let Some(anchor) = self.links.first_mut() {
            *anchor = Link { older: ANCHOR, newer: ANCHOR };
        }
        grown
    }

    #[inline]
    fn insert(&mut self, slot: Slot) {
        let (place, link) = self.own(slot);
        if place != NONE && link.older == NONE {
            self.push_newest(place);
        }
    }

    #[inline]
    fn touch(&mut self, slot: Slot) -> bool {
        let (place, link) = self.own(slot);
        if link.older == NONE {
            return false;
        }
        // The newest slot is next to the anchor and stays there.
        if link.newer != ANCHOR {
            self.unlink(link);
            self.push_newest(place);
        }
        true
    }

    #[inline]
    fn remove(&mut self, slot: Slot) -> bool {
        let (place, link) = self.own(slot);
        if link.older == NONE {
            return false;
        }
        self.unlink(link);
        if let Some(own) = self.links.get_mut(place as usize) {
            *own = OUT;
        }
        true
    }

    #[inline]
    fn victim(&mut self, keep: Slot) -> Option<Slot> {
        let oldest = self.link(ANCHOR).newer;
        match Self::slot_at(oldest) {
            Some(slot) if slot == keep => Self::slot_at(self.link(oldest).newer),
            victim => victim,
        }
    }

    fn newest(&self) -> Option<Slot> {
        Self::slot_at(self.link(ANCHOR).older)
    }

    fn older(&self, slot: Slot) -> Option<Slot> {
        Self::slot_at(self.own(slot).1.older)
    }

    fn clear(&mut self) {
        self.links = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(lru: &Lru) -> Vec<Slot> {
        std::iter::successors(lru.newest(), |&slot| lru.older(slot)).collect()
    }

    #[test]
    fn the_ring_keeps_the_order_of_use() {
        let mut lru = Lru::new();
        assert!(lru.grow(4));
        for slot in 0..4 {
            lru.insert(slot);
        }
        assert_eq!(order(&lru), [3, 2, 1, 0]);
        lru.touch(0);
        lru.touch(0);
        lru.touch(2);
        assert_eq!(order(&lru), [2, 0, 3, 1]);
        lru.remove(0);
        assert_eq!(order(&lru), [2, 3, 1]);
        assert_eq!(lru.victim(NONE), Some(1));
        assert_eq!(lru.victim(1), Some(3));
    }

    #[test]
    fn calls_that_do_not_fit_change_nothing() {
        let mut lru = Lru::new();
        assert!(!lru.touch(0));
        assert!(!lru.remove(3));
        assert_eq!(lru.victim(NONE), None);
        assert!(lru.grow(2));
        lru.insert(1);
        lru.insert(1);
        lru.insert(NONE);
        for slot in [0, 7, NONE] {
            assert!(!lru.touch(slot));
            assert!(!lru.remove(slot));
        }
        assert_eq!(order(&lru), [1]);
        assert_eq!(lru.victim(1), None);
        lru.clear();
        assert_eq!(lru.newest(), None);
    }
}
