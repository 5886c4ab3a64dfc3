//! Leases, stored next to their entries.

use std::time::Duration;

use super::provider::Shared;
use super::store::RemoteStore;
use crate::error::Result;
use crate::load::LeaseProvider;
use crate::provider::BoxFuture;
use crate::ttl::whole_ms;

/// A suffix of the key, so that a token that may write an entry may also take its lease, whatever its prefixes. In a
/// cluster, both are in one slot if the key has a hash tag.
const SUFFIX: &str = ":isocache-lease";

/// Whether a key is a lease, which no caller has set.
pub(super) fn is_lease(key: &str) -> bool {
    key.ends_with(SUFFIX)
}

impl<S, B: RemoteStore> Shared<S, B> {
    fn lease_key(&self, key: &str) -> Result<String> {
        // The suffix may make the lease longer than the longest key.
        Ok(format!("{}{SUFFIX}", self.options.namespace.key(key)?))
    }
}

impl<S: Send + Sync, B: RemoteStore> LeaseProvider for Shared<S, B> {
    fn acquire<'a>(&'a self, key: &'a str, holder: &'a str, ttl: Duration) -> BoxFuture<'a, Result<bool>> {
        Box::pin(
            async move { self.store.set_if_absent(&self.lease_key(key)?, holder.into(), Some(whole_ms(ttl)?)).await },
        )
    }

    fn release(&self, key: &str, holder: &str) -> BoxFuture<'static, Result<()>> {
        let (store, key, holder) = (self.store.clone(), self.lease_key(key), holder.to_owned());
        Box::pin(async move { store.release(&key?, &holder).await })
    }
}
