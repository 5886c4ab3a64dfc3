//! The engine: slots, limits and removals.

use super::expiry::Expiry;
use super::policy::{AnyPolicy, Policy, PolicyKind};
use super::terms::{Inserted, Limits, Refused, Removal, RemovalReason};
use super::{Counters, Millis, NEVER, NONE, Slot, grow};

/// The most expiry nodes that one write inspects, so that no write pays for many entries that expire at once.
const SWEEP_BUDGET: u32 = 16;
/// The initial capacity of the tables.
const FIRST_SLOTS: u32 = 16;

/// The bookkeeping of a bounded cache. See the [module](super) for its contract.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    policy: AnyPolicy,
    expiry: Expiry,
    /// The weight of each slot; empty until an entry has a weight.
    weights: Vec<u64>,
    /// Free slots below `used`. Its capacity equals that of the tables.
    free: Vec<Slot>,
    /// Slots from here on have never held an entry.
    used: u32,
    /// The capacity of the tables, in slots.
    capacity: u32,
    total_weight: u64,
    counters: Counters,
    removals: Vec<Removal>,
}

impl Engine {
    /// Creates an empty engine. It allocates nothing until the first entry.
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

    /// Inserts a new entry. If room is needed, expired entries are removed first, and then the policy's victims. If
    /// evicting one victim is enough, the new entry takes its slot.
    ///
    /// At most 16 expiry candidates are inspected, so that no write pays for many entries that expire at once or have
    /// new deadlines. With more such candidates, an expired entry may stay while a live one is evicted.
    ///
    /// # Errors
    /// [`Refused`]; other entries may have been removed, as listed.
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

    /// Sets the weight and deadline of a new value for the live entry in `slot`, and makes it the most recently used.
    /// Other entries are evicted only if the new weight requires it.
    ///
    /// # Errors
    /// [`Refused`]; nothing was changed.
    #[inline]
    pub fn update(&mut self, slot: Slot, weight: u64, deadline: Millis, now: Millis) -> Result<(), Refused> {
        self.admit(weight, deadline)?;
        if !self.policy.touch(slot) {
            return Err(Refused::Vacant);
        }
        // The sweep must not remove an entry that is about to get a new deadline.
        self.expiry.forget(slot);
        self.sweep(now, SWEEP_BUDGET);
        self.expiry.set(slot, deadline);
        self.set_weight(slot, 0);
        while self.overweight(weight) && self.evict(slot, now) {}
        self.set_weight(slot, weight);
        self.counters.sets += 1;
        Ok(())
    }

    /// Sets a new deadline for the live entry in `slot`. It counts neither as a write nor as a use.
    ///
    /// # Errors
    /// [`Refused`]; nothing was changed.
    pub fn set_deadline(&mut self, slot: Slot, deadline: Millis) -> Result<(), Refused> {
        self.admit(0, deadline)?;
        self.expiry.set(slot, deadline);
        Ok(())
    }

    /// Keeps the entry in `slot`, whose deadline was just set, until `end`: after its deadline it is stale. Then
    /// [`len`](Self::len) does not count it, and only lookups that call [`end`](Self::end) see it. The next write to
    /// the slot resets this.
    ///
    /// # Errors
    /// [`Refused::OutOfMemory`], or [`Refused::Vacant`] for a slot without a deadline; an existing deadline stays in
    /// effect.
    pub fn keep_stale(&mut self, slot: Slot, end: Millis) -> Result<(), Refused> {
        if self.expiry.deadline(slot) == NEVER {
            return Err(Refused::Vacant);
        }
        if self.expiry.keep(slot, end) { Ok(()) } else { Err(Refused::OutOfMemory) }
    }

    /// Records a hit on the live entry in `slot`.
    #[inline]
    pub fn hit(&mut self, slot: Slot) {
        self.counters.hits += u64::from(self.policy.touch(slot));
    }

    /// Makes the entry in `slot` the most recently used, without counting a lookup.
    pub fn touch(&mut self, slot: Slot) {
        self.policy.touch(slot);
    }

    /// Records a miss.
    #[inline]
    pub fn miss(&mut self) {
        self.counters.misses += 1;
    }

