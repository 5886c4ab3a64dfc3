//! Several engines that share one order of use. Each has a part of the entries, and no limits of its own.
//!
//! Their owner keeps a clock of stamps, and passes its time to [`Engine::advance`] before a write. A lookup only marks
//! the entry with the next stamp, which others have until the next write. Only [`Policy::Lru`](super::Policy::Lru)
//! supports this; under another policy there are no stamps.

use std::sync::atomic::Ordering;

use super::lru::Lru;
use super::policy::{AnyPolicy, Eviction};
use super::{Counters, Engine, Millis, NONE, Slot};

impl Lru {
    /// Makes later uses have later stamps than `tick`. This does not count as a use.
    fn advance(&mut self, tick: u32) {
        if tick > self.tick {
            self.earlier = self.earlier.wrapping_sub(u64::from(tick - self.tick));
            self.tick = tick;
        }
    }

    /// Stamps a slot with `clock`, or with the next stamp if that is later, unless it already has that stamp.
    #[inline]
    fn mark(&self, slot: Slot, clock: u32) {
        let stamp = clock.max(self.tick + 1);
        if self.stamp(slot) != stamp {
            self.set_stamp(slot, stamp);
        }
    }

    /// Replaces the stamps, of which `tick` is the latest.
    fn restamp(&mut self, stamps: impl Iterator<Item = (Slot, u32)>, tick: u32) {
        stamps.for_each(|(slot, stamp)| self.set_stamp(slot, stamp));
        self.earlier = self.uses().wrapping_sub(u64::from(tick));
        self.tick = tick;
        self.forget_queue();
    }
}

impl Engine {
    fn lru(&mut self) -> Option<&mut Lru> {
        match &mut self.policy {
            AnyPolicy::Lru(lru) => Some(lru),
            AnyPolicy::S3Fifo(_) => None,
        }
    }

    /// The latest stamp.
    pub(crate) fn tick(&self) -> u32 {
        self.policy.tables().tick
    }

    /// Makes later uses have later stamps than `tick`.
    pub(crate) fn advance(&mut self, tick: u32) {
        if let Some(lru) = self.lru() {
            lru.advance(tick);
        }
    }

    /// Marks the entry in `slot` as used after the last write, and not before `clock`, without counting a hit. The
    /// next write must advance past the mark: to `clock` or to the next stamp, whichever is later.
    #[inline]
    pub(crate) fn mark(&self, slot: Slot, clock: u32) {
        if let AnyPolicy::Lru(lru) = &self.policy {
            lru.mark(slot, clock);
        }
    }

    /// The occupied slots with their stamps, in no particular order.
    pub(crate) fn stamped(&self) -> impl Iterator<Item = (Slot, u32)> {
        let stamps = self.policy.tables().stamps.iter().zip(0..);
        stamps
            .map(|(stamp, slot)| (slot, stamp.load(Ordering::Relaxed)))
            .filter(|(_, stamp)| *stamp != super::lru::FREE)
    }

    /// The stamp of the least recently used entry.
    pub(crate) fn oldest(&mut self) -> Option<u32> {
        let victim = self.policy.victim(NONE)?;
        let stamp = self.policy.tables().stamps.get(victim.slot as usize)?;
        Some(stamp.load(Ordering::Relaxed))
    }

    /// Removes the least recently used entry, as evicted or as expired. Returns false if there is none.
    pub(crate) fn evict_oldest(&mut self, now: Millis) -> bool {
        self.evict(NONE, now)
    }

    /// Replaces the stamps, of which `tick` is the latest.
    pub(crate) fn restamp(&mut self, stamps: impl Iterator<Item = (Slot, u32)>, tick: u32) {
        if let Some(lru) = self.lru() {
            lru.restamp(stamps, tick);
        }
    }

    /// The number of occupied slots: fresh, stale and expired entries.
    pub(crate) fn held(&self) -> u32 {
        self.held
    }

    /// No deadline or end is earlier than this.
    pub(crate) fn first_due(&self) -> Millis {
        self.expiry.first_due()
    }

    /// Resets all counts to 0.
    pub(crate) fn forget_counts(&mut self) {
        self.counters = Counters::default();
        self.touches = self.policy.uses();
    }
}
