//! Making room for entries: the growth of the tables, and evictions.

use super::counters::add;
use super::policy::{Eviction, Victim};
use super::{Engine, Millis, NEVER, NONE, Refused, Removal, RemovalReason, Slot, grow, push};

/// The initial capacity of the tables.
const FIRST_SLOTS: u32 = 16;

impl Engine {
    /// Checks a write before anything changes for it, and allocates the tables that it is the first to need.
    #[inline]
    pub(super) fn admit(&mut self, weight: u64, deadline: Millis) -> Result<(), Refused> {
        if weight > self.limits.max_weight {
            return Err(Refused::TooHeavy);
        }
        let first_deadline = deadline < NEVER && !self.expiry.in_use();
        let first_weight = weight > 0 && self.weights.is_empty();
        if first_deadline || first_weight { self.first_tables(first_deadline, first_weight) } else { Ok(()) }
    }

    #[cold]
    fn first_tables(&mut self, expiry: bool, weights: bool) -> Result<(), Refused> {
        let slots = self.capacity.max(FIRST_SLOTS.min(self.limits.max_entries)) as usize;
        let grown = (!expiry || self.expiry.grow(slots)) && (!weights || grow(&mut self.weights, slots, 0));
        if grown { Ok(()) } else { Err(Refused::OutOfMemory) }
    }

    /// Doubles the capacity, up to the limit on entries.
    #[cold]
    pub(super) fn grow_tables(&mut self) -> Result<(), Refused> {
        let capacity = self.capacity.saturating_mul(2).max(FIRST_SLOTS).min(self.limits.max_entries);
        let slots = capacity as usize;
        let grown = capacity > self.capacity
            && self.policy.grow(slots)
            && (!self.expiry.in_use() || self.expiry.grow(slots))
            && (self.weights.is_empty() || grow(&mut self.weights, slots, 0));
        if !grown {
            return Err(Refused::OutOfMemory);
        }
        self.capacity = capacity;
        Ok(())
    }

    /// A slot without an entry.
    #[inline]
    pub(super) fn free_slot(&mut self) -> Result<Slot, Refused> {
        if let Some(slot) = self.free.pop() {
            return Ok(slot);
        }
        if self.used == self.capacity {
            self.grow_tables()?;
        }
        self.used += 1;
        Ok(self.used - 1)
    }

    /// Whether adding `more` would exceed the limit on weight.
    #[inline]
    pub(super) fn overweight(&self, more: u64) -> bool {
        self.total_weight > self.limits.max_weight - more
    }

    #[inline]
    pub(super) fn set_weight(&mut self, slot: Slot, weight: u64) {
        if let Some(own) = self.weights.get_mut(slot as usize) {
            self.total_weight = self.total_weight - *own + weight;
            *own = weight;
        }
    }

    /// Returns the victim if only the limit on entries leaves no room for an entry of this weight. An expired victim is
    /// removed as expired instead, and one that is not enough is removed before the others.
    #[inline]
    pub(super) fn live_victim(&mut self, weight: u64, now: Millis) -> Option<Victim> {
        while self.held >= self.limits.max_entries {
            let victim = self.policy.victim(NONE)?;
            let is_enough = self.expiry.end(victim.slot) > now && !self.overweight(weight);
            if is_enough || !self.evict(NONE, now) {
                return Some(victim);
            }
        }
        None
    }

    /// Removes the policy's victim, excluding `keep`: as evicted, or as expired if it has expired. Returns false if
    /// there is none.
    #[inline(never)]
    pub(super) fn evict(&mut self, keep: Slot, now: Millis) -> bool {
        let Some(Victim { slot, remember }) = self.policy.victim(keep) else { return false };
        let dead = self.expiry.end(slot) <= now;
        let reason = if dead { RemovalReason::Expired } else { RemovalReason::Evicted };
        if !self.list(Removal { slot, reason, remember: remember && !dead }) {
            return false;
        }
        let removed = self.release(slot);
        add(if dead { &mut self.counters.expirations } else { &mut self.counters.evictions }, removed.into());
        true
    }

    /// Lists a removal. Returns false if memory cannot be allocated for the list; the entry must then stay.
    #[inline]
    pub(super) fn list(&mut self, removal: Removal) -> bool {
        push(&mut self.removals, removal)
    }

    /// Frees a slot. Returns false if it was not occupied. If memory cannot be allocated for the list of free slots,
    /// the slot is not used again until the engine is cleared.
    #[inline(never)]
    pub(super) fn release(&mut self, slot: Slot) -> bool {
        let held = self.vacate(slot);
        if held {
            push(&mut self.free, slot);
        }
        held
    }

    /// Takes the entry out of a slot without making the slot available. Returns false if the slot was not occupied.
    #[inline]
    pub(super) fn vacate(&mut self, slot: Slot) -> bool {
        let held = self.policy.remove(slot);
        if held {
            self.held -= 1;
            self.expiry.forget(slot);
            self.set_weight(slot, 0);
        }
        held
    }
}
