//! The state shared by all handles to a cache, and how its tables are read and written.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;

use super::advice::{Attention, Tables};
use super::builder::{Listener, MemoryCacheBuilder};
use super::entry::{Checked, OnOversize, Rules};
use super::locks::{Locked, LockedAll, Locks};
use super::shards::Shards;
use super::table::{Hashed, Leavers, Lookup, Table};
use crate::clock::Clock;
use crate::engine::{Engine, Limits, Millis, NEVER, Policy, Refused, Slot};
use crate::error::Result;
use crate::key;
use crate::load::SingleFlight;
use crate::ttl::TtlMs;

pub(super) struct Shared<T> {
    pub(super) locks: Locks<T>,
    /// Whether an entry has had a ttl. If not, no clock is read. It never becomes false again.
    expiring: AtomicBool,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    pub(super) rules: Rules<T>,
    pub(super) touches_on_get: bool,
    pub(super) attention: Attention,
    listener: Option<Listener<T>>,
    pub(super) single_flight: SingleFlight,
}

impl<T> Shared<T> {
    pub(super) fn new<C>(mut builder: MemoryCacheBuilder<T, C>, limits: Limits, default_ttl: TtlMs) -> Self {
        let rules = Rules::new(&mut builder, default_ttl, limits.max_weight);
        // Several tables cannot share a limit on bytes, nor the queues of S3-FIFO.
        let splits = builder.policy == Policy::Lru
            && rules.size_of.is_none()
            && !builder.touch_on_get
            && Shards::<T>::suit(limits);
        let table = Table::new(limits, builder.policy, builder.listener.is_some());
        Self {
            locks: Locks::new(table, splits),
            expiring: AtomicBool::new(false),
            hasher: RandomState::default(),
            clock: builder.clock,
            rules,
            touches_on_get: builder.touch_on_get,
            attention: Attention::new(builder.touch_on_get, builder.advises, builder.policy, limits),
            listener: builder.listener,
            single_flight: SingleFlight::default(),
        }
    }

