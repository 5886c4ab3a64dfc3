//! The table of keys and values, with its engine. A lock guards it.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hasher};

use compact_str::CompactString;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::ghosts::Ghosts;
use crate::engine::{Engine, Inserted, Limits, Millis, NEVER, Policy, Refused, RemovalReason, Slot};
use crate::glob::Glob;

/// The type in which a table stores its keys.
pub trait Key: Clone + Default + Borrow<Self::Ref> {
    /// The type of a key in a lookup.
    type Ref: PartialEq + ?Sized;
    /// Converts a key for storage.
    fn keep(key: &Self::Ref) -> Self;
}

impl Key for CompactString {
    type Ref = str;

    fn keep(key: &str) -> Self {
        Self::from(key)
    }
}

/// A removed entry, to be dropped or reported outside the lock.
pub struct Removed<T, K = CompactString> {
    /// Its key.
    pub key: K,
    /// Its value.
    pub value: T,
    /// Why it left.
    pub reason: RemovalReason,
}

/// The entries removed by one operation: nearly always none or one.
pub type Leavers<T, K = CompactString> = SmallVec<[Removed<T, K>; 1]>;

/// An entry in its slot.
pub struct Entry<T, K> {
    hash: u64,
    /// Its key.
    pub key: K,
    /// Its value.
    pub value: T,
}

/// A key with its hash, so that it is hashed once, and outside the lock.
pub struct Hashed<'a, Q: ?Sized = str> {
    /// The key.
    pub key: &'a Q,
    hash: u64,
}

impl<Q: ?Sized> Clone for Hashed<'_, Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q: ?Sized> Copy for Hashed<'_, Q> {}

impl<'a, Q: AsRef<[u8]> + ?Sized> Hashed<'a, Q> {
    /// Hashes a key.
    #[inline]
    pub fn new(key: &'a Q, state: &RandomState) -> Self {
        let mut hasher = state.build_hasher();
        hasher.write(key.as_ref());
        Self { key, hash: hasher.finish() }
    }
}

/// The result of a lookup that removes nothing.
pub enum Lookup<T> {
    /// The value and its slot.
    Hit(T, Slot),
    /// There is no entry.
    Miss,
    /// The entry is stale or expired. Nothing was counted.
    Due,
}

/// The entries, and the engine that tracks their order, deadlines and weights.
pub struct Table<T, K = CompactString> {
    pub(crate) engine: Engine,
    /// Whether a listener needs the keys of removed entries.
    watched: bool,
    index: HashTable<Slot>,
    /// By slot; at least as long as the slots in use.
    pub(crate) entries: Vec<Option<Entry<T, K>>>,
    ghosts: Ghosts,
    /// The ttls of entries whose ttl restarts on a hit, by slot; empty in other caches.
    ttls: Vec<Millis>,
}

impl<T, K: Key> Table<T, K> {
    /// An empty table.
    pub fn new(limits: Limits, policy: Policy, watched: bool) -> Self {
        Self {
            engine: Engine::new(limits, policy),
            watched,
            index: HashTable::new(),
            entries: Vec::new(),
            ghosts: Ghosts::default(),
            ttls: Vec::new(),
        }
    }

    /// The fresh entry under a key. An expired entry is removed.
    #[inline]
    pub fn find(&mut self, key: Hashed<'_, K::Ref>, now: Millis, leavers: &mut Leavers<T, K>) -> Option<Slot> {
        let slot = self.find_kept(key, now, leavers)?;
        self.is_fresh(slot, now).then_some(slot)
    }

    /// Whether the deadline of an entry is in the future.
    #[inline]
    pub fn is_fresh(&self, slot: Slot, now: Millis) -> bool {
        now < self.engine.next_due() || now < self.engine.deadline(slot)
    }

    /// The entry under a key, fresh or stale. An expired entry is removed.
    #[inline]
    pub fn find_kept(&mut self, key: Hashed<'_, K::Ref>, now: Millis, leavers: &mut Leavers<T, K>) -> Option<Slot> {
        let slot = self.locate(key)?;
        if now < self.engine.next_due() || now < self.engine.end(slot) {
            return Some(slot);
        }
        self.engine.expire(slot);
        self.take(slot, RemovalReason::Expired, leavers);
        None
    }

