//! The table and its lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;

use super::builder::{Listener, MemoryCacheBuilder};
use super::entry::{Checked, OnOversize, Rules};
use super::table::{Hashed, Leavers, Lookup, Table};
use crate::clock::Clock;
use crate::engine::{Engine, Limits, Millis, NEVER, Refused, Slot};
use crate::error::Result;
use crate::key;
use crate::load::SingleFlight;
use crate::ttl::TtlMs;

pub(crate) struct Shared<T> {
    table: Mutex<Table<T>>,
    /// Whether an entry has had a ttl. If not, no clock is read. It never becomes false again.
    expiring: AtomicBool,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    pub(super) rules: Rules<T>,
    pub(super) touches_on_get: bool,
    listener: Option<Listener<T>>,
    pub(crate) single_flight: SingleFlight,
}

/// The locked table, at one moment.
pub(super) struct Locked<'a, T> {
    pub(super) table: MutexGuard<'a, Table<T>>,
    pub(super) now: Millis,
}

impl<T> Shared<T> {
    pub(super) fn new<C>(mut builder: MemoryCacheBuilder<T, C>, limits: Limits, default_ttl: TtlMs) -> Self {
        let rules = Rules::new(&mut builder, default_ttl, limits.max_weight);
        Self {
            table: Mutex::new(Table::new(limits, builder.policy, builder.listener.is_some())),
            expiring: AtomicBool::new(false),
            hasher: RandomState::default(),
            clock: builder.clock,
            rules,
            touches_on_get: builder.touch_on_get,
            listener: builder.listener,
            single_flight: SingleFlight::default(),
        }
    }

    #[inline]
    pub(super) fn hashed<'a>(&self, key: &'a str) -> Hashed<'a> {
        Hashed::new(key, &self.hasher)
    }

    pub(super) fn hashed_many<'a>(&self, keys: &[&'a str]) -> Result<Vec<Hashed<'a>>> {
        keys.iter().map(|key| key::check(key).map(|()| self.hashed(key))).collect()
    }

    /// Checks an entry, before the lock is taken.
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

    fn note(&self, ttl: Millis) {
        if ttl < NEVER {
            self.expiring.store(true, Ordering::Relaxed);
        }
    }

    /// Locks the table. The clock is read before the lock is taken, because it is the caller's code, and only if an
    /// entry has had a ttl.
    #[inline]
    fn lock(&self) -> Locked<'_, T> {
        if !self.expiring.load(Ordering::Relaxed) {
            let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
            if !table.engine.uses_deadlines() {
                return Locked { table, now: 0.0 };
            }
        }
        self.lock_with_time()
    }

    /// `lock` for a table whose entries may expire.
    #[inline(never)]
    fn lock_with_time(&self) -> Locked<'_, T> {
        // An integer of milliseconds far below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let now = self.clock.now_ms() as Millis;
        // If `T::clone` panics, the table is unchanged, so a poisoned lock can be used.
        Locked { table: self.table.lock().unwrap_or_else(PoisonError::into_inner), now }
    }

    /// Runs `work` under the lock; then, outside the lock, reports and drops the removed entries.
    #[inline]
    pub(super) fn with_table<R>(&self, work: impl FnOnce(&mut Locked<'_, T>, &mut Leavers<T>) -> R) -> R {
        let mut leavers = Leavers::new();
        let result = {
            let mut locked = self.lock();
            work(&mut locked, &mut leavers)
        };
        if let Some(listener) = &self.listener {
            for removed in leavers {
                listener(&removed.key, removed.value, removed.reason);
            }
        }
        result
    }

    /// Looks up one key and counts the lookup.
    #[inline]
    pub(super) fn read<R>(&self, key: &str, more: impl FnOnce(&Engine, Slot, Millis) -> R) -> Result<Option<(T, R)>>
    where
        T: Clone,
    {
        key::check(key)?;
        let key = self.hashed(key);
        {
            // The common case, in which no entry is removed.
            let mut locked = self.lock();
            let now = locked.now;
            match locked.table.lookup(key, now) {
                Lookup::Hit(value, slot) => {
                    if self.touches_on_get {
                        locked.table.restart_ttl(slot, now);
                    }
                    return Ok(Some((value, more(&locked.table.engine, slot, now))));
                }
                Lookup::Miss => return Ok(None),
                Lookup::Due => {}
            }
        }
        Ok(self.read_due(key, more))
    }

    /// Looks up one key and counts the lookup, where entries may have expired.
    #[cold]
    #[inline(never)]
    fn read_due<R>(&self, key: Hashed<'_>, more: impl FnOnce(&Engine, Slot, Millis) -> R) -> Option<(T, R)>
    where
        T: Clone,
    {
        self.with_table(|locked, leavers| {
            let (value, slot) = self.read_entry(locked, leavers, key)?;
            Some((value, more(&locked.table.engine, slot, locked.now)))
        })
    }

    /// Looks up and counts; returns the value and its slot. The value is cloned before anything is changed, so that a
    /// clone that panics changes nothing.
    #[inline]
    pub(super) fn read_entry(
        &self,
        locked: &mut Locked<'_, T>,
        leavers: &mut Leavers<T>,
        key: Hashed<'_>,
    ) -> Option<(T, Slot)>
    where
        T: Clone,
    {
        let now = locked.now;
        let table = &mut *locked.table;
        let Some(slot) = table.find(key, now, leavers) else {
            table.engine.miss();
            return None;
        };
        let value = table.value(slot)?.clone();
        table.engine.hit(slot);
        if self.touches_on_get {
            table.restart_ttl(slot, now);
        }
        Some((value, slot))
    }

    /// Stores an entry. A refused value is returned, so that it is dropped outside the lock, and an older value is
    /// removed unless it is to be kept.
    pub(super) fn store(
        &self,
        locked: &mut Locked<'_, T>,
        leavers: &mut Leavers<T>,
        key: Hashed<'_>,
        value: T,
        checked: Checked,
    ) -> Result<(), (Refused, T)> {
        let now = locked.now;
        let table = &mut *locked.table;
        let stored = if checked.is_oversized {
            Err((Refused::TooHeavy, value))
        } else {
            table.set(key, value, checked.weight, now + checked.ttl, now, leavers)
        };
        match &stored {
            Ok(()) if self.touches_on_get => table.keep_ttl(key, checked.ttl),
            Ok(()) => {}
            Err((Refused::TooHeavy, _)) if self.rules.on_oversize == OnOversize::Keep => {}
            Err(_) => {
                table.delete(key, now, leavers);
            }
        }
        stored
    }

    /// Converts the result of a write for the caller: whether the value was stored.
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
