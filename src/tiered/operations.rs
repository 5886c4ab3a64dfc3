//! Reads and writes across the tiers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::admission::{Outcome, Unchanged};
use super::join;
use super::near::NearCopy;
use super::operation::Operation;
use super::provider::{Shared, until};
use super::spans::{Span, Tier};
use super::stats::ServeSuspect;
use crate::engine::NEVER;
use crate::error::Result;
use crate::load::shared_work::once;
use crate::load::{Kept, WriteGuard, millis};
use crate::provider::{CacheProvider, MaybeSend, WithTtl, read_many};

/// The maximum number of missing keys of one lookup that are read one by one, each with its ttl.
const MAX_KEPT_AT_ONCE: usize = 100;

/// The copy that was found, and the tier that answered.
pub(super) type Found<T> = (Option<NearCopy<T>>, Tier);

/// The number of steps of a write that the far provider counts.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    pub(super) so_far: u64,
    pub(super) to_come: u64,
}

/// A write counts its beginning and its end.
const OWN_STEPS: Steps = Steps { so_far: 2, to_come: 0 };

/// A load has counted its beginning before it stores, and counts its end afterwards.
pub(super) const LOAD_STEPS: Steps = Steps { so_far: 0, to_come: 1 };

impl<T, P> Shared<T, P>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    P: CacheProvider<T> + 'static,
{
    /// Looks up a key that has no near copy to serve.
    pub(super) async fn get_far(self: &Arc<Self>, key: &str, is_counted: bool) -> Result<Found<T>> {
        self.hub.prepare().await;
        if self.hub.serves_now()
            && let Some(copy) = self.near.find(key, is_counted)
        {
            // A poll has made it good again, or another caller has just read it.
            return Ok((Some(copy), Tier::Near));
        }
        if self.serve_suspect == ServeSuspect::Always
            && let Some(copy) = self.suspect_copy(key, is_counted)
        {
            return Ok((Some(copy), Tier::Near));
        }
        let found = match self.read(key).await {
            Err(error) if self.serve_suspect != ServeSuspect::Never && error.is_retryable() => {
                return self.suspect_copy(key, is_counted).map(|copy| (Some(copy), Tier::Near)).ok_or(error);
            }
            found => found?,
        };
        self.count_far(found.is_some(), is_counted);
        Ok((found, Tier::Far))
    }

    /// Like [`get_far`](Self::get_far), within a span.
    pub(super) async fn get_traced(self: &Arc<Self>, key: &str) -> Result<Option<NearCopy<T>>> {
        let span = Span::get(&self.hub, None);
        let (found, tier) = span.around(self.get_far(key, true)).await?;
        span.found(found.is_some(), tier);
        Ok(found)
    }

    /// A write of one key, within a span.
    pub(super) fn put<F: Future>(&self, write: F) -> impl Future<Output = F::Output> + use<T, P, F> {
        Span::put(&self.hub, None).around(write)
    }

    /// A removal of one key, within a span.
    pub(super) fn remove<F: Future>(&self, removal: F) -> impl Future<Output = F::Output> + use<T, P, F> {
        Span::remove(&self.hub, None).around(removal)
    }

    pub(super) fn count_far(&self, is_hit: bool, is_counted: bool) {
        if is_counted {
            let count = if is_hit { &self.far_hits } else { &self.misses };
            count.fetch_add(1, Ordering::Relaxed);
        }
        #[cfg(feature = "metrics")]
        {
            self.near.report_hits(&self.hub.name);
            super::report::far_read(&self.hub.name, is_counted.then_some(is_hit));
        }
    }

    /// A copy that may be served although the link is not connected.
    fn suspect_copy(&self, key: &str, is_counted: bool) -> Option<NearCopy<T>> {
        if self.hub.suspect_for().is_none_or(|time| time > self.serve_suspect_for) {
            return None;
        }
        let copy = self.near.find(key, is_counted)?;
        if is_counted {
            self.near.suspect_hits.fetch_add(1, Ordering::Relaxed);
        }
        Some(copy)
    }