    /// Looks up and counts, unless the deadline of the entry has passed. The value is cloned first, so that a clone
    /// that panics changes nothing.
    // Inlined: a call would return the value through memory, which takes longer than the lookup.
    #[allow(clippy::inline_always)]
    #[inline(always)]
    pub fn lookup(&mut self, key: Hashed<'_, K::Ref>, now: Millis) -> Lookup<T>
    where
        T: Clone,
    {
        // The index compares keys in the entry itself, so the entry need not be looked up by slot again.
        let mut found = None;
        let entries = self.entries.as_slice();
        self.index.find(key.hash, |slot| match entries.get(*slot as usize) {
            Some(Some(entry)) if entry.key.borrow() == key.key => {
                found = Some((*slot, &entry.value));
                true
            }
            _ => false,
        });
        let Some((slot, value)) = found else {
            self.engine.miss();
            return Lookup::Miss;
        };
        if self.engine.next_due() <= now && self.engine.deadline(slot) <= now {
            return Lookup::Due;
        }
        let value = value.clone();
        self.engine.hit(slot);
        Lookup::Hit(value, slot)
    }

    /// The slot of a key, whether live or expired.
    #[inline]
    fn locate(&self, key: Hashed<'_, K::Ref>) -> Option<Slot> {
        let same = |slot: &Slot| {
            self.entry(*slot).is_some_and(|entry| entry.hash == key.hash && entry.key.borrow() == key.key)
        };
        self.index.find(key.hash, same).copied()
    }

    /// The entry in a slot.
    #[inline]
    pub fn entry(&self, slot: Slot) -> Option<&Entry<T, K>> {
        self.entries.get(slot as usize)?.as_ref()
    }

    /// The value in a slot.
    #[inline]
    pub fn value(&self, slot: Slot) -> Option<&T> {
        self.entry(slot).map(|entry| &entry.value)
    }

    /// Stores a value, for a new key or over an existing entry.
    ///
    /// # Errors
    /// [`Refused`], with the value, if it cannot be stored.
    pub fn set(
        &mut self,
        key: Hashed<'_, K::Ref>,
        value: T,
        weight: u64,
        deadline: Millis,
        now: Millis,
        leavers: &mut Leavers<T, K>,
    ) -> Result<(), (Refused, T)> {
        if let Some(slot) = self.find_kept(key, now, leavers) {
            if let Err(refused) = self.engine.update(slot, weight, deadline, now) {
                self.take_removals(leavers);
                return Err((refused, value));
            }
            if let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::as_mut) {
                let old = std::mem::replace(&mut entry.value, value);
                // The key is moved, because copying a long key would allocate.
                let key = if self.watched { entry.key.clone() } else { K::default() };
                leavers.push(Removed { key, value: old, reason: RemovalReason::Replaced });
            }
            // After the replaced value, because storing the new one caused these removals.
            self.take_removals(leavers);
            return Ok(());
        }
        let is_back = self.ghosts.take(key.hash);
        let inserted = self.engine.insert(weight, deadline, now, is_back);
        self.take_removals(leavers);
        let slot = match inserted {
            Ok(Inserted { slot, evicted, remember }) => {
                if remember {
                    self.remember(slot);
                }
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
            *place = Some(Entry { hash: key.hash, key: K::keep(key.key), value });
        }
        let hash_of = |slot: &Slot| match entries.get(*slot as usize) {
            Some(Some(entry)) => entry.hash,
            _ => 0,
        };
        self.index.insert_unique(key.hash, slot, hash_of);
        Ok(())
    }

    /// Removes the entry under a key. Returns whether it was fresh.
    pub fn delete(&mut self, key: Hashed<'_, K::Ref>, now: Millis, leavers: &mut Leavers<T, K>) -> bool {
        self.find_kept(key, now, leavers).is_some_and(|slot| self.remove(slot, now, leavers))
    }

    /// Removes an entry on behalf of the caller: as deleted if it is fresh, as expired if it is stale. Returns whether
    /// it was fresh.
    fn remove(&mut self, slot: Slot, now: Millis, leavers: &mut Leavers<T, K>) -> bool {
        let fresh = self.is_fresh(slot, now);
        let reason = if fresh {
            self.engine.delete(slot);
            RemovalReason::Deleted
        } else {
            self.engine.expire(slot);
            RemovalReason::Expired
        };
        self.take(slot, reason, leavers);
        fresh
    }

    /// Keeps the entry under a key, which was just set, when it becomes stale. If memory cannot be allocated for that,
    /// the entry leaves at its deadline.
    pub fn keep_stale(&mut self, key: Hashed<'_, K::Ref>, end: Millis) {
        if let Some(slot) = self.locate(key) {
            let _ = self.engine.keep_stale(slot, end);
        }
    }

    /// Records the ttl of the entry under a key, for [`restart_ttl`](Self::restart_ttl).
    pub(crate) fn keep_ttl(&mut self, key: Hashed<'_, K::Ref>, ttl: Millis) {
        let Some(slot) = self.locate(key) else { return };
        if self.ttls.len() <= slot as usize {
            self.ttls.resize(self.entries.len(), NEVER);
        }
        if let Some(own) = self.ttls.get_mut(slot as usize) {
            *own = ttl;
        }
    }

    /// Restarts the ttl of an entry.
    pub(crate) fn restart_ttl(&mut self, slot: Slot, now: Millis) {
        if let Some(&ttl) = self.ttls.get(slot as usize)
            && ttl < NEVER
        {
            // It cannot fail: the entry has a deadline already.
            let _ = self.set_deadline(slot, now + ttl);
        }
    }

    /// Sets a new deadline for an entry. The length of its window does not change.
    pub(crate) fn set_deadline(&mut self, slot: Slot, deadline: Millis) -> Result<(), Refused> {
        let old = self.engine.deadline(slot);
        let window = if old < NEVER { self.engine.end(slot) - old } else { 0.0 };
        self.engine.set_deadline(slot, deadline)?;
        if window > 0.0 && deadline < NEVER {
            self.engine.keep_stale(slot, deadline + window)?;
        }
        Ok(())
    }

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

    /// Takes out the entries that the engine has removed.
    #[inline]
    pub(crate) fn take_removals(&mut self, leavers: &mut Leavers<T, K>) {
        if self.engine.removals().is_empty() {
            return;
        }
        for at in 0..self.engine.removals().len() {
            if let Some(&removal) = self.engine.removals().get(at) {
                if removal.remember {
                    self.remember(removal.slot);
                }
                self.take(removal.slot, removal.reason, leavers);
            }
        }
        self.engine.clear_removals();
    }

    /// Remembers the key of the entry in a slot, which was evicted.
    fn remember(&mut self, slot: Slot) {
        if let Some(hash) = self.entry(slot).map(|entry| entry.hash) {
            self.ghosts.remember(hash, self.index.len());
        }
    }

    /// Read access to the engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Counts a hit, and marks the entry in a slot as used.
    pub fn hit(&mut self, slot: Slot) {
        self.engine.hit(slot);
    }

    /// Counts a miss.
    pub fn miss(&mut self) {
        self.engine.miss();
    }

    /// One more than the highest slot used since the table was last cleared.
    pub fn slots(&self) -> usize {
        self.entries.len()
    }

    /// Mutable access to the value in a slot. If its weight changes, call [`Table::update`] first.
    pub fn value_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.entries.get_mut(slot as usize)?.as_mut().map(|entry| &mut entry.value)
    }

