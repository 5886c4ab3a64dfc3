//! Writes, which win over the loads in progress of their keys.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::flight::{Flight, Overtaking};
use super::scope;
use super::single_flight::SingleFlight;
use super::wait::race;
use crate::glob::Glob;
use crate::runtime;

/// The maximum time a write waits for a loaded value that is being stored in the background. After that, the store
/// counts as unresponsive, and storing is stopped.
const STORE_WAIT: Duration = Duration::from_secs(1);

/// A write in progress, returned by [`SingleFlight::write`]. Dropping it ends the write, which also wins over loads
/// that began in between.
#[must_use = "hold it until the write is complete"]
#[derive(Debug)]
pub struct WriteGuard<'a> {
    single_flight: &'a SingleFlight,
    keys: Keys<'a>,
    /// Whether the write is counted in the versions.
    is_counted: bool,
}

#[derive(Debug)]
enum Keys<'a> {
    One(&'a str),
    Many(Vec<&'a str>),
    Pattern(Glob),
}

impl Drop for WriteGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.is_counted {
            // Counted again, because a caller that looked during the write may have seen the old value.
            self.single_flight.count(&self.keys);
        }
        if self.single_flight.is_active() {
            // A flight that is being stored by now began after the write, so its value is as new.
            self.single_flight.overtake(&self.keys, false);
        }
    }
}

/// A write of one key within one poll, returned by [`SingleFlight::write_now`]: like [`WriteGuard`], but almost free if
/// nothing is being loaded.
#[must_use = "hold it until the write is complete"]
pub(crate) struct WriteNow<'a> {
    single_flight: &'a SingleFlight,
    key: &'a str,
}

impl Drop for WriteNow<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.single_flight.is_active() {
            self.single_flight.overtake_one(self.key, false);
        }
    }
}

impl SingleFlight {
    /// Announces a write to `key`, or its removal, which wins over a load in progress. Hold the guard until the write
    /// is complete.
    ///
    /// It never waits for a caller. If a loaded value is being stored in the background, it waits until that has ended,
    /// for at most one second.
    pub async fn write<'a>(&'a self, key: &'a str) -> WriteGuard<'a> {
        self.announce(Keys::One(key)).await
    }

    /// [`write`](Self::write) for several keys.
    pub async fn write_many<'a>(&'a self, keys: Vec<&'a str>) -> WriteGuard<'a> {
        self.announce(Keys::Many(keys)).await
    }

    /// [`write`](Self::write) for all keys that match a glob.
    pub async fn write_pattern<'a>(&'a self, pattern: &str) -> WriteGuard<'a> {
        self.announce(Keys::Pattern(self.glob(pattern))).await
    }

    async fn announce<'a>(&'a self, keys: Keys<'a>) -> WriteGuard<'a> {
        self.count(&keys);
        let mut limit = None;
        while self.is_active()
            && let Some(storing) = self.overtake(&keys, false)
        {
            let limit = limit.get_or_insert_with(|| runtime::platform_sleep(STORE_WAIT));
            if race(storing.ended(0), limit).await.is_none() {
                self.overtake(&keys, true);
                break;
            }
        }
        WriteGuard { single_flight: self, keys, is_counted: true }
    }

    /// [`write`](Self::write) for a provider that stores within one poll. Without a load in progress it costs one read
    /// of a counter.
    #[inline]
    pub(crate) fn write_now<'a>(&'a self, key: &'a str) -> WriteNow<'a> {
        if self.is_active() {
            self.overtake_one(key, true);
        }
        WriteNow { single_flight: self, key }
    }

    #[cold]
    #[inline(never)]
    fn overtake_one(&self, key: &str, stop: bool) {
        self.overtake(&Keys::One(key), stop);
    }

    /// [`write_now`](Self::write_now) for several keys.
    pub(crate) fn write_many_now<'a>(&'a self, keys: &[&'a str]) -> WriteGuard<'a> {
        self.announce_now(Keys::Many(keys.to_vec()))
    }

    /// [`write_now`](Self::write_now) for all keys that match a glob.
    pub(crate) fn write_pattern_now(&self, pattern: &str) -> WriteGuard<'_> {
        self.announce_now(Keys::Pattern(self.glob(pattern)))
    }

    fn announce_now<'a>(&'a self, keys: Keys<'a>) -> WriteGuard<'a> {
        if self.is_active() {
            self.overtake(&keys, true);
        }
        WriteGuard { single_flight: self, keys, is_counted: false }
    }

    /// Overtakes the flights of these keys. Returns one that is being stored in the background, unless `stop` is set.
    fn overtake(&self, keys: &Keys<'_>, stop: bool) -> Option<Arc<Flight>> {
        let mut by_key = self.by_key();
        let mut storing = None;
        let mut one = |by_key: &mut HashMap<Box<str>, Arc<Flight>>, key: &str| {
            let Some(flight) = by_key.get(key) else { return };
            // A user's provider announces a write even when it stores the loaded value.
            if flight.is_stored_by_leader() && scope::is_inside(flight.address()) {
                return;
            }
            if stop {
                flight.stop();
            } else if let Overtaking::Storing = flight.overtake() {
                storing = Some(Arc::clone(flight));
                return;
            }
            by_key.remove(key);
        };
        match keys {
            Keys::One(key) => one(&mut by_key, &self.whole(key)),
            Keys::Many(keys) => {
                for key in keys {
                    one(&mut by_key, &self.whole(key));
                }
            }
            Keys::Pattern(glob) => {
                let keys: Vec<Box<str>> = by_key.keys().filter(|key| glob.matches(key)).cloned().collect();
                for key in &keys {
                    one(&mut by_key, key);
                }
            }
        }
        storing
    }

    fn count(&self, keys: &Keys<'_>) {
        match keys {
            Keys::One(key) => self.count_write(key),
            Keys::Many(keys) => keys.iter().for_each(|key| self.count_write(key)),
            Keys::Pattern(_) => self.count_write_to_all(),
        }
    }
}
