//! Operations on entries that leave their values alone.

use std::time::Duration;

use super::keys::Cleared;
use super::leases::is_lease;
use super::provider::Remote;
use super::store::RemoteStore;
use crate::error::Result;
use crate::provider::Keys;

impl<T, S: Send + Sync, B: RemoteStore> Remote<T, S, B> {
    pub(crate) async fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        let shared = &*self.shared;
        let left = shared.store.ttl(&shared.options.namespace.key(key)?).await?;
        Ok(left.map(|ms| ms.map_or(Duration::MAX, Duration::from_millis)))
    }

    pub(crate) async fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        let shared = &*self.shared;
        let whole = shared.options.namespace.key(key)?;
        shared.store.touch(&whole, shared.ttl(ttl)?).await
    }

    pub(crate) async fn exists_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let shared = &*self.shared;
        shared.store.exists_many(&shared.options.namespace.keys(keys)?).await
    }

    pub(crate) async fn delete_many_each(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let shared = &*self.shared;
        let whole = shared.options.namespace.keys(keys)?;
        let _write = shared.single_flight.write_many(keys.to_vec()).await;
        let deleted = shared.store.delete_each(&whole).await?;
        shared.counters.deletes(deleted.iter().filter(|deleted| **deleted).count() as u64);
        Ok(deleted)
    }

    /// Keys that this provider cannot have written are left out: those that are not text, and those of leases.
    pub(crate) fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>> {
        let shared = &*self.shared;
        let namespace = &shared.options.namespace;
        Ok(match namespace.pattern(pattern)? {
            Cleared::Key(whole) => Keys::unfold(Some(whole), async move |whole: Option<String>| {
                let Some(whole) = whole else { return Ok(None) };
                let found = shared.store.exists(&whole).await?;
                let key = namespace.strip(&whole).filter(|_| found);
                Ok(Some((key.map(str::to_owned).into_iter().collect(), None)))
            }),
            Cleared::Pattern(pattern) => Keys::unfold(Some((pattern, B::Cursor::default())), async move |place| {
                let Some((pattern, cursor)) = place else { return Ok(None) };
                let (found, next) = shared.store.scan(&pattern, cursor).await?;
                let text = found.iter().filter_map(|key| std::str::from_utf8(key).ok());
                let keys = text.filter_map(|key| namespace.strip(key)).filter(|key| !is_lease(key));
                Ok(Some((keys.map(str::to_owned).collect(), next.map(|cursor| (pattern, cursor)))))
            }),
        })
    }
}
