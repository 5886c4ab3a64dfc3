//! The engine itself: slots, limits, and what leaves.

use super::expiry::Expiry;
use super::policy::{AnyPolicy, Policy, PolicyKind};
use super::terms::{Inserted, Limits, Refused, Removal, RemovalReason};
use super::{Counters, Millis, NEVER, NONE, Slot, grow};

/// The most expiry nodes that one write looks at, so that no write pays for a crowd that dies at once.
const SWEEP_BUDGET: u32 = 16;
/// The slots that the tables first make room for.
const FIRST_SLOTS: u32 = 16;

/// The bookkeeping of a bounded cache. See the [module](super) for its contract.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    policy: AnyPolicy,
    expiry: Expiry,
    /// The weight of each slot; empty until an entry weighs anything.
    weights: Vec<u64>,
    /// Slots below `used` that hold no entry. Its capacity is that of the tables.
    free: Vec<Slot>,
    /// Slots from here on have never held an entry.
    used: u32,
    /// The slots that the tables have room for.
    capacity: u32,
    total_weight: u64,
    counters: Counters,
    removals: Vec<Removal>,
}

impl Engine {
    /// An empty engine; it takes no memory until the first entry.
    #[must_use]
    pub fn new(limits: Limits, policy: PolicyKind) -> Self {
        Self {
            limits: limits.clamped(),
            policy: AnyPolicy::new(policy),
            expiry: Expiry::default(),
            weights: Vec::new(),
            free: Vec::new(),
            used: 0,
            capacity: 0,
            total_weight: 0,
            counters: Counters::default(),
            removals: Vec::new(),
        }
    }

    /// Puts a new entry into a slot. First, entries whose deadline has passed make room; then, if need be, the policy's
    /// victims. Where one victim makes room for the entry, the entry takes its slot.
    ///
    /// At most 16 candidates for expiry are looked at, so that no write pays for a crowd that dies at once, or that was
    /// given new deadlines: behind such a crowd, a dead entry may wait while a live one is evicted.
    ///
    /// # Errors
    /// [`Refused`]; other entries may have left, as listed.
    pub fn insert(&mut self, weight: u64, deadline: Millis, now: Millis) -> Result<Inserted, Refused> {
        self.admit(weight, deadline)?;
        self.sweep(now, SWEEP_BUDGET);
        let victim = self.live_victim(now);
        let slot = if let Some(slot) = victim {
            self.counters.evictions += 1;
            self.vacate(slot);
            slot
        } else if let Some(slot) = self.free.pop() {
            slot
        } else {
            if self.used == self.capacity {
                self.grow_tables()?;
            }
            self.used += 1;
            self.used - 1
        };
        while self.overweight(weight) && self.evict(NONE, now) {}
        self.policy.insert(slot);
        self.expiry.set(slot, deadline);
        self.set_weight(slot, weight);
        self.counters.sets += 1;
        Ok(Inserted { slot, evicted: victim.is_some() })
    }

    /// Gives the live entry in `slot` a new value's weight and deadline, and makes it the most recently used. No entry
    /// is evicted unless the new weight calls for it.
    ///
    /// # Errors
    /// [`Refused`]; nothing was changed.
    #[inline]
    pub fn update(&mut self, slot: Slot, weight: u64, deadline: Millis, now: Millis) -> Result<(), Refused> {
        self.admit(weight, deadline)?;
        if !self.policy.touch(slot) {
            return Err(Refused::Vacant);
        }
        // The sweep must not take an entry that is being given a new life.
        self.expiry.forget(slot);
        self.sweep(now, SWEEP_BUDGET);
        self.expiry.set(slot, deadline);
        self.set_weight(slot, 0);
        while self.overweight(weight) && self.evict(slot, now) {}
        self.set_weight(slot, weight);
        self.counters.sets += 1;
        Ok(())
    }

    /// Gives the live entry in `slot` a new deadline. It is no write, and no use.
    ///
    /// # Errors
    /// [`Refused`]; nothing was changed.
    pub fn set_deadline(&mut self, slot: Slot, deadline: Millis) -> Result<(), Refused> {
        self.admit(0, deadline)?;
        self.expiry.set(slot, deadline);
        Ok(())
    }

