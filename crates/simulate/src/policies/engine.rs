//! The policies of isocache, by its own engine.

use std::collections::VecDeque;

use isocache::engine::{Engine, Inserted, Limits, NEVER};

use super::NONE;
use crate::trace::Trace;

/// The keys evicted early, as the owner of an engine remembers them.
struct Ghosts {
    /// The number of each remembered key, or `NONE`.
    numbers: Vec<u32>,
    order: VecDeque<(u32, u32)>,
    next: u32,
    most: usize,
}

impl Ghosts {
    fn new(keys: u32, size: u32) -> Self {
        let most = usize::try_from(u64::from(size) * 9 / 10).unwrap_or(usize::MAX);
        Self { numbers: vec![NONE; keys as usize], order: VecDeque::new(), next: 0, most }
    }

    fn take(&mut self, key: u32) -> bool {
        std::mem::replace(&mut self.numbers[key as usize], NONE) != NONE
    }

    fn remember(&mut self, key: u32) {
        self.numbers[key as usize] = self.next;
        self.order.push_back((key, self.next));
        self.next = if self.next == NONE - 1 { 0 } else { self.next + 1 };
        while self.order.len() > self.most {
            let Some((key, number)) = self.order.pop_front() else { return };
            if self.numbers[key as usize] == number {
                self.numbers[key as usize] = NONE;
            }
        }
    }
}

pub(super) fn hits(policy: isocache::Policy, trace: &Trace, size: u32) -> u64 {
    let mut engine = Engine::new(Limits { max_entries: size, max_weight: u64::MAX }, policy);
    let remembers = policy != isocache::Policy::Lru;
    let mut ghosts = Ghosts::new(if remembers { trace.keys() } else { 0 }, size);
    let mut slots = vec![NONE; trace.keys() as usize];
    let mut held: Vec<u32> = Vec::new();
    let mut hits = 0;
    for &key in trace.requests() {
        let slot = slots[key as usize];
        if slot != NONE {
            engine.hit(slot);
            hits += 1;
            continue;
        }
        let is_back = remembers && ghosts.take(key);
        // The weight always fits. If memory runs out, the request is a miss that stores nothing.
        let Ok(Inserted { slot, evicted, remember }) = engine.insert(0, NEVER, 0.0, is_back) else { continue };
        if evicted {
            let old = held[slot as usize];
            slots[old as usize] = NONE;
            if remember {
                ghosts.remember(old);
            }
        }
        if held.len() <= slot as usize {
            held.resize(slot as usize + 1, NONE);
        }
        held[slot as usize] = key;
        slots[key as usize] = slot;
    }
    hits
}
