//! Listing keys, and operations on many keys with a result for each.

use futures_util::future::try_join;

use super::leases::is_lease;
use super::namespace::Cleared;
use super::provider::Remote;
use super::store::RemoteStore;
use crate::error::Result;
use crate::provider::{Keys, MaybeSend};
use crate::serializer::Serializer;

impl<T: MaybeSend, S: Serializer<T>, B: RemoteStore> Remote<T, S, B> {
    pub(crate) async fn exists_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let shared = &*self.shared;
        let keys = shared.options.namespace.keys(keys)?;
        let Some(check) = shared.stale_check::<T>() else { return shared.store.exists_many(&keys).await };
        let (exist, stale) = try_join(shared.store.exists_many(&keys), check.are_stale(&shared.store, &keys)).await?;
        Ok(exist.into_iter().zip(stale).map(|(exists, stale)| exists && !stale).collect())
    }

    /// Skips keys that this provider cannot have written, which are leases and keys that are not UTF-8, and stale
    /// entries.
    pub(crate) fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>> {
        let shared = &*self.shared;
        let namespace = &shared.options.namespace;
        Ok(match namespace.pattern(pattern)? {
            Cleared::Key(full_key) => Keys::unfold(Some(full_key), async move |full_key: Option<String>| {
                let Some(full_key) = full_key else { return Ok(None) };
                let found = namespace.strip(&full_key);
                let key = match found {
                    Some(key) if self.exists(key).await? => found,
                    _ => None,
                };
                Ok(Some((key.map(str::to_owned).into_iter().collect(), None)))
            }),
            Cleared::Pattern(pattern) => Keys::unfold(Some((pattern, B::Cursor::default())), async move |place| {
                let Some((pattern, cursor)) = place else { return Ok(None) };
                let (found, next) = shared.store.scan(&pattern, cursor, shared.stale_check::<T>()).await?;
                let texts = found.iter().filter_map(|key| std::str::from_utf8(key).ok());
                let keys = texts.filter(|key| !is_lease(key)).filter_map(|key| namespace.strip(key));
                Ok(Some((keys.map(str::to_owned).collect(), next.map(|cursor| (pattern, cursor)))))
            }),
        })
    }

    pub(crate) async fn delete_many_each(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let shared = &*self.shared;
        let full_keys = shared.options.namespace.keys(keys)?;
        let _write = shared.single_flight.write_many(keys.to_vec()).await;
        let deleted: Vec<bool> = if let Some(check) = shared.stale_check::<T>() {
            let taken = shared.store.take_many(&full_keys).await?;
            let is_stale = |value: Option<B::Bytes>| value.is_some_and(|value| check.is_stale(value.as_ref()));
            taken.into_iter().map(|(existed, value)| existed && !is_stale(value)).collect()
        } else {
            shared.store.delete_each(&full_keys).await?
        };
        shared.counters.deletes(deleted.iter().filter(|deleted| **deleted).count() as u64);
        Ok(deleted)
    }
}
