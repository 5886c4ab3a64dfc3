//! Keys and patterns within a namespace.

use std::borrow::Cow;

use crate::error::{CacheError, Result};
use crate::glob::Glob;
use crate::key;

/// The namespace of a provider in a shared store: all keys that begin with its prefix. An empty prefix is the whole
/// store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Namespace {
    /// The name followed by `:`, or an empty string.
    prefix: String,
}

/// A pattern, resolved within a namespace.
pub(super) enum Cleared {
    /// A literal pattern, which matches one key.
    Key(String),
    /// A pattern with wildcards.
    Pattern(String),
}

impl Namespace {
    /// The namespace of keys that begin with `name` and a colon.
    pub(crate) fn new(name: &str) -> Result<Self> {
        if name.is_empty() {
            return Err(CacheError::invalid("namespace", "is empty: leave it out for the whole store"));
        }
        let prefix = format!("{name}:");
        if prefix.len() > key::MAX_KEY_BYTES {
            let limit = key::MAX_KEY_BYTES;
            return Err(CacheError::invalid("namespace", format!("is longer than a key may be, {limit} bytes")));
        }
        Ok(Self { prefix })
    }

    /// Whether the namespace is the whole store.
    pub(super) fn is_everything(&self) -> bool {
        self.prefix.is_empty()
    }

    /// The beginning of all its keys; `None` for the whole store.
    pub(crate) fn prefix(&self) -> Option<&str> {
        if self.is_everything() { None } else { Some(&self.prefix) }
    }

    /// The full key under which an entry is stored.
    pub(super) fn key<'a>(&self, key: &'a str) -> Result<Cow<'a, str>> {
        key::check(key)?;
        if self.is_everything() { Ok(Cow::Borrowed(key)) } else { Ok(Cow::Owned(format!("{}{key}", self.prefix))) }
    }

    /// The key of an entry as callers know it; `None` if the key is outside the namespace.
    pub(crate) fn strip<'a>(&self, full_key: &'a str) -> Option<&'a str> {
        full_key.strip_prefix(&self.prefix).filter(|key| !key.is_empty())
    }

    pub(super) fn keys<'a>(&self, keys: &[&'a str]) -> Result<Vec<Cow<'a, str>>> {
        keys.iter().map(|key| self.key(key)).collect()
    }

    /// Resolves a pattern within this namespace. The prefix is matched literally.
    pub(super) fn pattern(&self, pattern: &str) -> Result<Cleared> {
        if pattern.is_empty() {
            return Err(CacheError::invalid("pattern", "is empty"));
        }
        Ok(match Glob::new(pattern).literal() {
            Some(key) => Cleared::Key(format!("{}{key}", self.prefix)),
            None => Cleared::Pattern(format!("{}{pattern}", Glob::escape(&self.prefix))),
        })
    }
}
