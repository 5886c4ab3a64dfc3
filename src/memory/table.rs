//! Keys and values beside an engine: what is behind the lock.

use std::hash::{BuildHasher, Hasher};

use compact_str::CompactString;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::engine::{Engine, Inserted, Limits, Millis, PolicyKind, Refused, RemovalReason, Slot};
use crate::glob::Glob;

/// An entry that has left, to be dropped or reported outside the lock.
pub(super) struct Removed<T> {
    pub(super) key: CompactString,
    pub(super) value: T,
    pub(super) reason: RemovalReason,
}

/// What left in one operation: nearly always none or one.
pub(super) type Leavers<T> = SmallVec<[Removed<T>; 1]>;

struct Entry<T> {
    hash: u64,
    key: CompactString,
    value: T,
}

/// A key with its hash, so that it is hashed once, and outside the lock.
#[derive(Clone, Copy)]
pub(super) struct Hashed<'a> {
    pub(super) key: &'a str,
    hash: u64,
}

impl<'a> Hashed<'a> {
    #[inline]
    pub(super) fn new(key: &'a str, state: &RandomState) -> Self {
        let mut hasher = state.build_hasher();
        hasher.write(key.as_bytes());
        Self { key, hash: hasher.finish() }
    }
}

/// The answer of a lookup that removes nothing.
pub(super) enum Lookup<T> {
    /// The value and its slot.
    Hit(T, Slot),
    Miss,
    /// The entry may be dead. Nothing was counted.
    Due,
}

pub(super) struct Table<T> {
    pub(super) engine: Engine,
    /// Whether somebody wants to know the keys of what leaves.
    watched: bool,
    index: HashTable<Slot>,
    /// By slot; never shorter than the slots in use.
    entries: Vec<Option<Entry<T>>>,
}

impl<T> Table<T> {
    pub(super) fn new(limits: Limits, policy: PolicyKind, watched: bool) -> Self {
        Self { engine: Engine::new(limits, policy), watched, index: HashTable::new(), entries: Vec::new() }
    }

    /// The live entry under a key. A dead one is taken out on the way.
    #[inline]
    pub(super) fn find(&mut self, key: Hashed<'_>, now: Millis, leavers: &mut Leavers<T>) -> Option<Slot> {
        let slot = self.locate(key)?;
        if now < self.engine.next_due() || now < self.engine.deadline(slot) {
            return Some(slot);
        }
        self.engine.expire(slot);
        self.take(slot, RemovalReason::Expired, leavers);
        None
    }

    /// Looks up and counts, where nothing can have expired. The value is cloned first, so that a clone that panics changes
    /// nothing.
    // A call of its own would hand the value over in memory, which takes longer than the lookup.
    #[allow(clippy::inline_always)]
    #[inline(always)]
    pub(super) fn lookup(&mut self, key: Hashed<'_>, now: Millis) -> Lookup<T>
    where
        T: Clone,
    {
        // The entry is found by looking at it: so it is not looked up by its slot again.
        let mut found = None;
        let entries = self.entries.as_slice();
        self.index.find(key.hash, |slot| match entries.get(*slot as usize) {
            Some(Some(entry)) if entry.key == key.key => {
                found = Some((*slot, &entry.value));
                true
            }
            _ => false,
        });
        let Some((slot, value)) = found else {
            self.engine.miss();
            return Lookup::Miss;
        };
        if self.engine.next_due() <= now {
            return Lookup::Due;
        }
        let value = value.clone();
        self.engine.hit(slot);
        Lookup::Hit(value, slot)
    }

    /// The slot of a key, dead or alive.
    #[inline]
    fn locate(&self, key: Hashed<'_>) -> Option<Slot> {
        let same = |slot: &Slot| self.entry(*slot).is_some_and(|entry| entry.hash == key.hash && entry.key == key.key);
        self.index.find(key.hash, same).copied()
    }

    #[inline]
    fn entry(&self, slot: Slot) -> Option<&Entry<T>> {
        self.entries.get(slot as usize)?.as_ref()
    }

    #[inline]
    pub(super) fn value(&self, slot: Slot) -> Option<&T> {
        self.entry(slot).map(|entry| &entry.value)
    }

    /// Stores a value, new or over an old one. A refused value is handed back.
    pub(super) fn set(
        &mut self,
        key: Hashed<'_>,
        value: T,
        weight: u64,
        deadline: Millis,
        now: Millis,
        leavers: &mut Leavers<T>,
    ) -> Result<(), (Refused, T)> {
        if let Some(slot) = self.find(key, now, leavers) {
            let updated = self.engine.update(slot, weight, deadline, now);
            self.take_removals(leavers);
            if let Err(refused) = updated {
                return Err((refused, value));
            }
            if let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::as_mut) {
                let old = std::mem::replace(&mut entry.value, value);
                // The key stays here, and a long one costs an allocation to copy.
                let key = if self.watched { entry.key.clone() } else { CompactString::default() };
                leavers.push(Removed { key, value: old, reason: RemovalReason::Replaced });
            }
            return Ok(());
        }
        let inserted = self.engine.insert(weight, deadline, now);
        self.take_removals(leavers);
        let slot = match inserted {
            Ok(Inserted { slot, evicted }) => {
                if evicted {
                    self.take(slot, RemovalReason::Evicted, leavers);
                }
                slot
            }
            Err(refused) => return Err((refused, value)),
        };
        if self.entries.len() <= slot as usize {
            self.entries.resize_with(self.engine.capacity() as usize, || None);
        }
        let entries = &mut self.entries;
        if let Some(place) = entries.get_mut(slot as usize) {
            *place = Some(Entry { hash: key.hash, key: CompactString::from(key.key), value });
        }
        let hash_of = |slot: &Slot| match entries.get(*slot as usize) {
            Some(Some(entry)) => entry.hash,
            _ => 0,
        };
        self.index.insert_unique(key.hash, slot, hash_of);
        Ok(())
    }

