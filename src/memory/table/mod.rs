//! The table of keys and values, with its engine. A lock guards it. This file has the lookups.

mod whole;
mod write;

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hasher};

use compact_str::CompactString;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::ghosts::Ghosts;
use crate::engine::{Engine, Limits, Millis, Policy, RemovalReason, Slot};

/// The type in which a table stores its keys.
pub trait Key: Clone + Default + Borrow<Self::Ref> {
    /// The type of a key in a lookup.
    type Ref: PartialEq + ?Sized;
    /// Converts a key for storage.
    fn keep(key: &Self::Ref) -> Self;
}

impl Key for CompactString {
    type Ref = str;

    #[inline]
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

impl<T, K> Entry<T, K> {
    /// The hash of its key.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
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

impl<Q: ?Sized> Hashed<'_, Q> {
    /// The hash.
    #[inline]
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
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
        self.remove_expired(slot, leavers);
        None
    }

    #[cold]
    #[inline(never)]
    fn remove_expired(&mut self, slot: Slot, leavers: &mut Leavers<T, K>) {
        self.engine.expire(slot);
        self.take(slot, RemovalReason::Expired, leavers);
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
        let found = self.look(key, now);
        match &found {
            Lookup::Hit(_, slot) => self.engine.hit(*slot),
            Lookup::Miss => self.engine.miss(),
            Lookup::Due => {}
        }
        found
    }

    /// As [`lookup`](Self::lookup), without counting.
    #[allow(clippy::inline_always)]
    #[inline(always)]
    pub(crate) fn look(&self, key: Hashed<'_, K::Ref>, now: Millis) -> Lookup<T>
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
        let Some((slot, value)) = found else { return Lookup::Miss };
        if self.engine.next_due() <= now && self.engine.deadline(slot) <= now {
            return Lookup::Due;
        }
        Lookup::Hit(value.clone(), slot)
    }

    /// The slot of a key, whether live or expired.
    // Inlined: a call costs as much as half a lookup.
    #[allow(clippy::inline_always)]
    #[inline(always)]
    fn locate(&self, key: Hashed<'_, K::Ref>) -> Option<Slot> {
        let entries = self.entries.as_slice();
        let same =
            |slot: &Slot| matches!(entries.get(*slot as usize), Some(Some(entry)) if entry.key.borrow() == key.key);
        self.index.find(key.hash, same).copied()
    }

    /// Whether there is an entry under a key, live or expired.
    pub(crate) fn holds(&self, key: Hashed<'_, K::Ref>) -> bool {
        self.locate(key).is_some()
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
}