    /// Keeps the entry in `slot`, which was given a deadline just now, until `end`: after its deadline it is stale. It is not
    /// counted by [`len`](Self::len) then, and only lookups that ask for [`end`](Self::end) see it. The next write to the
    /// slot ends it.
    ///
    /// # Errors
    /// [`Refused::OutOfMemory`], and [`Refused::Vacant`] for a slot without a deadline; the entry leaves at its deadline, if
    /// it has one.
    pub fn keep_stale(&mut self, slot: Slot, end: Millis) -> Result<(), Refused> {
        if self.expiry.deadline(slot) == NEVER {
            return Err(Refused::Vacant);
        }
        if self.expiry.keep(slot, end) { Ok(()) } else { Err(Refused::OutOfMemory) }
    }

    /// A lookup found the live entry in `slot`.
    #[inline]
    pub fn hit(&mut self, slot: Slot) {
        self.counters.hits += u64::from(self.policy.touch(slot));
    }

    /// Makes the entry in `slot` the most recently used, without counting a lookup.
    pub fn touch(&mut self, slot: Slot) {
        self.policy.touch(slot);
    }

    /// A lookup found no live entry.
    #[inline]
    pub fn miss(&mut self) {
        self.counters.misses += 1;
    }

    /// When the entry in `slot` ceases to be fresh, or [`NEVER`]. From then on it is absent, but for lookups that tolerate
    /// stale entries.
    #[inline]
    #[must_use]
    pub fn deadline(&self, slot: Slot) -> Millis {
        self.expiry.deadline(slot)
    }

    /// When the entry in `slot` leaves, or [`NEVER`]: its deadline, or later if it is kept when stale.
    #[inline]
    #[must_use]
    pub fn end(&self, slot: Slot) -> Millis {
        self.expiry.end(slot)
    }

    /// A time before which every entry is fresh: where it has not come, there is no need to ask for deadlines. It lies in
    /// the past while there are stale entries.
    #[inline]
    #[must_use]
    pub fn next_due(&self) -> Millis {
        self.expiry.next_due()
    }

    /// Whether an entry has had a deadline since the engine was last empty, so that the time matters.
    #[must_use]
    pub fn uses_deadlines(&self) -> bool {
        self.expiry.in_use()
    }

    /// Removes the entry in `slot` because the owner says so. It is not listed in the removals.
    pub fn delete(&mut self, slot: Slot) {
        self.counters.deletes += u64::from(self.release(slot));
    }

    /// Removes the entry in `slot`, which the owner found to be past its deadline. It is not listed in the removals.
    pub fn expire(&mut self, slot: Slot) {
        self.counters.expirations += u64::from(self.release(slot));
    }

    /// Removes entries whose end has come, looking at no more than `budget` nodes of the expiry heap. Returns how many it
    /// removed.
    #[inline]
    pub fn sweep(&mut self, now: Millis, budget: u32) -> u32 {
        if self.expiry.first_due() <= now { self.sweep_due(now, budget) } else { 0 }
    }

    #[inline(never)]
    fn sweep_due(&mut self, now: Millis, mut budget: u32) -> u32 {
        let mut swept = 0;
        while let Some(slot) = self.expiry.next_dead(now, &mut budget) {
            if !self.list(slot, RemovalReason::Expired) {
                break;
            }
            self.expire(slot);
            swept += 1;
        }
        swept
    }

    /// Sets new limits. What is over them leaves at once, expired entries first.
    pub fn set_limits(&mut self, limits: Limits, now: Millis) {
        self.limits = limits.clamped();
        self.sweep(now, u32::MAX);
        while (self.held() > self.limits.max_entries || self.overweight(0)) && self.evict(NONE, now) {}
    }

    /// Removes every entry, as deleted, and gives the memory back. None is listed in the removals.
    pub fn clear(&mut self) {
        self.counters.deletes += u64::from(self.len());
        self.counters.expirations += u64::from(self.expiry.stale());
        self.policy.clear();
        self.expiry.clear();
        self.weights = Vec::new();
        self.free = Vec::new();
        self.removals = Vec::new();
        self.used = 0;
        self.capacity = 0;
        self.total_weight = 0;
    }

    /// What left on the engine's decision since the list was last emptied.
    #[must_use]
    pub fn removals(&self) -> &[Removal] {
        &self.removals
    }

    /// Empties the list of removals.
    #[inline]
    pub fn clear_removals(&mut self) {
        self.removals.clear();
    }

    /// The number of entries without those that are stale. After a [`sweep`](Self::sweep) without a budget it is exact;
    /// before, it includes entries that have expired or become stale since.
    #[inline]
    #[must_use]
    pub fn len(&self) -> u32 {
        self.held() - self.expiry.stale()
    }

