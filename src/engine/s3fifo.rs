//! S3-FIFO: a small queue for new entries, and a main queue for those that were used again.
//!
//! A new entry joins the small queue, which holds a tenth of all entries. At its end, an entry that has been used moves
//! on to the main queue; any other is evicted, and its owner remembers the key for a while. If the key comes back, the
//! entry joins the main queue at once. At the end of the main queue, an entry that was used rejoins it, once for each
//! of its last uses, of which at most three count. So entries that are used once, as by a scan, pass through without
//! disturbing the others, and a hit is at most one store.
//!
//! From Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023.

use std::sync::atomic::{AtomicU32, Ordering};

use super::policy::{Eviction, Victim};
use super::ring::{Queue, Rings};
use super::{LAST_STAMP, Slot, Tables, grow_with};

/// The maximum number of uses of an entry that count.
const MOST_USES: u32 = 3;
/// The small queue holds one entry in this many.
const SMALL: u64 = 10;
/// The maximum number of entries that one eviction moves. It bounds the time of a call; the entry that is then reached
/// is evicted.
const MOVES: u32 = 1 << 12;

#[derive(Debug, Default)]
pub(crate) struct S3Fifo {
    rings: Rings,
    /// The uses since an entry joined its queue, at most `MOST_USES`. Atomic because JavaScript also writes them.
    used: Vec<AtomicU32>,
    /// Whether each slot is in the small queue.
    in_small: Vec<bool>,
    small: u32,
    held: u32,
    /// The uses since `earlier` was increased.
    tick: u32,
    earlier: u64,
}

impl S3Fifo {
    #[inline]
    fn uses_of(&self, slot: Slot) -> u32 {
        self.used.get(slot as usize).map_or(0, |used| used.load(Ordering::Relaxed))
    }

    #[inline]
    fn set_uses(&self, slot: Slot, uses: u32) {
        if let Some(used) = self.used.get(slot as usize) {
            used.store(uses, Ordering::Relaxed);
        }
    }

    #[inline]
    fn count_use(&mut self) {
        if self.tick == LAST_STAMP {
            self.refill();
        }
        self.tick += 1;
    }

    fn is_small(&self, slot: Slot) -> bool {
        self.in_small.get(slot as usize).copied().unwrap_or(false)
    }

    /// Whether the next entry is evicted from the small queue, or moved from it.
    fn is_small_full(&self) -> bool {
        self.small > 0 && u64::from(self.small) * SMALL >= u64::from(self.held)
    }

    /// Adds a slot at the newest end of a queue, with no uses.
    fn join(&mut self, queue: Queue, slot: Slot) -> bool {
        let joined = self.rings.push(queue, slot);
        if joined {
            let is_small = queue == Queue::Small;
            self.small += u32::from(is_small);
            self.held += 1;
            if let Some(own) = self.in_small.get_mut(slot as usize) {
                *own = is_small;
            }
        }
        joined
    }

    fn move_to_main(&mut self, slot: Slot, uses: u32) {
        self.remove(slot);
        self.join(Queue::Main, slot);
        self.set_uses(slot, uses);
    }
}

impl Eviction for S3Fifo {
    fn grow(&mut self, capacity: usize) -> bool {
        self.rings.grow(capacity)
            && grow_with(&mut self.used, capacity, || AtomicU32::new(0))
            && grow_with(&mut self.in_small, capacity, || false)
    }

    #[inline]
    fn insert(&mut self, slot: Slot, is_back: bool) {
        if self.join(if is_back { Queue::Main } else { Queue::Small }, slot) {
            self.set_uses(slot, 0);
            self.count_use();
        }
    }

    #[inline]
    fn touch(&mut self, slot: Slot) -> bool {
        let held = self.rings.contains(slot);
        if held {
            let uses = self.uses_of(slot);
            if uses < MOST_USES {
                self.set_uses(slot, uses + 1);
            }
            self.count_use();
        }
        held
    }

    #[inline]
    fn remove(&mut self, slot: Slot) -> bool {
        let removed = self.rings.remove(slot);
        if removed {
            self.small -= u32::from(self.is_small(slot));
            self.held -= 1;
        }
        removed
    }

    fn victim(&mut self, keep: Slot) -> Option<Victim> {
        if self.held <= u32::from(self.rings.contains(keep)) {
            return None;
        }
        let mut moves = 0;
        loop {
            let from_small = self.is_small_full();
            let slot = self.rings.oldest(if from_small { Queue::Small } else { Queue::Main })?;
            let uses = self.uses_of(slot);
            if slot != keep && (uses == 0 || moves >= MOVES) {
                return Some(Victim { slot, remember: from_small });
            }
            moves += 1;
            self.move_to_main(slot, if from_small { 0 } else { uses.saturating_sub(1) });
        }
    }

