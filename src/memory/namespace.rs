//! The part of a cache whose keys have one prefix.

use std::borrow::Cow;
use std::sync::Arc;

use super::cache::MemoryCache;
use super::provider::MemoryCacheProvider;
use crate::error::{CacheError, Result};
use crate::glob::Glob;
use crate::key;
use crate::load::SingleFlight;

pub(super) struct Namespace {
    /// Ends with a colon.
    prefix: String,
    /// The loads of the whole cache, by the keys of this namespace.
    pub(super) single_flight: SingleFlight,
}

impl<T> MemoryCache<T> {
    /// Returns a view of this cache whose keys all begin with `name` and a `:`. Its methods take and return keys without
    /// that prefix, and [`clear`](Self::clear), [`clear_pattern`](Self::clear_pattern), [`keys`](Self::keys),
    /// [`len`](Self::len), [`iter`](Self::iter) and [`dump`](Self::dump) see only its own entries.
    ///
    /// Limits, [`stats`](Self::stats), [`sweep`](Self::sweep) and the listener, which gets whole keys, are those of the
    /// cache. `namespace("a")?.namespace("b")?` is `namespace("a:b")?`.
    ///
    /// ```
    /// use isocache::MemoryCache;
    ///
    /// let cache = MemoryCache::default();
    /// let users = cache.namespace("users")?;
    /// users.set("1", "Ada".to_string(), None)?;
    /// cache.set("greeting", "hello".to_string(), None)?;
    /// assert_eq!(cache.get("users:1")?.as_deref(), Some("Ada"));
    /// assert_eq!(users.keys(), ["1"]);
    /// users.clear();
    /// assert_eq!(cache.keys(), ["greeting"]);
    /// # Ok::<(), isocache::CacheError>(())
    /// ```
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a name that is empty or longer than a key may be.
    pub fn namespace(&self, name: &str) -> Result<Self> {
        if name.is_empty() {
            return Err(CacheError::invalid("namespace", "is empty: leave it out for the whole cache"));
        }
        let prefix = format!("{}{name}:", self.prefix());
        let limit = key::MAX_KEY_BYTES;
        if prefix.len() > limit {
            return Err(CacheError::invalid("namespace", format!("is longer than a key may be, {limit} bytes")));
        }
        let single_flight = self.shared.single_flight.within(&prefix);
        Ok(Self { shared: Arc::clone(&self.shared), namespace: Some(Arc::new(Namespace { prefix, single_flight })) })
    }

    pub(super) fn prefix(&self) -> &str {
        self.namespace.as_ref().map_or("", |namespace| &namespace.prefix)
    }

    /// The key in the whole cache. Without a namespace, it is not checked yet.
    #[inline]
    pub(super) fn whole<'a>(&self, key: &'a str) -> Result<Cow<'a, str>> {
        match &self.namespace {
            None => Ok(Cow::Borrowed(key)),
            Some(namespace) => namespace.whole(key).map(Cow::Owned),
        }
    }

    pub(super) fn all_whole<'a>(&self, keys: &[&'a str]) -> Result<Vec<Cow<'a, str>>> {
        keys.iter().map(|key| self.whole(key)).collect()
    }

    /// The pattern in the cache.
    pub(super) fn whole_pattern<'a>(&self, pattern: &'a str) -> Result<Cow<'a, str>> {
        if pattern.is_empty() {
            return Err(CacheError::invalid("pattern", "must not be empty; \"*\" matches every key"));
        }
        Ok(match &self.namespace {
            None => Cow::Borrowed(pattern),
            Some(namespace) => Cow::Owned(Glob::escape(&namespace.prefix) + pattern),
        })
    }

    /// The key of an entry of this view, for errors.
    pub(super) fn known<'a>(&self, key: &'a str) -> &'a str {
        self.strip(key).unwrap_or(key)
    }

    /// The key as callers of this view know it; `None` if it is in another namespace.
    pub(super) fn strip<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(self.prefix()).filter(|key| !key.is_empty())
    }
}

impl Namespace {
    /// The key in the cache.
    #[cold]
    pub(super) fn whole(&self, key: &str) -> Result<String> {
        key::check(key)?;
        Ok(self.prefix.clone() + key)
    }
}

impl<T> MemoryCacheProvider<T> {
    /// Returns a view of this cache whose keys all begin with `name` and a `:`, as [`MemoryCache::namespace`].
    ///
    /// ```
    /// use isocache::{CacheProvider, MemoryCacheProvider};
    ///
    /// # pollster::block_on(async {
    /// let cache = MemoryCacheProvider::<String>::default();
    /// let users = cache.namespace("users")?;
    /// users.set("1", "Ada".to_string(), None).await?;
    /// assert_eq!(cache.get("users:1").await?.as_deref(), Some("Ada"));
    /// assert_eq!(users.clear_pattern("*").await?, 1);
    /// # Ok::<(), isocache::CacheError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a name that is empty or longer than a key may be.
    pub fn namespace(&self, name: &str) -> Result<Self> {
        self.cache.namespace(name).map(Self::from)
    }
}
