//! Exact LRU without a list.
//!
//! A use of a slot is one store: its *stamp* is set to the number of the use. Victims come from a queue of the oldest
//! slots, sorted by stamp when it is made. A slot at the head of the queue is the least recently used one if its stamp
//! is still at most `bound`, the newest stamp of the queue when it was made: later uses have later stamps, and so does
//! every slot outside the queue. Otherwise it has been used since, and is skipped. When the queue is used up, the next
//! one is made, so each slot is sorted once for each time that it was evicted or used in between.
//!
//! If the slots of the queue were all evicted and refilled in turn, the queue is already in order and is used as it is.
//! With more than [`BATCH`] slots, a queue holds at most that many, the oldest, which bounds the time that one call
//! spends on sorting. The oldest are found by a guess of their latest stamp and a pass over the stamps. The pass skips
//! the blocks where all stamps were later when it last looked: stamps only grow.

use std::sync::atomic::{AtomicU32, Ordering};

use super::policy::{Eviction, Victim};
use super::radix;
use super::{LAST_STAMP, Slot, Tables, grow, grow_with, push_within};

/// The stamp of a slot without an entry: later than every other, so that it is never a victim.
pub(super) const FREE: u32 = u32::MAX;
/// The maximum number of slots that are sorted at once.
pub(crate) const BATCH: usize = 1 << 14;
/// The number of stamps that are examined to guess which slots are the oldest.
const SAMPLE: usize = 1 << 10;
/// The number of neighbouring slots that are skipped together. Smaller blocks are skipped more often, larger ones
/// faster.
const BLOCK: Slot = 16;

/// The stamps are atomic because JavaScript also writes them, through a view of the memory.
#[derive(Debug, Default)]
pub(crate) struct Lru {
    stamps: Vec<AtomicU32>,
    /// The latest stamp.
    pub(super) tick: u32,
    /// The uses that are not in the tick. It wraps: below 0 if the tick counts more than the uses.
    pub(super) earlier: u64,
    /// The oldest slots, by stamp when it was made. Its capacity is sufficient, so making it never allocates.
    queue: Vec<Slot>,
    /// The head of the queue.
    next: usize,
    /// Slots of the queue with a later stamp have been used since it was made.
    bound: u32,
    /// Whether the queue holds every slot with an entry.
    is_whole: bool,
    /// Space for sorting.
    spare: Vec<Slot>,
    /// For each block of slots, a stamp that none of them precedes, except for those in the queue. Empty up to a batch.
    floors: Vec<u32>,
}

