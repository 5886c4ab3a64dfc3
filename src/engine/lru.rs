//! Exact LRU without a list.
//!
//! A use of a slot is one store: its *stamp* is set to the number of the use. Victims come from a queue of the oldest
//! slots, sorted by stamp when it is made. A slot at the head of the queue is the least recently used one if its stamp
//! is still at most `bound`, the newest stamp of the queue when it was made: later uses have later stamps, and every
//! slot outside the queue has a later stamp as well. Otherwise it was used since, and is skipped. When the queue is used
//! up, the next one is made, so each slot is sorted once for each time that it was evicted or used in between.
//!
//! Where the slots of the queue were all evicted and filled again in turn, the queue is in order already and is used as
//! it is. With more than [`BATCH`] slots, a queue holds about half as many, the oldest, which bounds the time that one
//! call spends on sorting.

use std::sync::atomic::{AtomicU32, Ordering};

use super::policy::Eviction;
use super::radix;
use super::{LAST_STAMP, Slot, Tables, grow_with};

/// The stamp of a slot without an entry: later than every other, so that it is never a victim.
const FREE: u32 = u32::MAX;
/// The most slots that are sorted at once.
pub(crate) const BATCH: usize = 1 << 15;
/// The stamps that are looked at to guess which slots are the oldest.
const SAMPLE: usize = 1 << 10;

/// The stamps are atomic because JavaScript writes them too, through a view of the memory.
#[derive(Debug, Default)]
pub(crate) struct Lru {
    stamps: Vec<AtomicU32>,
    /// The latest stamp.
    tick: u32,
    /// The uses before the stamps last started again.
    earlier: u64,
    /// The oldest slots, by stamp when it was made. Its capacity suffices, so that making it never allocates.
    queue: Vec<Slot>,
    /// The head of the queue.
    next: usize,
    /// Slots of the queue with a later stamp have been used since it was made.
    bound: u32,
    /// Whether the queue holds every slot with an entry.
    is_whole: bool,
    /// Space for sorting.
    spare: Vec<Slot>,
}

impl Lru {
    #[inline]
    fn stamp(&self, slot: Slot) -> u32 {
        self.stamps.get(slot as usize).map_or(FREE, |stamp| stamp.load(Ordering::Relaxed))
    }

    #[inline]
    fn set_stamp(&self, slot: Slot, stamp: u32) {
        if let Some(own) = self.stamps.get(slot as usize) {
            own.store(stamp, Ordering::Relaxed);
        }
    }

    /// Gives a slot the next stamp.
    #[inline]
    fn stamp_next(&mut self, slot: Slot) {
        if self.tick == LAST_STAMP {
            self.restart();
        }
        self.tick += 1;
        self.set_stamp(slot, self.tick);
    }

    /// Makes the next queue. Returns false if there are no entries.
    #[inline(never)]
    fn make_queue(&mut self) -> bool {
        if self.is_whole && radix::is_sorted(&self.queue, |slot| self.stamp(slot), LAST_STAMP) {
            self.next = 0;
            self.bound = self.tick;
        } else {
            self.select(0);
            self.is_whole = self.bound == self.tick;
        }
        !self.queue.is_empty()
    }

    /// Fills the queue with the oldest slots whose stamps are later than `floor`, sorted. It is empty if there are none.
    fn select(&mut self, floor: u32) {
        self.next = 0;
        self.bound = if self.stamps.len() <= BATCH { self.tick } else { self.guess(floor) };
        self.queue.clear();
        for (stamp, slot) in self.stamps.iter().zip(0..) {
            let stamp = stamp.load(Ordering::Relaxed);
            if stamp > floor && stamp <= self.bound {
                if self.queue.len() == BATCH {
                    // The guess was too late: half of the slots are kept. Those that were passed over are later still.
                    self.bound = radix::median(&mut self.queue, &mut self.spare, &self.stamps);
                    if stamp > self.bound {
                        continue;
                    }
                }
                if self.queue.len() < self.queue.capacity() {
                    self.queue.push(slot);
                }
            }
        }
        radix::sort(&mut self.queue, &mut self.spare, &self.stamps);
    }

    /// A stamp such that about half a batch of slots has stamps between `floor` and it: at least one, if any is later
    /// than `floor`.
    fn guess(&mut self, floor: u32) -> u32 {
        let slots = self.stamps.len() as u64;
        self.queue.clear();
        for at in 0..SAMPLE as u64 {
            // The multiples of the golden ratio, which are spread evenly.
            let slot = ((at.wrapping_mul(0x9e37_79b9) & 0xffff_ffff) * slots) >> 32;
            // Slots are below 2^30.
            #[allow(clippy::cast_possible_truncation)]
            let slot = slot as Slot;
            let stamp = self.stamp(slot);
            if stamp > floor && stamp != FREE && self.queue.len() < self.queue.capacity() {
                self.queue.push(slot);
            }
        }
        radix::sort(&mut self.queue, &mut self.spare, &self.stamps);
        let rank = SAMPLE * BATCH / 2 / self.stamps.len().max(1);
        self.queue.get(rank).or(self.queue.last()).map_or(self.tick, |&slot| self.stamp(slot))
    }

