//! Operations on a whole table: its order, its limits, patterns, and moving its entries.

use hashbrown::HashTable;

use super::{Entry, Key, Leavers, Removed, Table};
use crate::engine::{Limits, Millis, RemovalReason, Slot};
use crate::glob::Glob;

impl<T, K: Key> Table<T, K> {
    /// Removes every entry and frees the memory.
    pub fn clear(&mut self, now: Millis, leavers: &mut Leavers<T, K>) {
        self.sweep(now, leavers);
        if self.engine.stale() > 0 {
            for slot in self.slots_in_use() {
                if !self.is_fresh(slot, now) {
                    self.remove(slot, now, leavers);
                }
            }
        }
        self.engine.clear();
        self.index = HashTable::new();
        self.ttls = Vec::new();
        self.ghosts.clear();
        let entries = std::mem::take(&mut self.entries).into_iter().flatten();
        leavers.extend(entries.map(|entry| Removed {
            key: entry.key,
            value: entry.value,
            reason: RemovalReason::Deleted,
        }));
    }

    /// Removes every expired entry, and returns how many.
    pub fn sweep(&mut self, now: Millis, leavers: &mut Leavers<T, K>) -> u32 {
        let swept = self.engine.sweep(now, u32::MAX);
        self.take_removals(leavers);
        swept
    }

    /// The slots of the fresh entries, from the most to the least recently used.
    pub fn slots_by_use(&mut self, now: Millis) -> Vec<Slot> {
        let mut slots = self.slots_in_use();
        slots.retain(|&slot| self.is_fresh(slot, now));
        slots
    }

    /// The slots of all entries, from the most to the least recently used.
    pub(super) fn slots_in_use(&mut self) -> Vec<Slot> {
        let mut slots = Vec::with_capacity(self.index.len());
        self.engine.visit(|slot| slots.push(slot));
        slots.reverse();
        slots
    }

    /// Removes expired entries, inspecting at most `budget` candidates. Returns how many.
    pub fn sweep_some(&mut self, now: Millis, budget: u32, leavers: &mut Leavers<T, K>) -> u32 {
        let swept = self.engine.sweep(now, budget);
        self.take_removals(leavers);
        swept
    }

    /// Removes the least recently used entry: as evicted or, if it has expired, as expired.
    pub(crate) fn evict_oldest(&mut self, now: Millis, leavers: &mut Leavers<T, K>) {
        self.engine.evict_oldest(now);
        self.take_removals(leavers);
    }

    /// Whether a listener needs the keys of removed entries.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Takes all entries out, from the least to the most recently used, each with its deadline and its end. The table
    /// is then empty, and holds no memory.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(Entry<T, K>, Millis, Millis)) {
        for slot in self.slots_in_use().into_iter().rev() {
            if let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::take) {
                each(entry, self.engine.deadline(slot), self.engine.end(slot));
            }
        }
        *self = Self::new(self.engine.limits(), crate::engine::Policy::default(), self.watched);
    }

    /// Stores an entry of another table that [`drain`](Self::drain) has taken out, as the most recently used. Returns
    /// false if memory cannot be allocated; the entry is then dropped.
    pub(crate) fn adopt(&mut self, entry: Entry<T, K>, deadline: Millis, end: Millis) -> bool {
        // At a time at which nothing has expired.
        let Ok(inserted) = self.engine.insert(0, deadline, Millis::NEG_INFINITY, false) else { return false };
        self.fill(inserted.slot, entry, &mut Leavers::new());
        if end > deadline {
            // If memory cannot be allocated for that, the entry leaves at its deadline.
            let _ = self.engine.keep_stale(inserted.slot, end);
        }
        true
    }
}

/// Methods of caches with string keys.
impl<T> Table<T> {
    /// Removes the entries whose key matches, and returns how many of them were fresh.
    pub fn clear_pattern(&mut self, glob: &Glob, now: Millis, leavers: &mut Leavers<T>) -> u64 {
        self.sweep(now, leavers);
        let mut cleared = 0;
        for slot in self.slots_in_use() {
            if self.entry(slot).is_some_and(|entry| glob.matches(&entry.key)) {
                cleared += u64::from(self.remove(slot, now, leavers));
            }
        }
        cleared
    }

    /// Sets new limits. Entries beyond them are removed.
    pub fn set_limits(&mut self, limits: Limits, now: Millis, leavers: &mut Leavers<T>) {
        self.engine.set_limits(limits, now);
        self.take_removals(leavers);
    }

    /// The keys of the fresh entries, from the most to the least recently used.
    pub fn keys(&mut self, now: Millis) -> Vec<&str> {
        let slots = self.slots_by_use(now);
        slots.into_iter().filter_map(|slot| self.entry(slot).map(|entry| entry.key.as_str())).collect()
    }
}