    /// The time at which the entry in `slot` is no longer fresh, or [`NEVER`]. From then on only lookups that tolerate
    /// stale entries see it.
    #[inline]
    #[must_use]
    pub fn deadline(&self, slot: Slot) -> Millis {
        self.expiry.deadline(slot)
    }

    /// The time at which the entry in `slot` is removed, or [`NEVER`]: its deadline, or later if it is kept when stale.
    #[inline]
    #[must_use]
    pub fn end(&self, slot: Slot) -> Millis {
        self.expiry.end(slot)
    }

    /// A time before which every entry is fresh: until then, lookups need not check deadlines. It is in the past while
    /// there are stale entries.
    #[inline]
    #[must_use]
    pub fn next_due(&self) -> Millis {
        self.expiry.next_due()
    }

    /// Whether an entry has had a deadline since the engine was last empty. If not, no time is needed.
    #[must_use]
    pub fn uses_deadlines(&self) -> bool {
        self.expiry.in_use()
    }

    /// Removes the entry in `slot` on behalf of the owner. It is not listed in the removals.
    pub fn delete(&mut self, slot: Slot) {
        self.counters.deletes += u64::from(self.release(slot));
    }

    /// Removes the entry in `slot`, which the owner found to be past its deadline. It is not listed in the removals.
    pub fn expire(&mut self, slot: Slot) {
        self.counters.expirations += u64::from(self.release(slot));
    }

    /// Removes entries whose end has passed, inspecting at most `budget` nodes of the expiry heap. Returns how many it
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

    /// Sets new limits. Entries beyond them are removed at once, expired entries first.
    pub fn set_limits(&mut self, limits: Limits, now: Millis) {
        self.limits = limits.clamped();
        self.sweep(now, u32::MAX);
        while (self.held() > self.limits.max_entries || self.overweight(0)) && self.evict(NONE, now) {}
    }

    /// Removes every entry, as deleted, and frees the memory. None is listed in the removals.
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

    /// The entries that the engine has removed since the list was last cleared.
    #[must_use]
    pub fn removals(&self) -> &[Removal] {
        &self.removals
    }

    /// Clears the list of removals.
    #[inline]
    pub fn clear_removals(&mut self) {
        self.removals.clear();
    }

    /// The number of entries that are not stale. Exact after a [`sweep`](Self::sweep) without a budget; before, it
    /// includes entries that have expired or become stale since the last sweep.
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

    /// The number of occupied slots: fresh, stale and expired entries.
    #[inline]
    fn held(&self) -> u32 {
        // The free list contains distinct slots below `used`.
        #[allow(clippy::cast_possible_truncation)]
        let free = self.free.len() as u32;
        self.used - free
    }

    /// Whether [`len`](Self::len) is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The capacity of the tables, in slots.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// The total weight of all stored entries, including stale ones.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.total_weight
    }

    /// The current limits.
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

    /// Checks a write before anything is changed for it, and allocates the tables that it is the first to need.
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

    /// Doubles the capacity, up to the limit on entries.
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

    /// Whether adding `more` would exceed the limit on weight.
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

    /// Returns the victim if no further entry may be added. An expired victim is removed as expired instead.
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

    /// Removes the policy's victim, excluding `keep`: as evicted, or as expired if it has expired. Returns false if
    /// there is none.
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

    /// Lists a removal. Returns false if memory cannot be allocated for the list; the entry then has to stay.
    #[inline]
    fn list(&mut self, slot: Slot, reason: RemovalReason) -> bool {
        let room = self.removals.len() < self.removals.capacity() || self.removals.try_reserve(1).is_ok();
        if room {
            self.removals.push(Removal { slot, reason });
        }
        room
    }

    /// Frees a slot. Returns false if it was not occupied.
    #[inline(never)]
    fn release(&mut self, slot: Slot) -> bool {
        let held = self.vacate(slot);
        if held && self.free.len() < self.free.capacity() {
            self.free.push(slot);
        }
        held
    }

    /// Takes the entry out of a slot without making the slot available. Returns false if the slot was not occupied.
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