    /// Reads a key from the far provider, once for all concurrent callers.
    async fn read(self: &Arc<Self>, key: &str) -> Result<Option<NearCopy<T>>> {
        // While the link is not connected, every caller reads the current value.
        if !self.hub.serves_now() {
            return self.read_alone(key).await;
        }
        let began = self.hub.now();
        let name = format!("{key}\0{}", self.hub.version(key));
        let (shared, own_key) = (Arc::clone(self), key.to_owned());
        let found = once(&self.reads, &name, move || {
            let (shared, key) = (Arc::clone(&shared), own_key.clone());
            async move { shared.read_alone(&key).await }
        });
        match found.await {
            // It was read for an earlier caller, and had expired when this one began.
            Ok(Some(copy)) if copy.fresh_until <= began => self.read_alone(key).await,
            found => found,
        }
    }

    async fn read_alone(self: &Arc<Self>, key: &str) -> Result<Option<NearCopy<T>>> {
        let reading = self.hub.read(key);
        let found = self.far.get_with_ttl(key).await;
        let sent = reading.sent;
        let found = found.map(|found| {
            found.map(|(value, left): WithTtl<T>| NearCopy {
                value,
                fresh_until: left.map_or(NEVER, |left| sent + millis(left)),
            })
        });
        if let Ok(Some(copy)) = &found {
            self.near.keep_read(&reading, copy.clone());
        }
        reading.end(Outcome::Done);
        found
    }

    /// Reads a key, fresh or stale, and keeps it if it is fresh.
    pub(super) async fn look_far(self: &Arc<Self>, key: &str) -> Result<Option<Kept<T>>> {
        let span = Span::get(&self.hub, None);
        let (found, tier) = span.around(self.look_within(key)).await?;
        span.found(found.as_ref().is_some_and(Kept::is_fresh), tier);
        Ok(found)
    }

    async fn look_within(self: &Arc<Self>, key: &str) -> Result<(Option<Kept<T>>, Tier)> {
        self.hub.prepare().await;
        let reading = self.hub.read(key);
        let found = if let Some(looking) = self.far.loading().and_then(|loading| loading.look(key)) {
            looking.await
        } else {
            let found = self.far.get_with_ttl(key).await;
            found.map(|found| found.map(|(value, left)| Kept::fresh(value, left)))
        };
        let found = match found {
            Err(error) if self.serve_suspect != ServeSuspect::Never && error.is_retryable() => {
                let now = self.hub.now();
                let copy = self.suspect_copy(key, true).ok_or(error)?;
                return Ok((Some(Kept { value: copy.value, fresh_for: copy.fresh_until - now }), Tier::Near));
            }
            found => found?,
        };
        if let Some(kept) = &found
            && kept.is_fresh()
        {
            let fresh_until = reading.sent + kept.fresh_for;
            self.near.keep_read(&reading, NearCopy { value: kept.value.clone(), fresh_until });
        }
        reading.end(Outcome::Done);
        self.count_far(found.as_ref().is_some_and(Kept::is_fresh), true);
        Ok((found, Tier::Far))
    }

    /// Looks up several keys.
    pub(super) async fn get_many(self: &Arc<Self>, keys: &[&str], is_counted: bool) -> Result<Vec<Option<T>>> {
        let span = Span::get(&self.hub, Some(keys.len()));
        let (values, tier) = span.around(self.get_many_within(keys, is_counted)).await?;
        span.found(values.iter().all(Option::is_some), tier);
        Ok(values)
    }

