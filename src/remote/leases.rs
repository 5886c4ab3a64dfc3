//! Leases, each beside its entry.

use std::time::Duration;

use super::provider::Shared;
use super::store::RemoteStore;
use crate::error::Result;
use crate::load::LeaseProvider;
use crate::provider::BoxFuture;
use crate::ttl::whole_ms;

/// It follows the key, so that a token that may write an entry may take its lease, whatever prefixes it is confined to, and
/// both are in one slot where the key says which.
const SUFFIX: &str = ":isocache-lease";

/// Whether a key is that of a lease, which nobody has set.
pub(super) fn is_lease(key: &str) -> bool {
    key.ends_with(SUFFIX)
}

/// For servers with scripts: removes a key if it names this holder, and returns how many keys were removed.
pub const RELEASE: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

impl<S, B: RemoteStore> Shared<S, B> {
    fn lease_key(&self, key: &str) -> Result<String> {
        // Also of a key that is as long as keys may be.
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
