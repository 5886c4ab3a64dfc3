//! Compares the engine with a naive model: after every step, order, removals, counts, weights and deadlines are the same.
// Deadlines are kept as they came, and nothing is computed from them.
#![allow(clippy::float_cmp)]

use isocache::engine::{Counters, Engine, Limits, Millis, NEVER, Refused, Removal, RemovalReason, Slot};
use isocache::{Policy, engine};
use proptest::collection::vec;
use proptest::prelude::*;

/// A step. A `pick` chooses an entry by its order of use; if there are no entries, a slot that holds none.
#[derive(Clone, Debug)]
enum Op {
    Insert {
        weight: u64,
        ttl: Millis,
        is_back: bool,
    },
    Update {
        pick: usize,
        weight: u64,
        ttl: Millis,
    },
    Hit {
        pick: usize,
    },
    Miss,
    Delete {
        pick: usize,
    },
    Expire {
        pick: usize,
    },
    Sweep {
        budget: u32,
    },
    SetLimits {
        limits: Limits,
    },
    Clear,
    /// Compares the order of all entries. Not after every step, since that makes the engine sort them.
    Order,
    Advance {
        ms: u32,
    },
    /// Every call that takes a slot, with a slot that holds no entry.
    Vacant {
        slot: Slot,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    slot: Slot,
    weight: u64,
    deadline: Millis,
    /// Under S3-FIFO: whether it is in the main queue, and its uses since it joined the queue.
    is_main: bool,
    uses: u32,
}

struct Pair {
    engine: Engine,
    policy: Policy,
    /// Under LRU from the least to the most recently used; under S3-FIFO by when they joined their queues.
    order: Vec<Entry>,
    limits: Limits,
    counters: Counters,
    now: Millis,
    /// Whether there are few enough entries that a write removes all expired ones. A write visits 16 nodes of the expiry
    /// heap; an expired entry takes two visits.
    sweeps_all: bool,
}

/// The largest number of entries of which one write finds all expired ones.
const SWEPT_AT_ONCE: u32 = 8;

impl Pair {
    fn new(limits: Limits, policy: Policy) -> Self {
        Self {
            engine: Engine::new(limits, policy),
            policy,
            order: Vec::new(),
            limits,
            counters: Counters::default(),
            now: 1000.0,
            sweeps_all: limits.max_entries <= SWEPT_AT_ONCE,
        }
    }

    fn slot(&self, pick: usize) -> Slot {
        if self.order.is_empty() { 0 } else { self.order[pick % self.order.len()].slot }
    }

    fn position(&self, slot: Slot) -> Option<usize> {
        self.order.iter().position(|entry| entry.slot == slot)
    }

    fn weight(&self) -> u128 {
        self.order.iter().map(|entry| u128::from(entry.weight)).sum()
    }

    fn overweight(&self, more: u64) -> bool {
        self.weight() + u128::from(more) > u128::from(self.limits.max_weight)
    }

    fn touch(&mut self, slot: Slot) {
        if let Some(at) = self.position(slot) {
            if self.policy == Policy::Lru {
                self.order[at..].rotate_left(1);
            } else {
                self.order[at].uses = (self.order[at].uses + 1).min(3);
            }
        }
    }

    /// The position of the entry to evict, and whether its key is remembered.
    fn victim(&mut self, keep: Option<Slot>) -> (usize, bool) {
        if self.policy == Policy::Lru {
            return (self.order.iter().position(|entry| Some(entry.slot) != keep).unwrap(), false);
        }
        loop {
            let small = self.order.iter().filter(|entry| !entry.is_main).count();
            let from_small = small > 0 && small * 10 >= self.order.len();
            let at = self.order.iter().position(|entry| entry.is_main != from_small).unwrap();
            let entry = &mut self.order[at];
            if entry.uses == 0 && Some(entry.slot) != keep {
                return (at, from_small);
            }
            entry.uses = if from_small { 0 } else { entry.uses.saturating_sub(1) };
            entry.is_main = true;
            self.order[at..].rotate_left(1);
        }
    }

    /// Removes the expired entries that the engine has listed, which come first. All of them must have expired; with `all`,
    /// no other entry may have. `keep` has a new ttl.
    fn take_expired(&mut self, all: bool, keep: Option<Slot>) -> usize {
        let listed = self.engine.removals().iter().take_while(|removal| removal.reason == RemovalReason::Expired);
        let expired: Vec<_> = listed.map(|removal| removal.slot).collect();
        for &slot in &expired {
            let entry = self.order.remove(self.position(slot).expect("a listed slot holds an entry"));
            assert!(entry.deadline <= self.now && Some(slot) != keep, "{entry:?} is alive at {}", self.now);
            self.counters.expirations += 1;
        }
        if all {
            let dead = self.order.iter().find(|entry| entry.deadline <= self.now && Some(entry.slot) != keep);
            assert_eq!(dead, None, "at {}", self.now);
        }
        expired.len()
    }

