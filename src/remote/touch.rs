//! Reading and renewing the ttl of entries.

use std::time::Duration;

use super::provider::{Found, Remote};
use super::store::RemoteStore;
use crate::error::Result;
use crate::provider::MaybeSend;
use crate::serializer::Serializer;
use crate::ttl::{MAX_TTL_MS, TtlMs};

impl<T: MaybeSend, S: Serializer<T>, B: RemoteStore> Remote<T, S, B> {
    pub(crate) async fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        let shared = &*self.shared;
        let full_key = shared.options.namespace.key(key)?;
        if shared.envelope::<T>().is_none() {
            let left = shared.store.ttl(&full_key).await?;
            return Ok(left.map(|ms| ms.map_or(Duration::MAX, Duration::from_millis)));
        }
        // Only the stored value records its freshness.
        let found = shared.found(key, shared.store.get_with_ttl(&full_key).await)?;
        Ok(found.and_then(|(bytes, left)| shared.fresh_ttl::<T>(bytes.as_ref(), left.unwrap_or(Duration::MAX))))
    }

    pub(crate) async fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        let shared = &*self.shared;
        let full_key = shared.options.namespace.key(key)?;
        let ttl = shared.ttl(ttl)?;
        if shared.envelope::<T>().is_none() {
            return shared.store.touch(&full_key, ttl).await;
        }
        let touched = self.touch_fresh(key, &full_key, ttl).await?;
        Ok(touched.is_some_and(|bytes| shared.is_fresh::<T>(bytes.as_ref())))
    }

    pub(crate) async fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Option<T>> {
        self.counted(self.find_and_touch(key, ttl).await?)
    }

    /// As `get_and_touch`, without counting a lookup.
    pub(super) async fn find_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Found<T>> {
        let shared = &*self.shared;
        let full_key = shared.options.namespace.key(key)?;
        let touched = self.touch_fresh(key, &full_key, shared.ttl(ttl)?).await?;
        Ok(touched.map(|bytes| shared.decode(key, bytes.as_ref())))
    }

    /// Renews the ttl of an entry in one round trip, and returns its value. An entry with a window takes a second one:
    /// its freshness is in its value, which is replaced unless another client has changed it in the meantime. If it is
    /// stale, the second one restores its old ttl.
    async fn touch_fresh(&self, key: &str, full_key: &str, ttl: TtlMs) -> Result<Option<B::Bytes>> {
        let shared = &*self.shared;
        let Some((bytes, old_ttl)) = shared.found(key, shared.store.get_and_touch(full_key, ttl).await)? else {
            return Ok(None);
        };
        let Some(envelope) = shared.envelope::<T>() else { return Ok(Some(bytes)) };
        let Some(fresh_until) = envelope.unwrap(bytes.as_ref()).fresh_until else { return Ok(Some(bytes)) };
        let now = shared.options.clock.now_ms();
        if fresh_until <= now {
            shared.store.compare_and_set(full_key, bytes.as_ref(), bytes.as_ref(), old_ttl).await?;
            return Ok(Some(bytes));
        }
        // As in memory, the length of the window stays the same, and an entry that does not expire has none.
        let window = old_ttl.map_or(0, |old_ttl| now.saturating_add(old_ttl).saturating_sub(fresh_until));
        let new_fresh_until = ttl.map(|ttl| now.saturating_add(ttl).min(MAX_TTL_MS));
        let new_ttl = ttl.map(|ttl| ttl.saturating_add(window).min(MAX_TTL_MS));
        let renewed = envelope.with_freshness(bytes.as_ref(), new_fresh_until);
        shared.store.compare_and_set(full_key, bytes.as_ref(), &renewed, new_ttl).await?;
        Ok(Some(bytes))
    }
}
