//! Writes to a table by key, and the removals that the engine makes for them.

use super::{Entry, Hashed, Key, Leavers, Removed, Table};
use crate::engine::{Inserted, Millis, NEVER, Refused, RemovalReason, Slot};

impl<T, K: Key> Table<T, K> {
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
            return self.overwrite(slot, value, weight, deadline, now, leavers);
        }
        let is_back = self.ghosts.take(key.hash);
        let inserted = self.engine.insert(weight, deadline, now, is_back);
        self.take_removals(leavers);
        match inserted {
            Ok(Inserted { slot, remember, .. }) => {
                if remember {
                    self.remember(slot);
                }
                self.fill(slot, Entry { hash: key.hash, key: K::keep(key.key), value }, leavers);
                Ok(())
            }
            Err(refused) => Err((refused, value)),
        }
    }

    /// Stores a value over that of the entry in a slot.
    #[inline]
    fn overwrite(
        &mut self,
        slot: Slot,
        value: T,
        weight: u64,
        deadline: Millis,
        now: Millis,
        leavers: &mut Leavers<T, K>,
    ) -> Result<(), (Refused, T)> {
        if let Err(refused) = self.engine.update(slot, weight, deadline, now) {
            self.take_removals(leavers);
            return Err((refused, value));
        }
        if let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::as_mut) {
            let old = std::mem::replace(&mut entry.value, value);
            // Copied for a listener only, because a copy of a long key is allocated.
            let key = if self.watched { entry.key.clone() } else { K::default() };
            leavers.push(Removed { key, value: old, reason: RemovalReason::Replaced });
        }
        // After the replaced value, because storing the new one caused these removals.
        self.take_removals(leavers);
        Ok(())
    }

    /// Puts an entry into a slot that the engine has returned, and removes the entry that was evicted from it, if any.
    #[inline]
    pub(super) fn fill(&mut self, slot: Slot, entry: Entry<T, K>, leavers: &mut Leavers<T, K>) {
        if self.entries.len() <= slot as usize {
            self.grow_entries();
        }
        let hash = entry.hash;
        let Some(place) = self.entries.get_mut(slot as usize) else { return };
        if let Some(old) = place.replace(entry) {
            if let Ok(indexed) = self.index.find_entry(old.hash, |own| *own == slot) {
                indexed.remove();
            }
            leavers.push(Removed { key: old.key, value: old.value, reason: RemovalReason::Evicted });
        }
        let entries = &self.entries;
        let hash_of = |slot: &Slot| match entries.get(*slot as usize) {
            Some(Some(entry)) => entry.hash,
            _ => 0,
        };
        self.index.insert_unique(hash, slot, hash_of);
    }

    #[cold]
    #[inline(never)]
    fn grow_entries(&mut self) {
        self.entries.resize_with(self.engine.capacity() as usize, || None);
    }

    /// Removes the entry under a key. Returns whether it was fresh.
    pub fn delete(&mut self, key: Hashed<'_, K::Ref>, now: Millis, leavers: &mut Leavers<T, K>) -> bool {
        self.find_kept(key, now, leavers).is_some_and(|slot| self.remove(slot, now, leavers))
    }

    /// Removes an entry on behalf of the caller: as deleted if it is fresh, as expired if it is stale. Returns whether
    /// it was fresh.
    pub(super) fn remove(&mut self, slot: Slot, now: Millis, leavers: &mut Leavers<T, K>) -> bool {
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

    /// Keeps the entry under a key, which was just set, after it becomes stale. If memory cannot be allocated for that,
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

    /// Takes out the entries that the engine has removed.
    #[inline]
    pub(crate) fn take_removals(&mut self, leavers: &mut Leavers<T, K>) {
        if !self.engine.removals().is_empty() {
            self.take_all_removals(leavers);
        }
    }

    #[inline(never)]
    fn take_all_removals(&mut self, leavers: &mut Leavers<T, K>) {
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

    /// Sets the weight and the deadline of the entry in a slot. Entries removed for it are added to `leavers`.
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

    /// Takes an entry that the engine has removed out of the index and the table.
    pub(super) fn take(&mut self, slot: Slot, reason: RemovalReason, leavers: &mut Leavers<T, K>) {
        let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::take) else { return };
        if let Ok(indexed) = self.index.find_entry(entry.hash, |own| *own == slot) {
            indexed.remove();
        }
        leavers.push(Removed { key: entry.key, value: entry.value, reason });
    }
}