    /// Evicts by the limits, the oldest first, and compares with the removals that the engine listed from `at` on.
    fn take_evicted(&mut self, at: usize, more: u64, keep: Option<Slot>) {
        let mut evicted = Vec::new();
        while self.order.len() > self.limits.max_entries as usize || self.overweight(more) {
            let (at, remember) = self.victim(keep);
            evicted.push(Removal { slot: self.order.remove(at).slot, reason: RemovalReason::Evicted, remember });
            self.counters.evictions += 1;
        }
        assert_eq!(self.engine.removals()[at..], evicted);
    }

    fn insert(&mut self, weight: u64, deadline: Millis, is_back: bool) {
        let inserted = self.engine.insert(weight, deadline, self.now, is_back);
        if weight > self.limits.max_weight {
            assert_eq!(inserted, Err(Refused::TooHeavy));
            assert_eq!(self.engine.removals(), []);
            return;
        }
        let inserted = inserted.unwrap();
        let expired = self.take_expired(self.sweeps_all, None);
        // A victim whose slot the new entry takes is told by the answer. If weights matter, all are listed, in their order.
        if self.order.len() == self.limits.max_entries as usize && !self.overweight(weight) {
            let (at, remember) = self.victim(None);
            assert!(inserted.evicted);
            assert_eq!((self.order.remove(at).slot, remember), (inserted.slot, inserted.remember));
            self.counters.evictions += 1;
        } else {
            assert!(!inserted.evicted);
        }
        self.take_evicted(expired, weight, None);
        assert_eq!(self.position(inserted.slot), None, "the slot is free");
        self.order.push(Entry { slot: inserted.slot, weight, deadline, is_main: is_back, uses: 0 });
        self.counters.sets += 1;
    }

    fn update(&mut self, slot: Slot, weight: u64, deadline: Millis) {
        let updated = self.engine.update(slot, weight, deadline, self.now);
        let Some(at) = self.position(slot).filter(|_| weight <= self.limits.max_weight) else {
            let refused = if weight > self.limits.max_weight { Refused::TooHeavy } else { Refused::Vacant };
            assert_eq!(updated, Err(refused));
            assert_eq!(self.engine.removals(), []);
            return;
        };
        assert_eq!(updated, Ok(()));
        (self.order[at].weight, self.order[at].deadline) = (weight, deadline);
        self.touch(slot);
        let expired = self.take_expired(self.sweeps_all, Some(slot));
        self.take_evicted(expired, 0, Some(slot));
        self.counters.sets += 1;
    }

    fn remove(&mut self, slot: Slot) -> u64 {
        let at = self.position(slot);
        at.map(|at| self.order.remove(at));
        u64::from(at.is_some())
    }

    fn vacant(&mut self, slot: Slot) {
        if self.position(slot).is_none() {
            self.engine.hit(slot);
            self.engine.delete(slot);
            self.engine.expire(slot);
            assert_eq!(self.engine.update(slot, 0, self.now, self.now), Err(Refused::Vacant));
            assert_eq!(self.engine.deadline(slot), NEVER);
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Insert { weight, ttl, is_back } => self.insert(weight, self.now + ttl, is_back),
            Op::Update { pick, weight, ttl } => self.update(self.slot(pick), weight, self.now + ttl),
            Op::Hit { pick } => {
                let slot = self.slot(pick);
                self.engine.hit(slot);
                self.counters.hits += u64::from(self.position(slot).is_some());
                self.touch(slot);
            }
            Op::Miss => {
                self.engine.miss();
                self.counters.misses += 1;
            }
            Op::Delete { pick } => {
                let slot = self.slot(pick);
                self.engine.delete(slot);
                self.counters.deletes += self.remove(slot);
            }
            Op::Expire { pick } => {
                let slot = self.slot(pick);
                self.engine.expire(slot);
                self.counters.expirations += self.remove(slot);
            }
            Op::Sweep { budget } => {
                let swept = self.engine.sweep(self.now, budget);
                assert!(swept <= budget);
                assert_eq!(self.take_expired(budget == u32::MAX, None), swept as usize);
                self.take_evicted(swept as usize, 0, None);
            }
            Op::SetLimits { limits } => {
                self.engine.set_limits(limits, self.now);
                self.limits = limits;
                let expired = self.take_expired(true, None);
                self.take_evicted(expired, 0, None);
                // The heap may still hold nodes of slots beyond the new limit.
                self.sweeps_all &= limits.max_entries <= SWEPT_AT_ONCE;
            }
            Op::Clear => {
                self.engine.clear();
                self.counters.deletes += self.order.len() as u64;
                self.order.clear();
                assert!(!self.engine.uses_deadlines());
            }
            Op::Order => self.compare_order(),
            Op::Advance { ms } => self.now += Millis::from(ms),
            Op::Vacant { slot } => self.vacant(slot),
        }
        self.engine.clear_removals();
    }

    fn compare_order(&mut self) {
        let mut order = Vec::new();
        self.engine.visit(|slot| order.push(slot));
        let is_lru = self.policy == Policy::Lru;
        let (small, main): (Vec<&Entry>, Vec<_>) = self.order.iter().partition(|entry| is_lru || !entry.is_main);
        assert_eq!(order, small.iter().chain(&main).map(|entry| entry.slot).collect::<Vec<_>>());
    }