    /// Makes the stamps start again at 1, in the same order.
    #[cold]
    #[inline(never)]
    fn restart(&mut self) {
        self.earlier += u64::from(self.tick);
        let stamps = self.stamps.iter().map(|stamp| stamp.load(Ordering::Relaxed));
        let oldest = stamps.min().unwrap_or(FREE);
        if oldest > LAST_STAMP / 2 && oldest != FREE {
            // Nothing is that old: one pass, without sorting.
            let past = oldest - 1;
            for stamp in &self.stamps {
                let own = stamp.load(Ordering::Relaxed);
                if own != FREE {
                    stamp.store(own - past, Ordering::Relaxed);
                }
            }
            self.tick -= past;
            self.bound = self.bound.saturating_sub(past);
        } else {
            let mut tick = 0;
            // A new stamp is never later than the old one, so that the slots which have got theirs stay behind the floor.
            let mut floor = 0;
            loop {
                self.select(floor);
                if self.queue.is_empty() {
                    break;
                }
                for &slot in &self.queue {
                    tick += 1;
                    self.set_stamp(slot, tick);
                }
                floor = self.bound;
            }
            self.tick = tick;
            self.is_whole = false;
        }
        self.earlier -= u64::from(self.tick);
    }
}

impl Eviction for Lru {
    fn grow(&mut self, capacity: usize) -> bool {
        let batch = capacity.min(BATCH);
        self.queue.try_reserve_exact(batch.saturating_sub(self.queue.len())).is_ok()
            && self.spare.try_reserve_exact(batch.saturating_sub(self.spare.len())).is_ok()
            && grow_with(&mut self.stamps, capacity, || AtomicU32::new(FREE))
    }

    #[inline]
    fn insert(&mut self, slot: Slot) {
        if self.stamp(slot) == FREE && (slot as usize) < self.stamps.len() {
            // The last victim is still at the head of the queue.
            self.is_whole &= self.queue.get(self.next) == Some(&slot);
            self.stamp_next(slot);
        }
    }

    #[inline]
    fn touch(&mut self, slot: Slot) -> bool {
        let held = self.stamp(slot) != FREE;
        if held {
            self.stamp_next(slot);
        }
        held
    }

    #[inline]
    fn remove(&mut self, slot: Slot) -> bool {
        let held = self.stamp(slot) != FREE;
        self.set_stamp(slot, FREE);
        held
    }

    #[inline]
    fn victim(&mut self, keep: Slot) -> Option<Slot> {
        loop {
            while let Some(&slot) = self.queue.get(self.next) {
                if self.stamp(slot) <= self.bound {
                    // The entry to keep was used last: if it is the oldest, there is no other.
                    return (slot != keep).then_some(slot);
                }
                self.next += 1;
            }
            if !self.make_queue() {
                return None;
            }
        }
    }

    fn uses(&self) -> u64 {
        self.earlier + u64::from(self.tick)
    }

    fn visit(&mut self, mut visit: impl FnMut(Slot)) {
        let mut floor = 0;
        loop {
            self.select(floor);
            if self.queue.is_empty() {
                break;
            }
            self.queue.iter().for_each(|&slot| visit(slot));
            floor = self.bound;
        }
        self.is_whole = false;
    }