    async fn get_many_within(self: &Arc<Self>, keys: &[&str], is_counted: bool) -> Result<(Vec<Option<T>>, Tier)> {
        for key in keys {
            crate::key::check(key)?;
        }
        self.hub.prepare().await;
        let mut values: Vec<Option<T>> = vec![None; keys.len()];
        if self.hub.serves_now() {
            for (key, value) in keys.iter().zip(&mut values) {
                *value = self.near.find(key, is_counted).map(|copy| copy.value);
            }
        }
        let missing: Vec<usize> = (0..keys.len()).filter(|&at| values[at].is_none()).collect();
        if missing.len() > MAX_KEPT_AT_ONCE {
            let missing_keys: Vec<&str> = missing.iter().map(|&at| keys[at]).collect();
            let found = if is_counted {
                self.far.get_many(&missing_keys).await?
            } else {
                read_many(&self.far, &missing_keys).await?
            };
            for (at, found) in missing.into_iter().zip(found) {
                self.count_far(found.is_some(), is_counted);
                values[at] = found;
            }
            return Ok((values, Tier::Far));
        }
        let mut tier = Tier::Near;
        let found = join::all(missing.iter().map(|&at| self.get_far(keys[at], is_counted))).await;
        for (at, found) in missing.into_iter().zip(found) {
            let (found, by) = found?;
            tier = if let Tier::Far = by { by } else { tier };
            values[at] = found.map(|copy| copy.value);
        }
        Ok((values, tier))
    }

    /// Announces a write to the loads in progress, if the far provider does not.
    pub(super) async fn overtake<'a>(&'a self, key: &'a str) -> Option<WriteGuard<'a>> {
        if self.far.loading().is_some() { None } else { Some(self.loads.write(key).await) }
    }

    pub(super) async fn overtake_many<'a>(&'a self, keys: &[&'a str]) -> Option<WriteGuard<'a>> {
        if self.far.loading().is_some() { None } else { Some(self.loads.write_many(keys.to_vec()).await) }
    }

    pub(super) async fn begin_write(&self, key: &str) -> Operation {
        self.hub.prepare().await;
        self.begin_write_now(key)
    }

    pub(super) fn begin_write_now(&self, key: &str) -> Operation {
        let version = self.version(key);
        self.hub.write(key, version)
    }

    pub(super) async fn begin_writes(&self, keys: &[&str]) -> Vec<Operation> {
        self.hub.prepare().await;
        keys.iter().map(|key| self.begin_write_now(key)).collect()
    }

    /// The version of a key in the far provider, which counts the beginning and the end of each write through any of
    /// its clones.
    fn version(&self, key: &str) -> Option<u64> {
        self.far.loading().map(|loading| loading.single_flight().writes(key))
    }

    /// A copy of a value that is written with this ttl. `None` if the ttl of the entry is unknown.
    pub(super) fn copy(&self, value: &T, ttl: Option<Duration>) -> Option<(T, Duration)> {
        let ttl = ttl.or_else(|| self.far.loading()?.default_ttl())?;
        Some((value.clone(), ttl))
    }

    /// Ends a write. `kept` derives the new entry from the result, if it is known.
    pub(super) fn wrote<R>(
        &self,
        write: Operation,
        result: Result<R>,
        kept: impl FnOnce(&R) -> Option<(T, Duration)>,
    ) -> Result<R> {
        match &result {
            Ok(done) => match kept(done) {
                Some((value, ttl)) => self.keep_written(write, value, ttl, OWN_STEPS),
                None => write.end(Outcome::Done),
            },
            Err(error) => write.fail(error),
        }
        result
    }

    /// Ends a write, and keeps its value unless the far provider has counted more than its `steps`.
    pub(super) fn keep_written(&self, write: Operation, value: T, ttl: Duration, steps: Steps) {
        let key = write.key();
        let now = self.version(key);
        let is_alone = match (write.version, now) {
            (Some(before), Some(now)) => now.wrapping_sub(before) <= steps.so_far,
            (None, _) | (_, None) => true,
        };
        if !is_alone {
            return write.end(Outcome::Done);
        }
        let flights = self.far.loading().map(|loading| loading.single_flight().clone());
        let unchanged = flights.zip(now).map(|(flights, now)| -> Unchanged {
            Box::new(move |key| flights.writes(key).wrapping_sub(now) <= steps.to_come)
        });
        let fresh_until = until(write.sent, ttl);
        self.near.keep_written(write, NearCopy { value, fresh_until }, unchanged);
    }
}

/// Ends writes that leave the entries unknown.
pub(super) fn ended<R>(writes: Vec<Operation>, result: &Result<R>) {
    for write in writes {
        match result {
            Ok(_) => write.end(Outcome::Done),
            Err(error) => write.fail(error),
        }
    }
}
