//! Conditional writes.

use std::time::Duration;

use super::provider::{Found, Remote};
use super::store::{RemoteStore, SetIfAbsent};
use crate::error::Result;
use crate::provider::MaybeSend;
use crate::serializer::Serializer;

impl<T: MaybeSend, S: Serializer<T>, B: RemoteStore> Remote<T, S, B> {
    /// A stale entry counts as absent: it is replaced, unless another client has changed it in the meantime.
    pub(crate) fn set_if_absent<'a, 'k>(
        &'a self,
        key: &'k str,
        value: &T,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool>> + MaybeSend + use<'a, 'k, T, S, B> {
        let entry = self.entry(key, value, ttl, Duration::ZERO);
        async move {
            let (full_key, bytes, ttl) = entry?;
            let shared = &*self.shared;
            let _write = shared.single_flight.write(key).await;
            let stored = if let Some(check) = shared.stale_check::<T>() {
                match shared.store.set_if_absent_or_get(&full_key, &bytes, ttl).await? {
                    SetIfAbsent::Stored => true,
                    SetIfAbsent::Exists(Some(old)) if check.is_stale(old.as_ref()) => {
                        shared.store.compare_and_set(&full_key, old.as_ref(), &bytes, ttl).await?
                    }
                    SetIfAbsent::Exists(_) => false,
                }
            } else {
                shared.store.set_if_absent(&full_key, bytes, ttl).await?
            };
            shared.counters.sets(u64::from(stored));
            Ok(stored)
        }
    }

    /// A stale entry counts as absent, so the value is read first if it may be stale.
    pub(crate) fn replace<'a, 'k>(
        &'a self,
        key: &'k str,
        value: &T,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool>> + MaybeSend + use<'a, 'k, T, S, B> {
        let entry = self.entry(key, value, ttl, Duration::ZERO);
        async move {
            let (full_key, bytes, ttl) = match entry {
                Ok(entry) => entry,
                Err(error) => return Err(self.refused(&[key], error).await),
            };
            let _write = self.shared.single_flight.write(key).await;
            if self.shared.stale_check::<T>().is_some() && !self.exists(key).await? {
                return Ok(false);
            }
            let replaced = self.shared.store.replace(&full_key, bytes, ttl).await?;
            self.shared.counters.sets(u64::from(replaced));
            Ok(replaced)
        }
    }

    pub(crate) async fn get_and_delete(&self, key: &str) -> Result<Option<T>> {
        self.counted(self.find_and_delete(key).await?)
    }

    /// As `get_and_delete`, without counting a lookup.
    pub(super) async fn find_and_delete(&self, key: &str) -> Result<Found<T>> {
        let shared = &*self.shared;
        let full_key = shared.options.namespace.key(key)?;
        let _write = shared.single_flight.write(key).await;
        let found = shared.found(key, shared.store.get_and_delete(&full_key).await)?;
        let was_fresh = found.as_ref().is_some_and(|bytes| shared.is_fresh::<T>(bytes.as_ref()));
        shared.counters.deletes(u64::from(was_fresh));
        Ok(found.map(|bytes| shared.decode(key, bytes.as_ref())))
    }
}