impl Lru {
    #[inline]
    pub(super) fn stamp(&self, slot: Slot) -> u32 {
        self.stamps.get(slot as usize).map_or(FREE, |stamp| stamp.load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn set_stamp(&self, slot: Slot, stamp: u32) {
        if let Some(own) = self.stamps.get(slot as usize) {
            own.store(stamp, Ordering::Relaxed);
        }
    }

    /// Gives a slot the next stamp. A function of its own in WebAssembly, for size: JavaScript stamps without a call.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline)]
    fn stamp_next(&mut self, slot: Slot) {
        if self.tick == LAST_STAMP {
            self.restart();
        }
        self.tick += 1;
        self.set_stamp(slot, self.tick);
    }

    /// Empties the queue: its stamps are no longer valid, or its slots are not evicted.
    pub(super) fn forget_queue(&mut self) {
        self.queue.clear();
        self.next = 0;
        self.is_whole = false;
        self.floors.fill(0);
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
        let Self { stamps, queue, spare, floors, bound, tick, .. } = self;
        let mut slot = 0;
        for (block, at) in stamps.chunks(BLOCK as usize).zip(0..) {
            if floors.get(at).is_some_and(|floor| floor > bound) {
                slot += BLOCK;
                continue;
            }
            // Those that enter the block later have later stamps than all have now.
            let mut later = *tick;
            for stamp in block {
                let stamp = stamp.load(Ordering::Relaxed);
                if stamp > floor && stamp <= *bound && queue.len() == BATCH {
                    // The guess was too late: half of the slots are kept. Those that were skipped are later still.
                    *bound = radix::median(queue, spare, stamps, |left, stamp| {
                        if let Some(floor) = floors.get_mut((left / BLOCK) as usize) {
                            *floor = stamp.min(*floor);
                        }
                    });
                    later = later.min(*bound);
                }
                let is_taken = stamp > floor && stamp <= *bound && push_within(queue, slot);
                if !is_taken {
                    later = later.min(stamp);
                }
                slot += 1;
            }
            if let Some(floor) = floors.get_mut(at) {
                *floor = later;
            }
        }
        radix::sort(queue, spare, stamps);
    }

    /// A stamp such that about three quarters of a batch of slots have stamps between `floor` and it: at least one, if
    /// any is later than `floor`.
    fn guess(&mut self, floor: u32) -> u32 {
        let slots = self.stamps.len() as u64;
        self.queue.clear();
        for at in 0..SAMPLE as u64 {
            // The multiples of the golden ratio are spread evenly.
            let slot = ((at.wrapping_mul(0x9e37_79b9) & 0xffff_ffff) * slots) >> 32;
            // Slots are below 2^30.
            #[allow(clippy::cast_possible_truncation)]
            let slot = slot as Slot;
            let stamp = self.stamp(slot);
            if stamp > floor && stamp != FREE {
                push_within(&mut self.queue, slot);
            }
        }
        radix::sort(&mut self.queue, &mut self.spare, &self.stamps);
        let rank = SAMPLE * BATCH / 4 * 3 / self.stamps.len().max(1);
        self.queue.get(rank).or(self.queue.last()).map_or(self.tick, |&slot| self.stamp(slot))
    }

    /// Restarts the stamps at 1, in the same order.
    #[cold]
    #[inline(never)]
    fn restart(&mut self) {
        self.earlier = self.uses();
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
            self.forget_queue();
            let mut tick = 0;
            // A new stamp is never later than the old one, so slots that already have theirs stay behind the floor.
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
        }
        self.forget_queue();
        self.earlier = self.earlier.wrapping_sub(u64::from(self.tick));
    }
}

impl Eviction for Lru {
    fn grow(&mut self, capacity: usize) -> bool {
        let batch = capacity.min(BATCH);
        self.queue.try_reserve_exact(batch.saturating_sub(self.queue.len())).is_ok()
            && self.spare.try_reserve_exact(batch.saturating_sub(self.spare.len())).is_ok()
            && (capacity <= BATCH || grow(&mut self.floors, capacity.div_ceil(BLOCK as usize), 0))
            && grow_with(&mut self.stamps, capacity, || AtomicU32::new(FREE))
    }

    #[inline]
    fn insert(&mut self, slot: Slot, _is_back: bool) {
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
    fn replace(&mut self, slot: Slot) -> bool {
        // The victim is at the head of the queue.
        self.next += 1;
        self.stamp_next(slot);
        true
    }

    #[inline]
    fn victim(&mut self, keep: Slot) -> Option<Victim> {
        loop {
            while let Some(&slot) = self.queue.get(self.next) {
                if self.stamp(slot) <= self.bound {
                    // The entry to keep was used last: if it is the oldest, there is no other.
                    return (slot != keep).then_some(Victim { slot, remember: false });
                }
                self.next += 1;
            }
            if !self.make_queue() {
                return None;
            }
        }
    }

    fn uses(&self) -> u64 {
        self.earlier.wrapping_add(u64::from(self.tick))
    }

    fn visit(&mut self, mut visit: impl FnMut(Slot)) {
        self.forget_queue();
        let mut floor = 0;
        loop {
            self.select(floor);
            if self.queue.is_empty() {
                break;
            }
            self.queue.iter().for_each(|&slot| visit(slot));
            floor = self.bound;
        }
        self.forget_queue();
    }

    fn tables(&self) -> Tables<'_> {
        let Self { stamps, queue, bound, tick, .. } = self;
        // A queue holds at most a batch.
        #[allow(clippy::cast_possible_truncation)]
        let next = self.next as u32;
        Tables { stamps, queue, next, bound: *bound, tick: *tick, ..Tables::default() }
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
}

#[cfg(test)]
#[path = "lru_tests.rs"]
mod tests;