    /// Sets the weight and the deadline of the entry in a slot. Entries that are removed for it are added to `leavers`.
    ///
    /// # Errors
    /// [`Refused`], if the entry cannot be stored with these; it is then unchanged.
    pub fn update(
        &mut self,
        slot: Slot,
        weight: u64,
        deadline: Millis,
        now: Millis,
        leavers: &mut Leavers<T, K>,
    ) -> Result<(), Refused> {
        let updated = self.engine.update(slot, weight, deadline, now);
        self.take_removals(leavers);
        updated
    }

    /// The slots of the fresh entries, from the most to the least recently used.
    pub fn slots_by_use(&mut self, now: Millis) -> Vec<Slot> {
        let mut slots = self.slots_in_use();
        slots.retain(|&slot| self.is_fresh(slot, now));
        slots
    }

    /// The slots of all entries, from the most to the least recently used.
    fn slots_in_use(&mut self) -> Vec<Slot> {
        let mut slots = Vec::with_capacity(self.index.len());
        self.engine.visit(|slot| slots.push(slot));
        slots.reverse();
        slots
    }

    /// Takes an entry that the engine has removed out of the index and the table.
    fn take(&mut self, slot: Slot, reason: RemovalReason, leavers: &mut Leavers<T, K>) {
        let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::take) else { return };
        if let Ok(indexed) = self.index.find_entry(entry.hash, |own| *own == slot) {
            indexed.remove();
        }
        leavers.push(Removed { key: entry.key, value: entry.value, reason });
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
