//! Compares the LRU with a list.

use super::super::NONE;
use super::*;

fn victim(lru: &mut Lru, keep: Slot) -> Option<Slot> {
    lru.victim(keep).map(|victim| victim.slot)
}

/// An LRU and a list of its slots, the oldest first.
struct Pair {
    lru: Lru,
    order: Vec<Slot>,
}

impl Pair {
    fn new(slots: u32, tick: u32) -> Self {
        let mut pair = Self { lru: Lru { tick, ..Lru::default() }, order: Vec::new() };
        assert!(pair.lru.grow(slots as usize));
        for slot in 0..slots {
            pair.lru.insert(slot, false);
            pair.order.push(slot);
        }
        pair
    }

    fn touch(&mut self, slot: Slot) {
        assert!(self.lru.touch(slot));
        let at = self.order.iter().position(|&own| own == slot).unwrap();
        self.order[at..].rotate_left(1);
    }

    /// Evicts the oldest slot, and refills it.
    fn replace(&mut self) {
        let slot = self.order.remove(0);
        assert_eq!(victim(&mut self.lru, NONE), Some(slot));
        assert!(self.lru.remove(slot));
        self.lru.insert(slot, false);
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
    let newest = pair.order[0];
    assert_eq!(victim(&mut pair.lru, newest), None, "the entry to keep is the oldest");
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
    assert_eq!(victim(&mut lru, NONE), None);
    assert!(lru.grow(2));
    lru.insert(1, false);
    lru.insert(1, false);
    lru.insert(NONE, false);
    for slot in [0, 7, NONE] {
        assert!(!lru.touch(slot));
        assert!(!lru.remove(slot));
    }
    let mut order = Vec::new();
    lru.visit(|slot| order.push(slot));
    assert_eq!((order, lru.uses()), (vec![1], 1));
    assert_eq!(victim(&mut lru, NONE), Some(1));
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
        assert_eq!(victim(&mut pair.lru, NONE), Some(slot));
        assert!(pair.lru.remove(slot));
        pair.lru.insert(slot, false);
        oldest.push_back(slot);
        assert!(pair.lru.queue.len() <= BATCH);
    }
    pair.order = oldest.into();
    pair.check();
}

#[test]
#[cfg_attr(miri, ignore = "too many slots")]
fn a_guess_that_is_too_late_is_corrected() {
    // The slots that the sample examines are the newest.
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

#[test]
#[cfg_attr(miri, ignore = "too many slots")]
fn blocks_are_skipped_only_where_all_slots_are_later() {
    let slots = 40_000;
    let mut lru = Lru::default();
    assert!(lru.grow(slots as usize));
    (0..slots).for_each(|slot| lru.insert(slot, false));
    let mut random = 1_u32;
    let mut below = |end: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) % end
    };
    for step in 0..60_000 {
        match below(8) {
            // Uneven uses, as of popular entries.
            0..=2 => {
                let most = below(slots) + 1;
                lru.touch(below(most));
            }
            // Slots that are free for a while.
            3 => {
                let slot = below(slots);
                if !lru.remove(slot) {
                    lru.insert(slot, false);
                }
            }
            // An iteration while a queue is half used.
            _ if step % 9_973 == 0 => {
                let mut before = 0;
                lru.visit(|slot| {
                    assert!(slot < slots);
                    before += 1;
                });
                let held = lru.stamps.iter().filter(|stamp| stamp.load(Ordering::Relaxed) != FREE).count();
                assert_eq!(before, held);
            }
            _ => {
                let slot = victim(&mut lru, NONE).unwrap();
                if step % 64 == 0 {
                    let oldest = lru.stamps.iter().map(|stamp| stamp.load(Ordering::Relaxed)).min();
                    assert_eq!(Some(lru.stamp(slot)), oldest, "step {step}");
                }
                lru.remove(slot);
                lru.insert(slot, false);
            }
        }
    }
}
