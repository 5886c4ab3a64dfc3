//! The memory cache's support for loading. Nothing here waits.

use std::time::Duration;

use super::cache::MemoryCache;
use super::locks::Locked;
use super::provider::MemoryCacheProvider;
use super::shared::fresh_for;
use super::table::{Hashed, Leavers};
use crate::engine::{Engine, Slot};
use crate::error::Result;
use crate::key;
use crate::load::{Kept, Loading, Lookup, NewEntry, SingleFlight, Storing};
use crate::provider::{BoxFuture, MaybeSend};

impl<T: Clone> MemoryCache<T> {
    /// The entry under `key`.
    #[inline]
    pub(crate) fn look(&self, key: &str, lookup: Lookup) -> Result<Option<Kept<T>>> {
        match lookup {
            Lookup::Fresh => {
                let fresh_for = |engine: &Engine, slot: Slot, now| fresh_for(engine.deadline(slot), now);
                let found = self.shared.read(&self.whole(key)?, fresh_for);
                found.map(|found| found.map(|(value, fresh_for)| Kept { value, fresh_for }))
            }
            Lookup::Kept => self.look_kept(key, true),
            Lookup::Peek => self.look_kept(key, false),
        }
    }

    /// The entry under `key`, fresh or stale. The lookup is counted if `counted` is set.
    fn look_kept(&self, key: &str, counted: bool) -> Result<Option<Kept<T>>> {
        let key = &*self.whole(key)?;
        key::check(key)?;
        let key = self.shared.hashed(key);
        Ok(self.shared.with_key(key, |locked, leavers| {
            let Some(slot) = locked.table.find_kept(key, locked.now, leavers) else {
                if counted {
                    locked.table.engine.miss();
                    self.shared.attention.miss(&locked.table, key, self.shared.tables());
                }
                return None;
            };
            // Cloned before anything is counted, so that a clone that panics changes nothing.
            let value = locked.table.value(slot)?.clone();
            if counted {
                locked.table.engine.hit(slot);
                if self.shared.attention.is_due(key) {
                    let (now, tables) = (locked.now, self.shared.tables());
                    self.shared.attention.hit(&mut locked.table, key, slot, now, tables);
                }
            }
            let fresh_for = fresh_for(locked.table.engine.deadline(slot), locked.now);
            Some(Kept { value, fresh_for })
        }))
    }

    /// The value of the entry under `key`. Marks the entry as used without counting a lookup, and calls `act` with it.
    fn read_uncounted<R>(
        &self,
        key: &str,
        act: impl FnOnce(&mut Locked<'_, T>, &mut Leavers<T>, Hashed<'_>, T) -> R,
    ) -> Result<Option<R>> {
        let key = &*self.whole(key)?;
        key::check(key)?;
        let hashed = self.shared.hashed(key);
        Ok(self.shared.with_key(hashed, |locked, leavers| {
            let slot = locked.table.find(hashed, locked.now, leavers)?;
            let value = locked.table.value(slot)?.clone();
            locked.table.engine.touch(slot);
            Some(act(locked, leavers, hashed, value))
        }))
    }

    /// Stores a loaded value, unless a write has overtaken it. The permit is checked under the lock, so that no write
    /// can come in between.
    fn store_loaded(&self, key: &str, entry: NewEntry<T>) -> Result<()> {
        let NewEntry { value, ttl, window, permit } = entry;
        let key = &*self.whole(key)?;
        let checked = self.shared.check(key, &value, ttl)?;
        let hashed = self.shared.hashed(key);
        // A value that is not stored is dropped here, outside the lock.
        let mut value = Some(value);
        let stored = self.shared.with_room(hashed, |locked: &mut Locked<'_, T>, leavers: &mut Leavers<T>| {
            let Some(value) = value.take_if(|_| permit.is_valid()) else { return Ok(()) };
            self.shared.store(&mut locked.table, locked.now, leavers, hashed, value, checked)?;
            if !window.is_zero() {
                let window = crate::load::millis(window);
                locked.table.keep_stale(hashed, locked.now + checked.ttl + window);
            }
            Ok(())
        });
        self.shared.stored(self.known(key), checked, &stored).map(drop)
    }
}

impl<T: Clone + Send + MaybeSend> Loading<T> for MemoryCacheProvider<T> {
    fn single_flight(&self) -> &SingleFlight {
        let own = self.cache.namespace.as_ref().map(|namespace| &namespace.single_flight);
        own.unwrap_or(&self.cache.shared.single_flight)
    }

    fn default_ttl(&self) -> Option<Duration> {
        Some(self.cache.shared.rules.default_ttl())
    }

    fn keeps_stale(&self) -> bool {
        true
    }

    #[inline]
    fn look_now(&self, key: &str, lookup: Lookup) -> Option<Result<Option<Kept<T>>>> {
        Some(self.cache.look(key, lookup))
    }

    fn look<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<Kept<T>>>>> {
        let found = self.cache.look_kept(key, true);
        Some(Box::pin(std::future::ready(found)))
    }

    fn read_many<'a>(&'a self, keys: &'a [&'a str]) -> Option<BoxFuture<'a, Result<Vec<Option<T>>>>> {
        let read = |key: &&str| self.cache.read_uncounted(key, |_, _, _, value| value);
        Some(Box::pin(std::future::ready(keys.iter().map(read).collect())))
    }

    fn read_and_touch<'a>(&'a self, key: &'a str, ttl: Duration) -> Option<BoxFuture<'a, Result<Option<T>>>> {
        Some(Box::pin(std::future::ready(self.cache.read_and_touch(key, ttl))))
    }

    fn read_and_delete<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<T>>>> {
        let _write = self.single_flight().write_now(key);
        let found = self.cache.read_uncounted(key, |locked, leavers, hashed, value| {
            locked.table.delete(hashed, locked.now, leavers);
            value
        });
        Some(Box::pin(std::future::ready(found)))
    }

    fn store(&self, key: &str, entry: NewEntry<T>) -> Storing<T> {
        Storing::Done(self.cache.store_loaded(key, entry))
    }
}