    fn uses(&self) -> u64 {
        self.earlier + u64::from(self.tick)
    }

    fn visit(&mut self, mut visit: impl FnMut(Slot)) {
        self.rings.iter(Queue::Small).for_each(&mut visit);
        self.rings.iter(Queue::Main).for_each(visit);
    }

    fn tables(&self) -> Tables<'_> {
        let next = if self.is_small_full() { 2 * self.rings.oldest_place(Queue::Small) } else { 0 };
        Tables { stamps: &self.used, tick: self.tick, links: self.rings.links(), next, ..Tables::default() }
    }

    fn resume(&mut self, tick: u32, next: u32) {
        self.tick = tick.min(LAST_STAMP);
        self.rings.rotate(Queue::Small, next / 2);
    }

    fn refill(&mut self) {
        if self.tick == LAST_STAMP {
            self.earlier += u64::from(self.tick);
            self.tick = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::NONE;
    use super::*;

    fn filled(slots: u32) -> S3Fifo {
        let mut policy = S3Fifo::default();
        assert!(policy.grow(slots as usize));
        (0..slots).for_each(|slot| policy.insert(slot, false));
        policy
    }

    /// Evicts a slot, and refills it.
    fn replace(policy: &mut S3Fifo, is_back: bool) -> (Slot, bool) {
        let Victim { slot, remember } = policy.victim(NONE).unwrap();
        assert!(policy.remove(slot));
        policy.insert(slot, is_back);
        (slot, remember)
    }

    #[test]
    fn entries_that_are_used_once_leave_before_those_that_were_used_again() {
        let mut policy = filled(20);
        policy.touch(0);
        policy.touch(7);
        for slot in (1..20).filter(|slot| *slot != 7) {
            assert_eq!(replace(&mut policy, false), (slot, true));
        }
        assert!(!policy.is_small(0) && !policy.is_small(7));
        assert_eq!(policy.uses(), 20 + 2 + 18);
    }

    #[test]
    fn an_entry_that_comes_back_joins_the_main_queue() {
        let mut policy = filled(20);
        assert_eq!(replace(&mut policy, true), (0, true));
        assert!(!policy.is_small(0) && policy.is_small(1));
        // The main queue is a ring of second chances.
        for _ in 0..18 {
            replace(&mut policy, true);
        }
        policy.touch(0);
        let (slot, remember) = replace(&mut policy, true);
        assert!(slot != 0 && !remember, "{slot}");
    }

    #[test]
    fn the_entry_to_keep_stays() {
        let mut policy = filled(2);
        policy.touch(0);
        assert_eq!(policy.victim(0).map(|victim| victim.slot), Some(1));
        policy.remove(1);
        assert!(policy.victim(0).is_none());
        assert!(policy.victim(NONE).is_some());
        assert!(policy.victim(1).is_some());
        assert_eq!(policy.uses(), 3);
    }

    /// Does what an owner may do without a call, by the rules of [`Tables`]. Returns the slot, or `None` if the owner
    /// must call.
    fn replace_without_a_call(policy: &mut S3Fifo) -> Option<Slot> {
        let Tables { next, tick, stamps, .. } = policy.tables();
        let slot = (next / 2).checked_sub(2)?;
        if stamps[slot as usize].load(Ordering::Relaxed) > 0 {
            return None;
        }
        let place = policy.rings.iter(Queue::Small).nth(1).map_or(next / 2, |slot| slot + 2);
        policy.resume(tick + 1, 2 * place);
        Some(slot)
    }

    #[test]
    fn an_owner_that_evicts_without_a_call_evicts_the_same() {
        let (mut own, mut called) = (filled(50), filled(50));
        let mut without = 0;
        let mut random = 1_u32;
        for _ in 0..5_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (slot, is_back) = ((random >> 8) % 50, random >> 24 < 20);
            if random >> 28 < 6 {
                assert_eq!(own.touch(slot), called.touch(slot));
                continue;
            }
            let evicted = if is_back { None } else { replace_without_a_call(&mut own) };
            without += u32::from(evicted.is_some());
            let expected = replace(&mut called, is_back);
            assert_eq!(evicted.map_or_else(|| replace(&mut own, is_back), |slot| (slot, true)), expected);
        }
        assert!(without > 500, "{without}");
        for queue in [Queue::Small, Queue::Main] {
            assert!(own.rings.iter(queue).eq(called.rings.iter(queue)));
        }
        assert_eq!(own.uses(), called.uses());
    }

    #[test]
    fn uses_are_counted_past_the_last_stamp() {
        let mut policy = filled(2);
        policy.tick = LAST_STAMP - 1;
        (0..5).for_each(|_| assert!(policy.touch(1)));
        assert_eq!(policy.uses(), u64::from(LAST_STAMP) + 4);
    }
}