    fn compare(&self) {
        let engine = &self.engine;
        for entry in &self.order {
            // What is not a number counts as never.
            assert_eq!(engine.deadline(entry.slot), NEVER.min(entry.deadline));
            assert!(engine.next_due() <= NEVER.min(entry.deadline));
        }
        let mortal = self.order.iter().any(|entry| entry.deadline < NEVER);
        assert!(engine.uses_deadlines() || !mortal);
        assert_eq!(engine.len() as usize, self.order.len());
        assert_eq!(engine.is_empty(), self.order.is_empty());
        assert!(engine.len() <= engine.capacity());
        assert_eq!(u128::from(engine.weight()), self.weight());
        assert_eq!(engine.counters(), self.counters);
        assert_eq!(engine.limits(), self.limits);
    }
}

fn run(limits: Limits, ops: &[Op]) {
    for policy in [Policy::Lru, Policy::S3Fifo] {
        let mut pair = Pair::new(limits, policy);
        pair.compare();
        for op in ops {
            pair.apply(op);
            pair.compare();
        }
        pair.compare_order();
    }
}

/// A ttl in milliseconds; some have passed before they begin.
fn ttl() -> impl Strategy<Value = Millis> {
    prop_oneof![
        3 => Just(NEVER),
        6 => (0u8..60).prop_map(Millis::from),
        1 => (-5i8..=0).prop_map(Millis::from),
        1 => Just(Millis::NAN),
    ]
}

fn limits(entries: std::ops::RangeInclusive<u32>) -> impl Strategy<Value = Limits> {
    let max_weight = prop_oneof![2 => Just(u64::MAX), 3 => 1u64..40];
    (entries, max_weight).prop_map(|(max_entries, max_weight)| Limits { max_entries, max_weight })
}

fn op(entries: std::ops::RangeInclusive<u32>, weight: BoxedStrategy<u64>) -> impl Strategy<Value = Op> {
    let pick = any::<usize>;
    prop_oneof![
        72 => (weight.clone(), ttl(), any::<bool>()).prop_map(|(weight, ttl, is_back)| Op::Insert { weight, ttl, is_back }),
        48 => (pick(), weight, ttl()).prop_map(|(pick, weight, ttl)| Op::Update { pick, weight, ttl }),
        48 => pick().prop_map(|pick| Op::Hit { pick }),
        6 => Just(Op::Miss),
        18 => pick().prop_map(|pick| Op::Delete { pick }),
        12 => pick().prop_map(|pick| Op::Expire { pick }),
        6 => prop_oneof![0u32..20, Just(u32::MAX)].prop_map(|budget| Op::Sweep { budget }),
        6 => limits(entries).prop_map(|limits| Op::SetLimits { limits }),
        1 => Just(Op::Clear),
        12 => Just(Op::Order),
        36 => (0u32..30).prop_map(|ms| Op::Advance { ms }),
        6 => prop_oneof![0u32..50, Just(engine::MAX_SLOTS), Just(u32::MAX), any::<u32>()].prop_map(|slot| Op::Vacant { slot }),
    ]
}

fn light() -> BoxedStrategy<u64> {
    prop_oneof![2 => Just(0), 5 => 1u64..12, 1 => 0u64..60].boxed()
}

/// Weights of which any two exceed 64 bits.
fn colossal() -> BoxedStrategy<u64> {
    prop_oneof![Just(u64::MAX), (u64::MAX - 5)..=u64::MAX, (u64::MAX / 2 - 3)..=(u64::MAX / 2 + 3), 0u64..3].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 500 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn few_entries(start in limits(1..=SWEPT_AT_ONCE), ops in vec(op(1..=SWEPT_AT_ONCE, light()), 1..if cfg!(miri) { 40 } else { 120 })) {
        run(start, &ops);
    }

    #[test]
    fn many_entries(start in limits(1..=60), ops in vec(op(1..=60, light()), 1..if cfg!(miri) { 60 } else { 400 })) {
        run(start, &ops);
    }

    #[test]
    fn weights_at_the_end_of_their_range(start in limits(1..=SWEPT_AT_ONCE), ops in vec(op(1..=SWEPT_AT_ONCE, colossal()), 1..40)) {
        run(start, &ops);
    }
}

#[test]
fn limits_out_of_range_count_as_the_nearest() {
    let engine = Engine::new(Limits { max_entries: 0, max_weight: 0 }, Policy::Lru);
    assert_eq!(engine.limits(), Limits { max_entries: 1, max_weight: 1 });
    let mut engine = Engine::new(Limits { max_entries: u32::MAX, max_weight: 5 }, Policy::Lru);
    assert_eq!(engine.limits().max_entries, engine::MAX_SLOTS);
    engine.set_limits(Limits { max_entries: 0, max_weight: 0 }, 0.0);
    assert_eq!(engine.limits(), Limits { max_entries: 1, max_weight: 1 });
}
