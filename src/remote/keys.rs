//! Keys and patterns within a namespace.

use std::borrow::Cow;

use crate::error::{CacheError, Result};
use crate::glob::Glob;
use crate::key;

/// The part of a shared store that belongs to one provider: all keys that begin with its prefix. The empty one is the
/// whole store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Namespace {
    /// The name and its `:`; or nothing.
    prefix: String,
}

/// What a pattern stands for.
pub(super) enum Cleared {
    /// One key.
    Key(String),
    /// All keys that match.
    Pattern(String),
}

impl Namespace {
    /// The keys that begin with `name` and a colon.
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

    /// Whether it is the whole store.
    pub(super) fn is_everything(&self) -> bool {
        self.prefix.is_empty()
    }

    /// The whole key under which an entry is stored.
    pub(super) fn key<'a>(&self, key: &'a str) -> Result<Cow<'a, str>> {
        key::check(key)?;
        if self.is_everything() { Ok(Cow::Borrowed(key)) } else { Ok(Cow::Owned(format!("{}{key}", self.prefix))) }
    }

    /// The key of an entry as its callers know it; `None` for one of another namespace.
    pub(super) fn strip<'a>(&self, whole: &'a str) -> Option<&'a str> {
        whole.strip_prefix(&self.prefix).filter(|key| !key.is_empty())
    }

    pub(super) fn keys<'a>(&self, keys: &[&'a str]) -> Result<Vec<Cow<'a, str>>> {
        keys.iter().map(|key| self.key(key)).collect()
    }

    /// A pattern over the keys of this namespace. The prefix is taken literally, whatever it holds.
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