    /// Removes the live entry under a key; true if there was one.
    pub(super) fn delete(&mut self, key: Hashed<'_>, now: Millis, leavers: &mut Leavers<T>) -> bool {
        let Some(slot) = self.find(key, now, leavers) else { return false };
        self.engine.delete(slot);
        self.take(slot, RemovalReason::Deleted, leavers);
        true
    }

    /// Removes the live entries whose key matches, and returns how many there were.
    pub(super) fn clear_pattern(&mut self, glob: &Glob, now: Millis, leavers: &mut Leavers<T>) -> u64 {
        self.sweep(now, leavers);
        let mut cleared = 0;
        let mut next = self.engine.newest();
        while let Some(slot) = next {
            next = self.engine.older(slot);
            if self.entry(slot).is_some_and(|entry| glob.matches(&entry.key)) {
                self.engine.delete(slot);
                self.take(slot, RemovalReason::Deleted, leavers);
                cleared += 1;
            }
        }
        cleared
    }

    /// Removes every entry and gives the memory back.
    pub(super) fn clear(&mut self, now: Millis, leavers: &mut Leavers<T>) {
        self.sweep(now, leavers);
        self.engine.clear();
        self.index = HashTable::new();
        let entries = std::mem::take(&mut self.entries).into_iter().flatten();
        leavers.extend(entries.map(|entry| Removed {
            key: entry.key,
            value: entry.value,
            reason: RemovalReason::Deleted,
        }));
    }

    /// Removes every entry that has expired, and returns how many.
    pub(super) fn sweep(&mut self, now: Millis, leavers: &mut Leavers<T>) -> u32 {
        let swept = self.engine.sweep(now, u32::MAX);
        self.take_removals(leavers);
        swept
    }

    /// Sets new limits; what is over them leaves.
    pub(super) fn set_limits(&mut self, limits: Limits, now: Millis, leavers: &mut Leavers<T>) {
        self.engine.set_limits(limits, now);
        self.take_removals(leavers);
    }

    /// The keys from the most to the least recently used.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let slots = std::iter::successors(self.engine.newest(), |&slot| self.engine.older(slot));
        slots.filter_map(|slot| self.entry(slot).map(|entry| entry.key.as_str()))
    }

    /// Takes out what the engine has removed.
    #[inline]
    fn take_removals(&mut self, leavers: &mut Leavers<T>) {
        if self.engine.removals().is_empty() {
            return;
        }
        for at in 0..self.engine.removals().len() {
            if let Some(&removal) = self.engine.removals().get(at) {
                self.take(removal.slot, removal.reason, leavers);
            }
        }
        self.engine.clear_removals();
    }

    /// Takes an entry that the engine has let go out of the index and the table.
    fn take(&mut self, slot: Slot, reason: RemovalReason, leavers: &mut Leavers<T>) {
        let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::take) else { return };
        if let Ok(indexed) = self.index.find_entry(entry.hash, |own| *own == slot) {
            indexed.remove();
        }
        leavers.push(Removed { key: entry.key, value: entry.value, reason });
    }
}
