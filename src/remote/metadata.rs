//! Operations on entries that do not return their values.

use std::borrow::Cow;
use std::time::Duration;

use super::keys::Cleared;
use super::leases::is_lease;
use super::provider::Remote;
use super::store::RemoteStore;
use crate::error::Result;
use crate::provider::{Keys, MaybeSend};
use crate::serializer::Serializer;

impl<T: MaybeSend, S: Serializer<T>, B: RemoteStore> Remote<T, S, B> {
    pub(crate) async fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        let shared = &*self.shared;
        let whole = shared.options.namespace.key(key)?;
        if shared.envelope::<T>().is_none() {
            let left = shared.store.ttl(&whole).await?;
            return Ok(left.map(|ms| ms.map_or(Duration::MAX, Duration::from_millis)));
        }
        // Only the stored value records its freshness.
        let found = shared.found(key, shared.store.get_with_ttl(&whole).await)?;
        Ok(found.and_then(|(bytes, left)| shared.fresh_ttl::<T>(bytes.as_ref(), left.unwrap_or(Duration::MAX))))
    }

    pub(crate) async fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        let shared = &*self.shared;
        let whole = shared.options.namespace.key(key)?;
        let ttl = shared.ttl(ttl)?;
        if shared.may_keep_stale::<T>() {
            let touched = shared.found(key, shared.store.get_and_touch(&whole, ttl).await)?;
            return Ok(touched.is_some_and(|bytes| shared.is_fresh::<T>(bytes.as_ref())));
        }
        shared.store.touch(&whole, ttl).await
    }

    pub(crate) async fn exists_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let shared = &*self.shared;
        let whole = shared.options.namespace.keys(keys)?;
        if shared.may_keep_stale::<T>() { self.are_fresh(&whole).await } else { shared.store.exists_many(&whole).await }
    }

    /// Returns for each key whether there is a fresh entry.
    async fn are_fresh(&self, whole: &[Cow<'_, str>]) -> Result<Vec<bool>> {
        let found = self.shared.store.get_many(whole).await?;
        let is_fresh = |bytes: Option<B::Bytes>| bytes.is_some_and(|bytes| self.shared.is_fresh::<T>(bytes.as_ref()));
        Ok(found.into_iter().map(is_fresh).collect())
    }

    pub(crate) async fn delete_many_each(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let shared = &*self.shared;
        let whole = shared.options.namespace.keys(keys)?;
        let _write = shared.single_flight.write_many(keys.to_vec()).await;
        // A stale entry is also removed, but it counts as absent.
        let fresh = if shared.may_keep_stale::<T>() { Some(self.are_fresh(&whole).await?) } else { None };
        let mut deleted = shared.store.delete_each(&whole).await?;
        for (deleted, fresh) in deleted.iter_mut().zip(fresh.iter().flatten()) {
            *deleted &= fresh;
        }
        shared.counters.deletes(deleted.iter().filter(|deleted| **deleted).count() as u64);
        Ok(deleted)
    }

    /// Skips keys that this provider cannot have written: leases, and keys that are not UTF-8. Freshness is checked
    /// only after this provider has seen an entry with a window, because the check has to read the values.
    pub(crate) fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>> {
        let shared = &*self.shared;
        let namespace = &shared.options.namespace;
        Ok(match namespace.pattern(pattern)? {
            Cleared::Key(whole) => Keys::unfold(Some(whole), async move |whole: Option<String>| {
                let Some(whole) = whole else { return Ok(None) };
                let found = namespace.strip(&whole);
                let key = match found {
                    Some(key) if self.exists(key).await? => found,
                    _ => None,
                };
                Ok(Some((key.map(str::to_owned).into_iter().collect(), None)))
            }),
            Cleared::Pattern(pattern) => Keys::unfold(Some((pattern, B::Cursor::default())), async move |place| {
                let Some((pattern, cursor)) = place else { return Ok(None) };
                let (found, next) = shared.store.scan(&pattern, cursor).await?;
                let text = found.iter().filter_map(|key| std::str::from_utf8(key).ok());
                let mut whole: Vec<Cow<'_, str>> = text.filter(|key| !is_lease(key)).map(Cow::Borrowed).collect();
                if shared.may_keep_stale::<T>() {
                    let fresh = self.are_fresh(&whole).await?;
                    whole = whole.into_iter().zip(fresh).filter_map(|(key, fresh)| fresh.then_some(key)).collect();
                }
                let keys = whole.iter().filter_map(|key| namespace.strip(key)).map(str::to_owned);
                Ok(Some((keys.collect(), next.map(|cursor| (pattern, cursor)))))
            }),
        })
    }
}