    /// The number of stale entries, exact after a [`sweep`](Self::sweep) without a budget.
    #[must_use]
    pub fn stale(&self) -> u32 {
        self.expiry.stale()
    }

    /// The number of slots that hold an entry, fresh, stale or expired.
    #[inline]
    fn held(&self) -> u32 {
        // The free list holds distinct slots below `used`.
        #[allow(clippy::cast_possible_truncation)]
        let free = self.free.len() as u32;
        self.used - free
    }

    /// Whether there is no entry but stale ones, as [`len`](Self::len) counts them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slots that the tables have room for.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// The sum of the weights of all entries that are held, also of stale ones.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.total_weight
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The counts so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The most recently used slot.
    #[must_use]
    pub fn newest(&self) -> Option<Slot> {
        self.policy.newest()
    }

    /// The slot used just before `slot`.
    #[must_use]
    pub fn older(&self, slot: Slot) -> Option<Slot> {
        self.policy.older(slot)
    }

    /// Checks a write before anything is changed for it, and sees to the tables that it is the first to need.
    #[inline]
    fn admit(&mut self, weight: u64, deadline: Millis) -> Result<(), Refused> {
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

    /// Makes room for twice as many slots, at most as many as the limit allows.
    #[cold]
    fn grow_tables(&mut self) -> Result<(), Refused> {
        let capacity = self.capacity.saturating_mul(2).max(FIRST_SLOTS).min(self.limits.max_entries);
        let slots = capacity as usize;
        let grown = self.free.try_reserve_exact(slots.saturating_sub(self.free.len())).is_ok()
            && self.policy.grow(slots)
            && (!self.expiry.in_use() || self.expiry.grow(slots))
            && (self.weights.is_empty() || grow(&mut self.weights, slots, 0));
        if !grown {
            return Err(Refused::OutOfMemory);
        }
        self.capacity = capacity;
        Ok(())
    }

    /// Whether the weights would be over the limit with `more` on top.
    #[inline]
    fn overweight(&self, more: u64) -> bool {
        self.total_weight > self.limits.max_weight - more
    }

    #[inline]
    fn set_weight(&mut self, slot: Slot, weight: u64) {
        if let Some(own) = self.weights.get_mut(slot as usize) {
            self.total_weight = self.total_weight - *own + weight;
            *own = weight;
        }
    }

    /// The entry to evict if there may be no more of them. One that turns out to be dead makes room as such.
    #[inline]
    fn live_victim(&mut self, now: Millis) -> Option<Slot> {
        while self.held() >= self.limits.max_entries {
            let slot = self.policy.victim(NONE)?;
            if self.expiry.end(slot) > now || !self.evict(NONE, now) {
                return Some(slot);
            }
        }
        None
    }

    /// Removes the policy's victim, but never `keep`: as evicted, or as expired if it is dead. False if there is none.
    #[inline(never)]
    fn evict(&mut self, keep: Slot, now: Millis) -> bool {
        let Some(slot) = self.policy.victim(keep) else { return false };
        let dead = self.expiry.end(slot) <= now;
        if !self.list(slot, if dead { RemovalReason::Expired } else { RemovalReason::Evicted }) {
            return false;
        }
        let removed = u64::from(self.release(slot));
        if dead {
            self.counters.expirations += removed;
        } else {
            self.counters.evictions += removed;
        }
        true
    }

    /// Lists a removal. False if there is no memory to list it in: then the entry has to stay.
    #[inline]
    fn list(&mut self, slot: Slot, reason: RemovalReason) -> bool {
        let room = self.removals.len() < self.removals.capacity() || self.removals.try_reserve(1).is_ok();
        if room {
            self.removals.push(Removal { slot, reason });
        }
        room
    }

    /// Frees a slot. False if it held no entry.
    #[inline(never)]
    fn release(&mut self, slot: Slot) -> bool {
        let held = self.vacate(slot);
        if held && self.free.len() < self.free.capacity() {
            self.free.push(slot);
        }
        held
    }

    /// Takes the entry out of a slot that is not yet free for others. False if it held none.
    #[inline]
    fn vacate(&mut self, slot: Slot) -> bool {
        let held = self.policy.remove(slot);
        if held {
            self.expiry.forget(slot);
            self.set_weight(slot, 0);
        }
        held
    }
}
