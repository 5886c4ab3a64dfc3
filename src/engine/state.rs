//! The engine: slots, limits and removals.

use super::counters::add;
use super::expiry::Expiry;
use super::policy::{AnyPolicy, Eviction, Policy, Victim};
use super::terms::{Inserted, Limits, Refused, Removal, RemovalReason};
use super::{Counters, Millis, NEVER, NONE, Slot, Tables};

/// The maximum number of expiry nodes that one write inspects, so that no write pays for many entries that expire at
/// once.
const SWEEP_BUDGET: u32 = 16;

/// The bookkeeping of a bounded cache. See the [module](super) for its contract.
#[derive(Debug)]
pub struct Engine {
    pub(super) limits: Limits,
    pub(super) policy: AnyPolicy,
    pub(super) expiry: Expiry,
    /// The weight of each slot; empty until an entry has a weight.
    pub(super) weights: Vec<u64>,
    /// Free slots below `used`.
    pub(super) free: Vec<Slot>,
    /// Slots from here on have never held an entry.
    pub(super) used: u32,
    /// The number of occupied slots: fresh, stale and expired entries.
    pub(super) held: u32,
    /// The capacity of the tables, in slots.
    pub(super) capacity: u32,
    pub(super) total_weight: u64,
    /// The hits are the uses that were neither writes nor touches. Its own `hits` are those from before the engine was
    /// last cleared, and the writes until then.
    pub(super) counters: Counters,
    /// The uses that were not lookups.
    pub(super) touches: u64,
    pub(super) removals: Vec<Removal>,
}

impl Engine {
    /// Creates an empty engine. It allocates nothing until the first entry.
    #[must_use]
    pub fn new(limits: Limits, policy: Policy) -> Self {
        Self {
            limits: limits.clamped(),
            policy: AnyPolicy::new(policy),
            expiry: Expiry::default(),
            weights: Vec::new(),
            free: Vec::new(),
            used: 0,
            held: 0,
            capacity: 0,
            total_weight: 0,
            counters: Counters::default(),
            touches: 0,
            removals: Vec::new(),
        }
    }

    /// Inserts a new entry; `is_back` if the owner remembers its key, as [`Inserted::remember`] requested. If room is
    /// needed, expired entries are removed first, and then the policy's victims. If only the limit on entries is reached,
    /// the new entry takes the slot of its victim.
    ///
    /// At most 16 expiry candidates are inspected, so that no write pays for many entries that expire at once or have
    /// new deadlines. With more such candidates, an expired entry may stay while a live one is evicted.
    ///
    /// # Errors
    /// [`Refused`]; other entries may have been removed, as listed.
    pub fn insert(&mut self, weight: u64, deadline: Millis, now: Millis, is_back: bool) -> Result<Inserted, Refused> {
        self.admit(weight, deadline)?;
        self.sweep(now, SWEEP_BUDGET);
        let victim = self.live_victim(weight, now);
        let slot = if let Some(Victim { slot, .. }) = victim { slot } else { self.free_slot()? };
        add(&mut self.counters.evictions, victim.is_some().into());
        let is_replaced = victim.is_some() && self.weights.is_empty() && self.policy.replace(slot);
        if !is_replaced {
            if victim.is_some() {
                self.vacate(slot);
            }
            while self.overweight(weight) && self.evict(NONE, now) {}
            self.set_weight(slot, weight);
            self.policy.insert(slot, is_back);
            self.held += 1;
        }
        self.expiry.set(slot, deadline);
        add(&mut self.counters.sets, 1);
        let remember = victim.is_some_and(|victim| victim.remember);
        Ok(Inserted { slot, evicted: victim.is_some(), remember })
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
        if self.expiry.in_use() {
            // The sweep must not remove an entry that is about to get a new deadline.
            self.expiry.forget(slot);
            self.sweep(now, SWEEP_BUDGET);
            self.expiry.set(slot, deadline);
        }
        if !self.weights.is_empty() {
            self.set_weight(slot, 0);
            while self.overweight(weight) && self.evict(slot, now) {}
            self.set_weight(slot, weight);
        }
        add(&mut self.counters.sets, 1);
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
        self.policy.touch(slot);
    }

    /// Makes the entry in `slot` the most recently used, without counting a lookup.
    pub fn touch(&mut self, slot: Slot) {
        add(&mut self.touches, self.policy.touch(slot).into());
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
        let removed = self.release(slot);
        add(&mut self.counters.deletes, removed.into());
    }

    /// Removes the entry in `slot`, which the owner found to be past its deadline. It is not listed in the removals.
    pub fn expire(&mut self, slot: Slot) {
        let removed = self.release(slot);
        add(&mut self.counters.expirations, removed.into());
    }

    /// Removes entries whose end has passed, inspecting at most `budget` nodes of the expiry heap. Returns the number
    /// of removed entries.
    #[inline]
    pub fn sweep(&mut self, now: Millis, budget: u32) -> u32 {
        if self.expiry.first_due() <= now { self.sweep_due(now, budget) } else { 0 }
    }

    #[inline(never)]
    fn sweep_due(&mut self, now: Millis, mut budget: u32) -> u32 {
        let mut swept = 0;
        while let Some(slot) = self.expiry.next_dead(now, &mut budget) {
            if !self.list(Removal { slot, reason: RemovalReason::Expired, remember: false }) {
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
        while (self.held > self.limits.max_entries || self.overweight(0)) && self.evict(NONE, now) {}
    }

    /// Removes every entry, as deleted, and frees the memory. None is listed in the removals.
    pub fn clear(&mut self) {
        let mut counters = self.counters();
        counters.hits += counters.sets;
        add(&mut counters.deletes, self.len());
        add(&mut counters.expirations, self.expiry.stale());
        let policy = self.policy.policy();
        *self = Self { counters, ..Self::new(self.limits, policy) };
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
        self.held - self.expiry.stale()
    }

    /// The number of stale entries, exact after a [`sweep`](Self::sweep) without a budget.
    #[must_use]
    pub fn stale(&self) -> u32 {
        self.expiry.stale()
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
        let Counters { hits, sets, .. } = self.counters;
        Counters { hits: hits + self.policy.uses() - sets - self.touches, ..self.counters }
    }

    /// Calls `visit` with every occupied slot, from the least to the most recently used.
    pub fn visit(&mut self, visit: impl FnMut(Slot)) {
        self.policy.visit(visit);
    }

    /// The tables that the owner may use without a call. See [`Tables`].
    #[must_use]
    pub fn tables(&self) -> Tables<'_> {
        Tables { deadlines: self.expiry.deadlines(), ends: self.expiry.ends(), ..self.policy.tables() }
    }

    /// Continues after the owner has used the [`tables`](Self::tables): `tick` is the latest stamp, and `next` the head of
    /// the queue.
    pub fn resume(&mut self, tick: u32, next: u32) {
        self.policy.resume(tick, next);
    }

    /// Makes the next queue, for an owner that has used up the one in the [`tables`](Self::tables), and restarts the
    /// stamps if the last one has been given.
    pub fn refill(&mut self) {
        self.policy.refill();
    }
}