    #[inline]
    pub(super) fn hashed<'a>(&self, key: &'a str) -> Hashed<'a> {
        Hashed::new(key, &self.hasher)
    }

    pub(super) fn hashed_many<'a>(&self, keys: &'a [Cow<'_, str>]) -> Result<Vec<Hashed<'a>>> {
        keys.iter().map(|key| key::check(key).map(|()| self.hashed(key))).collect()
    }

    /// Checks an entry, before the lock is taken.
    #[inline]
    pub(super) fn check(&self, key: &str, value: &T, ttl: Option<Duration>) -> Result<Checked> {
        let checked = self.rules.check(key, value, ttl)?;
        self.note(checked.ttl);
        Ok(checked)
    }

    /// Resolves a ttl to milliseconds, before the lock is taken.
    pub(super) fn ttl(&self, ttl: Option<Duration>) -> Result<Millis> {
        let ttl = self.rules.ttl(ttl)?;
        self.note(ttl);
        Ok(ttl)
    }

    #[inline]
    fn note(&self, ttl: Millis) {
        if ttl < NEVER {
            self.expiring.store(true, Ordering::Relaxed);
        }
    }

    /// The time, which is needed only once an entry has had a ttl.
    #[inline]
    fn now(&self) -> Option<Millis> {
        self.expiring.load(Ordering::Relaxed).then(|| self.read_clock())
    }

    #[inline(never)]
    fn read_clock(&self) -> Millis {
        // An integer of milliseconds far below 2^53.
        #[allow(clippy::cast_precision_loss)]
        {
            self.clock.now_ms() as Millis
        }
    }

    /// Locks the table that a key belongs to. The clock is read before the lock is taken, because it is the caller's
    /// code, and only if an entry has had a ttl.
    #[inline]
    fn lock(&self, key: Hashed<'_>) -> Locked<'_, T> {
        if let Some(now) = self.now() {
            return self.locks.lock(key, now);
        }
        let locked = self.locks.lock(key, 0.0);
        if locked.table.engine.uses_deadlines() {
            // The first ttl was set in between.
            drop(locked);
            return self.locks.lock(key, self.read_clock());
        }
        locked
    }

    /// Runs `work` under the lock of the table that a key belongs to; then, outside the lock, reports and drops the
    /// removed entries. `work` must not store anything under a key that has no entry.
    #[inline]
    pub(super) fn with_key<R>(
        &self,
        key: Hashed<'_>,
        work: impl FnOnce(&mut Locked<'_, T>, &mut Leavers<T>) -> R,
    ) -> R {
        self.with_only(work).unwrap_or_else(|work| {
            let mut leavers = Leavers::new();
            let result = work(&mut self.lock(key), &mut leavers);
            self.report(leavers);
            result
        })
    }

    /// Runs `work` on the only table. Returns it if there are several, or if the time matters but is not known. This is
    /// the common case, compiled separately from the others.
    #[inline]
    fn with_only<R, W: FnOnce(&mut Locked<'_, T>, &mut Leavers<T>) -> R>(&self, work: W) -> Result<R, W> {
        let now = self.now();
        let Some(table) = self.locks.lock_first() else { return Err(work) };
        if now.is_none() && table.engine.uses_deadlines() {
            return Err(work);
        }
        let mut leavers = Leavers::new();
        let result = work(&mut Locked::only(table, now.unwrap_or(0.0)), &mut leavers);
        self.report(leavers);
        Ok(result)
    }

    /// As [`with_key`](Self::with_key), but `work` may store a new entry under the key.
    #[inline]
    pub(super) fn with_room<R>(
        &self,
        key: Hashed<'_>,
        work: impl FnOnce(&mut Locked<'_, T>, &mut Leavers<T>) -> R,
    ) -> R {
        self.with_only(work).unwrap_or_else(|work| self.with_place(key, work))
    }

    /// As [`with_room`](Self::with_room), in one of several tables.
    #[inline(never)]
    fn with_place<R>(&self, key: Hashed<'_>, work: impl FnOnce(&mut Locked<'_, T>, &mut Leavers<T>) -> R) -> R {
        let mut leavers = Leavers::new();
        let result = loop {
            let mut locked = self.lock(key);
            if locked.has_room(key, &mut leavers) {
                break work(&mut locked, &mut leavers);
            }
            let now = locked.now;
            drop(locked);
            self.evict(now, &mut leavers);
        };
        self.report(leavers);
        result
    }

    /// Evicts an entry from any of several tables.
    #[cold]
    fn evict(&self, now: Millis, leavers: &mut Leavers<T>) {
        if let Some(shards) = self.locks.shards()
            && !shards.evict(now, leavers)
        {
            // Others have taken every place, and are about to fill them.
            std::thread::yield_now();
        }
    }

    /// Runs `work` under the locks of all tables; then, outside the locks, reports and drops the removed entries.
    pub(super) fn with_all<R>(&self, work: impl FnOnce(&mut LockedAll<'_, T>, &mut Leavers<T>) -> R) -> R {
        let mut leavers = Leavers::new();
        let result = {
            let mut all = self.locks.lock_all(self.now().unwrap_or(0.0));
            if all.now == 0.0 && all.tables().any(|table| table.engine.uses_deadlines()) {
                // The first ttl was set in between.
                drop(all);
                all = self.locks.lock_all(self.read_clock());
            }
            work(&mut all, &mut leavers)
        };
        self.report(leavers);
        result
    }

    // Inlined: nearly always there is nothing to report.
    #[allow(clippy::inline_always)]
    #[inline(always)]
    fn report(&self, leavers: Leavers<T>) {
        if let Some(listener) = &self.listener {
            Self::report_to(listener, leavers);
        }
    }

    #[inline(never)]
    fn report_to(listener: &Listener<T>, leavers: Leavers<T>) {
        for removed in leavers {
            listener(&removed.key, removed.value, removed.reason);
        }
    }

    /// Looks up one key and counts the lookup.
    #[inline]
    pub(super) fn read<R>(&self, key: &str, more: impl FnOnce(&Engine, Slot, Millis) -> R) -> Result<Option<(T, R)>>
    where
        T: Clone,
    {
        key::check(key)?;
        let key = self.hashed(key);
        let now = self.now();
        if let Some(mut table) = self.locks.lock_first() {
            // The common case, in which no entry is removed. If the first ttl was set in between, the time is not
            // known.
            if now.is_some() || !table.engine.uses_deadlines() {
                let now = now.unwrap_or(0.0);
                match table.lookup(key, now) {
                    Lookup::Hit(value, slot) => {
                        if self.attention.is_due(key) {
                            self.attention.hit(&mut table, key, slot, now, Tables::ONE);
                        }
                        return Ok(Some((value, more(&table.engine, slot, now))));
                    }
                    Lookup::Miss => {
                        self.attention.miss(&table, key, Tables::ONE);
                        return Ok(None);
                    }
                    Lookup::Due => {}
                }
            }
        } else if let Some(shards) = self.locks.shards() {
            return Ok(self.read_shared(shards, now, key, more));
        }
        Ok(self.read_due(key, more))
    }

    /// As [`read`](Self::read), in one of several tables.
    #[inline(never)]
    fn read_shared<R>(
        &self,
        shards: &Shards<T>,
        now: Option<Millis>,
        key: Hashed<'_>,
        more: impl FnOnce(&Engine, Slot, Millis) -> R,
    ) -> Option<(T, R)>
    where
        T: Clone,
    {
        {
            let mut part = shards.lock_to_read(key);
            if now.is_some() || !part.engine.uses_deadlines() {
                let now = now.unwrap_or(0.0);
                match part.look(key, now) {
                    Lookup::Hit(value, slot) => {
                        part.hits += 1;
                        part.engine.mark(slot, shards.now());
                        if self.attention.is_due(key) {
                            let tables = shards.tables(&part);
                            self.attention.hit(&mut part.table, key, slot, now, tables);
                        }
                        return Some((value, more(&part.engine, slot, now)));
                    }
                    Lookup::Miss => {
                        part.misses += 1;
                        self.attention.miss(&part, key, shards.tables(&part));
                        return None;
                    }
                    Lookup::Due => {}
                }
            }
        }
        self.read_due(key, more)
    }

    /// Looks up one key and counts the lookup, if entries may have expired.
    #[cold]
    #[inline(never)]
    fn read_due<R>(&self, key: Hashed<'_>, more: impl FnOnce(&Engine, Slot, Millis) -> R) -> Option<(T, R)>
    where
        T: Clone,
    {
        self.with_key(key, |locked, leavers| {
            let now = locked.now;
            let (value, slot) = self.read_entry(&mut locked.table, now, leavers, key)?;
            Some((value, more(&locked.table.engine, slot, now)))
        })
    }

    /// Looks up and counts; returns the value and its slot. The value is cloned before anything is changed, so that a
    /// clone that panics changes nothing.
    #[inline]
    pub(super) fn read_entry(
        &self,
        table: &mut Table<T>,
        now: Millis,
        leavers: &mut Leavers<T>,
        key: Hashed<'_>,
    ) -> Option<(T, Slot)>
    where
        T: Clone,
    {
        let Some(slot) = table.find(key, now, leavers) else {
            table.engine.miss();
            self.attention.miss(table, key, self.tables());
            return None;
        };
        let value = table.value(slot)?.clone();
        table.engine.hit(slot);
        if self.attention.is_due(key) {
            self.attention.hit(table, key, slot, now, self.tables());
        }
        Some((value, slot))
    }

    /// Stores an entry. A refused value is returned, so that it is dropped outside the lock, and an older value is
    /// removed unless it must be kept.
    #[inline]
    pub(super) fn store(
        &self,
        table: &mut Table<T>,
        now: Millis,
        leavers: &mut Leavers<T>,
        key: Hashed<'_>,
        value: T,
        checked: Checked,
    ) -> Result<(), (Refused, T)> {
        let stored = if checked.is_oversized {
            Err((Refused::TooHeavy, value))
        } else {
            table.set(key, value, checked.weight, now + checked.ttl, now, leavers)
        };
        match &stored {
            Ok(()) if self.touches_on_get => table.keep_ttl(key, checked.ttl),
            Ok(()) => {}
            Err((Refused::TooHeavy, _)) if self.rules.on_oversize == OnOversize::Keep => {}
            Err(_) => Self::give_up(table, now, leavers, key),
        }
        stored
    }

    /// Removes what was to be overwritten.
    #[cold]
    #[inline(never)]
    fn give_up(table: &mut Table<T>, now: Millis, leavers: &mut Leavers<T>, key: Hashed<'_>) {
        table.delete(key, now, leavers);
    }

    /// Converts the result of a write for the caller: whether the value was stored.
    #[inline]
    pub(super) fn stored(&self, key: &str, checked: Checked, stored: &Result<(), (Refused, T)>) -> Result<bool> {
        match stored {
            Ok(()) => Ok(true),
            Err((Refused::TooHeavy, _)) if self.rules.on_oversize != OnOversize::Error => Ok(false),
            Err((refused, _)) => Err(self.rules.refusal(key, *refused, checked.weight)),
        }
    }
}

/// How long an entry remains fresh; negative if it is stale.
pub(super) fn fresh_for(deadline: Millis, now: Millis) -> Millis {
    if deadline < NEVER { deadline - now } else { NEVER }
}

/// The remaining ttl; `None` if the entry does not expire.
pub(super) fn remaining(deadline: Millis, now: Millis) -> Option<Duration> {
    // Both are whole milliseconds, and the deadline is in the future.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (deadline < NEVER).then(|| Duration::from_millis((deadline - now) as u64))
}
