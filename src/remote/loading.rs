//! The support of remote providers for loading.

use std::sync::Arc;
use std::time::Duration;

use super::provider::Remote;
use super::store::RemoteStore;
use crate::error::Result;
use crate::load::{Kept, LeaseProvider, Loading, NewEntry, SingleFlight, Storing};
use crate::provider::{BoxFuture, MaybeSend};
use crate::serializer::Serializer;

impl<T: MaybeSend, S: Serializer<T>, B: RemoteStore> Loading<T> for Remote<T, S, B> {
    fn single_flight(&self) -> &SingleFlight {
        &self.shared.single_flight
    }

    fn lease_provider(&self) -> Option<&dyn LeaseProvider> {
        Some(&*self.shared)
    }

    fn default_ttl(&self) -> Option<Duration> {
        Some(self.shared.options.default_ttl.map_or(Duration::MAX, Duration::from_millis))
    }

    fn keeps_stale(&self) -> bool {
        self.shared.envelope::<T>().is_some()
    }

    fn look<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<Kept<T>>>>> {
        Some(Box::pin(self.get_kept(key)))
    }

    fn read_many<'a>(&'a self, keys: &'a [&'a str]) -> Option<BoxFuture<'a, Result<Vec<Option<T>>>>> {
        Some(Box::pin(async move { self.find_many(keys).await?.into_iter().collect() }))
    }

    fn read_and_touch<'a>(&'a self, key: &'a str, ttl: Duration) -> Option<BoxFuture<'a, Result<Option<T>>>> {
        Some(Box::pin(async move { self.find_and_touch(key, Some(ttl)).await?.unwrap_or(Ok(None)) }))
    }

    fn read_and_delete<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<T>>>> {
        Some(Box::pin(async move { self.find_and_delete(key).await?.unwrap_or(Ok(None)) }))
    }

    fn store(&self, key: &str, entry: NewEntry<T>) -> Storing<T> {
        let encoded = match self.entry(key, &entry.value, entry.ttl, entry.window) {
            Ok(encoded) => encoded,
            Err(error) => return Storing::Done(Err(error)),
        };
        let shared = Arc::clone(&self.shared);
        Storing::Later(Box::pin(async move {
            let (full_key, bytes, ttl) = encoded;
            shared.store.set(&full_key, bytes, ttl).await?;
            shared.counters.sets(1);
            Ok(())
        }))
    }
}