    fn tables(&self) -> Tables<'_> {
        let Self { stamps, queue, bound, tick, .. } = self;
        // A queue holds at most a batch.
        #[allow(clippy::cast_possible_truncation)]
        let next = self.next as u32;
        Tables { stamps, deadlines: &[], queue, next, bound: *bound, tick: *tick }
    }

    fn resume(&mut self, tick: u32, next: u32) {
        self.tick = tick.min(LAST_STAMP);
        self.next = next as usize;
    }

    fn refill(&mut self) {
        if self.tick == LAST_STAMP {
            self.restart();
        }
        if self.next >= self.queue.len() {
            self.make_queue();
        }
    }

    fn clear(&mut self) {
        *self = Self { earlier: self.uses(), ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::super::NONE;
    use super::*;

    /// An LRU beside a list of its slots, the oldest first.
    struct Pair {
        lru: Lru,
        order: Vec<Slot>,
    }

    impl Pair {
        fn new(slots: u32, tick: u32) -> Self {
            let mut pair = Self { lru: Lru { tick, ..Lru::default() }, order: Vec::new() };
            assert!(pair.lru.grow(slots as usize));
            for slot in 0..slots {
                pair.lru.insert(slot);
                pair.order.push(slot);
            }
            pair
        }

        fn touch(&mut self, slot: Slot) {
            assert!(self.lru.touch(slot));
            let at = self.order.iter().position(|&own| own == slot).unwrap();
            self.order[at..].rotate_left(1);
        }

        /// Evicts the oldest slot, and fills it again.
        fn replace(&mut self) {
            let slot = self.order.remove(0);
            assert_eq!(self.lru.victim(NONE), Some(slot));
            assert!(self.lru.remove(slot));
            self.lru.insert(slot);
            self.order.push(slot);
        }

        fn check(&mut self) {
            let mut order = Vec::new();
            self.lru.visit(|slot| order.push(slot));
            assert_eq!(order, self.order);
        }
    }

    #[test]
    fn the_least_recently_used_slot_leaves_first() {
        let mut pair = Pair::new(4, 0);
        pair.touch(0);
        pair.touch(0);
        pair.touch(2);
        pair.check();
        for _ in 0..9 {
            pair.replace();
        }
        pair.touch(2);
        pair.replace();
        assert_eq!(pair.lru.victim(pair.order[0]), None, "the entry to keep is the oldest");
        pair.check();
        assert!(pair.lru.remove(1));
        assert!(!pair.lru.remove(1) && !pair.lru.touch(1));
        assert_eq!(pair.lru.uses(), 4 + 3 + 9 + 2);
    }

    #[test]
    fn calls_that_do_not_fit_change_nothing() {
        let mut lru = Lru::default();
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
        let mut order = Vec::new();
        lru.visit(|slot| order.push(slot));
        assert_eq!((order, lru.uses()), (vec![1], 1));
        assert_eq!(lru.victim(NONE), Some(1));
        lru.clear();
        assert_eq!((lru.victim(NONE), lru.uses()), (None, 1));
    }

    #[test]
    fn the_order_survives_the_last_stamp() {
        for before in [0, 1, 2, 3, 5, 8, 20] {
            let mut pair = Pair::new(4, LAST_STAMP - before);
            for step in 0..60 {
                if step % 3 == 0 {
                    pair.replace();
                } else {
                    pair.touch((step * step) % 4);
                }
            }
            pair.check();
            assert_eq!(pair.lru.uses(), u64::from(LAST_STAMP - before) + 64);
            assert!(pair.lru.tick < 100, "{}", pair.lru.tick);
        }
    }

    #[test]
    fn an_entry_that_was_never_used_again_survives_the_last_stamp() {
        let mut pair = Pair::new(4, 0);
        pair.lru.tick = LAST_STAMP - 1;
        for slot in [1, 3, 2, 1] {
            pair.touch(slot);
            pair.check();
        }
        for _ in 0..8 {
            pair.replace();
        }
        pair.check();
        assert!(pair.lru.tick < 100, "{}", pair.lru.tick);
    }

    #[test]
    #[cfg_attr(miri, ignore = "too many slots")]
    fn more_slots_than_one_batch_leave_in_order() {
        let slots = 100_000;
        let mut pair = Pair::new(slots, LAST_STAMP - 250_000);
        let mut newest = vec![0; slots as usize];
        let mut at = 0;
        for time in 1..=200_000 {
            at = (at * 1_103_515_245 + 12_345) % u64::from(slots);
            // Half of the slots, and not evenly.
            let slot = u32::try_from(at * at / u64::from(slots)).unwrap();
            assert!(pair.lru.touch(slot));
            newest[slot as usize] = time;
        }
        pair.order.sort_by_key(|&slot| newest[slot as usize]);
        pair.check();
        let mut oldest: std::collections::VecDeque<_> = std::mem::take(&mut pair.order).into();
        for _ in 0..250_000 {
            let slot = oldest.pop_front().unwrap();
            assert_eq!(pair.lru.victim(NONE), Some(slot));
            assert!(pair.lru.remove(slot));
            pair.lru.insert(slot);
            oldest.push_back(slot);
            assert!(pair.lru.queue.len() <= BATCH);
        }
        pair.order = oldest.into();
        pair.check();
    }

    #[test]
    #[cfg_attr(miri, ignore = "too many slots")]
    fn a_guess_that_is_too_late_is_corrected() {
        // The slots that the sample looks at are the newest.
        let slots = 80_000_u32;
        let mut pair = Pair::new(slots, 0);
        for at in 0..SAMPLE as u64 {
            let slot = ((at.wrapping_mul(0x9e37_79b9) & 0xffff_ffff) * u64::from(slots)) >> 32;
            pair.lru.touch(u32::try_from(slot).unwrap());
        }
        let mut order = Vec::new();
        pair.lru.visit(|slot| order.push(slot));
        assert!(order.is_sorted_by_key(|&slot| pair.lru.stamp(slot)));
        assert_eq!(order.len(), slots as usize);
    }
}
