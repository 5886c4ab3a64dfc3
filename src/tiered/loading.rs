//! Loading with a tiered cache: near copies answer without waiting, and the far provider does everything else.

use std::sync::Arc;
use std::time::Duration;

use super::admission::Outcome;
use super::operations::LOAD_STEPS;
use super::provider::TieredCacheProvider;
use super::spans::Span;
use crate::error::Result;
use crate::load::{Kept, LeaseProvider, Loading, Lookup, NewEntry, SingleFlight, Storing};
use crate::provider::{BoxFuture, CacheProvider, MaybeSend};

impl<T, P> Loading<T> for TieredCacheProvider<T, P>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    P: CacheProvider<T> + 'static,
{
    fn single_flight(&self) -> &SingleFlight {
        self.shared.far.loading().map_or(&self.shared.loads, |loading| loading.single_flight())
    }

    fn lease_provider(&self) -> Option<&dyn LeaseProvider> {
        self.shared.far.loading()?.lease_provider()
    }

    fn default_ttl(&self) -> Option<Duration> {
        self.shared.far.loading()?.default_ttl()
    }

    fn keeps_stale(&self) -> bool {
        self.shared.far.loading().is_some_and(Loading::keeps_stale)
    }

    /// Returns a near copy. If there is none, the far provider may still have an entry.
    fn look_now(&self, key: &str, lookup: Lookup) -> Option<Result<Option<Kept<T>>>> {
        let shared = &*self.shared;
        if lookup == Lookup::Peek {
            let now = shared.hub.now();
            return match shared.near.peek(key).filter(|_| now < shared.hub.serves_until()) {
                Some(copy) => Some(Ok(Some(Kept { value: copy.value, fresh_for: copy.fresh_until - now }))),
                None => shared.far.loading()?.look_now(key, Lookup::Peek),
            };
        }
        match shared.near.get_at(key, shared.hub.serves_until()) {
            Ok(Some((copy, now))) => {
                Span::near_hit(&shared.hub);
                Some(Ok(Some(Kept { value: copy.value, fresh_for: copy.fresh_until - now })))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn look<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<Kept<T>>>>> {
        if !self.keeps_stale() {
            return None;
        }
        Some(Box::pin(self.shared.look_far(key)))
    }

    fn read_many<'a>(&'a self, keys: &'a [&'a str]) -> Option<BoxFuture<'a, Result<Vec<Option<T>>>>> {
        Some(Box::pin(self.shared.get_many(keys, false)))
    }

    fn read_and_touch<'a>(&'a self, key: &'a str, ttl: Duration) -> Option<BoxFuture<'a, Result<Option<T>>>> {
        let write = self.shared.begin_write_now(key);
        let Some(reading) = self.shared.far.loading().and_then(|loading| loading.read_and_touch(key, ttl)) else {
            write.end(Outcome::Done);
            return None;
        };
        Some(Box::pin(async move { self.shared.wrote(write, reading.await, |_| None) }))
    }

    fn read_and_delete<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<T>>>> {
        let write = self.shared.begin_write_now(key);
        let Some(reading) = self.shared.far.loading().and_then(|loading| loading.read_and_delete(key)) else {
            write.end(Outcome::Done);
            return None;
        };
        Some(Box::pin(async move { self.shared.wrote(write, reading.await, |_| None) }))
    }

    fn store(&self, key: &str, entry: NewEntry<T>) -> Storing<T> {
        let shared = Arc::clone(&self.shared);
        let Some(loading) = shared.far.loading() else { return Storing::NotSupported(entry.value) };
        let (permit, ttl) = (entry.permit.clone(), entry.ttl);
        let copy = shared.copy(&entry.value, ttl);
        let storing = match loading.store(key, entry) {
            Storing::Later(storing) => storing,
            Storing::Done(stored) => {
                // There was no near copy, or the load would not have begun. A value read in the meantime may be older.
                shared.begin_write_now(key).end(Outcome::Done);
                return Storing::Done(stored);
            }
            Storing::NotSupported(value) => return Storing::NotSupported(value),
        };
        let (key, own) = (key.to_owned(), Arc::clone(&self.shared));
        Storing::Later(Box::pin(async move {
            let write = own.begin_write(&key).await;
            let stored = own.put(storing).await;
            match (&stored, copy) {
                (Ok(()), Some((value, ttl))) if permit.is_valid() => own.keep_written(write, value, ttl, LOAD_STEPS),
                (Ok(()), _) => write.end(Outcome::Done),
                (Err(error), _) => write.fail(error),
            }
            stored
        }))
    }
}
