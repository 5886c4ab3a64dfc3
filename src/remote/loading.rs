//! What loading needs of a remote provider.

use std::sync::Arc;

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

    fn keeps_stale(&self) -> bool {
        self.shared.envelope::<T>().is_some()
    }

    fn look<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<Kept<T>>>>> {
        Some(Box::pin(self.get_kept(key)))
    }

    fn store(&self, key: &str, entry: NewEntry<T>) -> Storing<T> {
        let encoded = match self.entry(key, &entry.value, entry.ttl, entry.window) {
            Ok(encoded) => encoded,
            Err(error) => return Storing::Done(Err(error)),
        };
        let shared = Arc::clone(&self.shared);
        Storing::Later(Box::pin(async move {
            let (whole, bytes, ttl) = encoded;
            shared.store.set(&whole, bytes, ttl).await?;
            shared.counters.sets(1);
            Ok(())
        }))
    }
}
