//! The lock of a cache, and how its one table becomes several.
//!
//! A cache begins with one table. If callers have found it locked a number of times, its entries move to the tables of
//! [`Shards`]. So a cache that is used by one thread at a time, or by several that seldom meet, keeps the exact order
//! of use and pays for only one lock.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};

use smallvec::{SmallVec, smallvec};

use super::part::{Part, lock};
use super::shards::{Place, Shards};
use super::table::{Hashed, Leavers, Table};
use crate::engine::{Counters, Limits, Millis, Slot};

/// How often callers must find the table locked before it is split.
const WAITS: u32 = if cfg!(miri) { 2 } else { 64 };

pub(super) struct Locks<T> {
    first: Mutex<Part<T>>,
    /// Whether there may be several tables.
    splits: bool,
    waits: AtomicU32,
    shards: OnceLock<Shards<T>>,
}

impl<T> Locks<T> {
    pub(super) fn new(table: Table<T>, splits: bool) -> Self {
        Self { first: Mutex::new(Part::new(table)), splits, waits: AtomicU32::new(0), shards: OnceLock::new() }
    }

    /// The tables, if there are several.
    #[inline]
    pub(super) fn shards(&self) -> Option<&Shards<T>> {
        self.shards.get()
    }

    /// Locks the only table; `None` if there are several.
    // Inlined: most of its time would go into the call.
    #[allow(clippy::inline_always)]
    #[inline(always)]
    pub(super) fn lock_first(&self) -> Option<MutexGuard<'_, Part<T>>> {
        if self.shards.get().is_some() {
            return None;
        }
        let part = match self.first.try_lock() {
            Ok(part) => part,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => self.wait(),
        };
        // The table may have been given up before this thread got its lock.
        if self.shards.get().is_some() { None } else { Some(part) }
    }

    /// Waits for the lock of the only table.
    #[cold]
    fn wait(&self) -> MutexGuard<'_, Part<T>> {
        let waits = self.waits.fetch_add(1, Ordering::Relaxed);
        let mut part = lock(&self.first);
        if waits >= WAITS && self.splits {
            self.shards.get_or_init(|| Shards::from_table(&mut part.table));
        }
        part
    }

    /// Moves the entries to several tables, as if callers had waited for the lock.
    #[cfg(test)]
    pub(super) fn split(&self) {
        self.waits.store(WAITS, Ordering::Relaxed);
        drop(self.wait());
    }

    /// Locks the table that a key belongs to.
    #[inline]
    pub(super) fn lock(&self, key: Hashed<'_>, now: Millis) -> Locked<'_, T> {
        if let Some(table) = self.lock_first() {
            return Locked { table, now, place: None };
        }
        self.lock_one(key, now)
    }

    /// [`lock`](Self::lock) with several tables.
    #[inline(never)]
    fn lock_one(&self, key: Hashed<'_>, now: Millis) -> Locked<'_, T> {
        let (table, place) = self.shards.wait().lock(key);
        Locked { table, now, place: Some(place) }
    }

    /// Locks all tables.
    pub(super) fn lock_all(&self, now: Millis) -> LockedAll<'_, T> {
        if let Some(part) = self.lock_first() {
            return LockedAll { parts: smallvec![part], shards: None, now };
        }
        let shards = self.shards.wait();
        LockedAll { parts: shards.lock_all().into(), shards: Some(shards), now }
    }
}

/// A locked table, at one point in time.
pub(super) struct Locked<'a, T> {
    pub(super) table: MutexGuard<'a, Part<T>>,
    pub(super) now: Millis,
    /// `None` if it is the only table.
    place: Option<Place<'a, T>>,
}

impl<'a, T> Locked<'a, T> {
    /// The only table.
    #[inline]
    pub(super) fn only(table: MutexGuard<'a, Part<T>>, now: Millis) -> Self {
        Self { table, now, place: None }
    }

    /// Makes room for an entry under a key, if that concerns no other table. If it returns false, an entry must be
    /// evicted first, after the lock is released.
    #[inline]
    pub(super) fn has_room(&mut self, key: Hashed<'_>, leavers: &mut Leavers<T>) -> bool {
        let Self { table, now, place } = self;
        place.as_mut().is_none_or(|place| place.take(table, key, *now, leavers))
    }
}

impl<T> Drop for Locked<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            place.leave(&self.table);
        }
    }
}

/// All tables, locked, at one point in time.
pub(super) struct LockedAll<'a, T> {
    parts: SmallVec<[MutexGuard<'a, Part<T>>; 1]>,
    /// `None` if there is one table.
    shards: Option<&'a Shards<T>>,
    pub(super) now: Millis,
}

impl<T> LockedAll<'_, T> {
    /// The tables.
    pub(super) fn tables(&mut self) -> impl Iterator<Item = &mut Table<T>> {
        self.parts.iter_mut().map(|part| &mut part.table)
    }

    /// The table that a key belongs to.
    pub(super) fn table(&mut self, key: Hashed<'_>) -> &mut Table<T> {
        let at = Shards::<T>::index(key, self.parts.len());
        &mut self.parts[at].table
    }

    /// Makes room for an entry under a key, and returns its table.
    pub(super) fn table_with_room(&mut self, key: Hashed<'_>, leavers: &mut Leavers<T>) -> &mut Table<T> {
        if let Some(shards) = self.shards {
            // A new entry is later than everything before.
            let clock = self.parts.iter().map(|part| part.engine.tick()).max().unwrap_or(0);
            if !self.table(key).holds(key) {
                let held: u32 = self.parts.iter().map(|part| part.engine.held()).sum();
                shards.evict_from_all(&mut self.parts, held + 1, self.now, leavers);
            }
            self.table(key).engine.advance(clock);
        }
        self.table(key)
    }

    /// The limits.
    pub(super) fn limits(&self) -> Limits {
        match (self.shards, self.parts.first()) {
            (Some(shards), _) => shards.limits(),
            (None, Some(part)) => part.engine.limits(),
            (None, None) => unreachable!("there is always a table"),
        }
    }

    /// Sets new limits. Entries beyond them are removed, expired entries first.
    pub(super) fn set_limits(&mut self, limits: Limits, leavers: &mut Leavers<T>) {
        let now = self.now;
        if let Some(shards) = self.shards {
            shards.set_max_entries(limits.max_entries);
            self.sweep(leavers);
            let held = self.parts.iter().map(|part| part.engine.held()).sum();
            shards.evict_from_all(&mut self.parts, held, now, leavers);
        } else {
            self.tables().for_each(|table| table.set_limits(limits, now, leavers));
        }
    }

    /// Removes every expired entry, and returns how many.
    pub(super) fn sweep(&mut self, leavers: &mut Leavers<T>) -> u64 {
        let now = self.now;
        self.tables().map(|table| u64::from(table.sweep(now, leavers))).sum()
    }

    /// The number of fresh entries, after a [`sweep`](Self::sweep).
    pub(super) fn len(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.engine.len())).sum()
    }

    /// The sum of what the tables have counted.
    pub(super) fn counters(&self) -> Counters {
        let mut sum = self.shards.map_or_else(Counters::default, Shards::earlier);
        for part in &self.parts {
            let own = part.engine.counters();
            sum.hits += own.hits + part.hits;
            sum.misses += own.misses + part.misses;
            sum.sets += own.sets;
            sum.deletes += own.deletes;
            sum.evictions += own.evictions;
            sum.expirations += own.expirations;
        }
        sum
    }

    /// Calls `visit` with the fresh entries, from the most to the least recently used.
    pub(super) fn visit(&mut self, mut visit: impl FnMut(&Table<T>, Slot)) {
        let now = self.now;
        if let [part] = &mut self.parts[..] {
            let slots = part.table.slots_by_use(now);
            for slot in slots {
                visit(&part.table, slot);
            }
            return;
        }
        let mut slots: Vec<(u32, usize, Slot)> = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            slots.extend(part.engine.stamped().map(|(slot, stamp)| (stamp, at, slot)));
        }
        slots.sort_unstable();
        for &(_, at, slot) in slots.iter().rev() {
            if self.parts[at].is_fresh(slot, now) {
                visit(&self.parts[at].table, slot);
            }
        }
    }
}

impl<T> Drop for LockedAll<'_, T> {
    fn drop(&mut self) {
        if let Some(shards) = self.shards {
            shards.leave_all(&self.parts);
        }
    }
}
