//! The results of an invalidation: what it removed, and what may remain.

use std::borrow::Cow;
use std::fmt;

use crate::error::{CacheError, Result};
use crate::key;

/// The number of fresh entries that an invalidation has removed. Entries removed by their tags are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Invalidated {
    /// The number of entities.
    pub entries: u64,
    /// The number of lists.
    pub lists: u64,
}

/// The results of a write and of the invalidation after it.
#[derive(Clone, Debug)]
#[must_use = "the write, the invalidation, or both may have failed"]
pub struct Written<W> {
    /// The output of the write.
    pub outcome: W,
    /// The number of entries removed.
    pub invalidated: Result<Invalidated, InvalidationError>,
}

/// The error of an incomplete invalidation: some entries may remain until they expire or are invalidated again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidationError {
    pub(super) entity: Cow<'static, str>,
    pub(super) removed: Invalidated,
    pub(super) failed: Vec<(String, CacheError)>,
}

impl InvalidationError {
    /// Returns how many entries were removed.
    #[must_use]
    pub fn removed(&self) -> Invalidated {
        self.removed
    }

    /// Returns the keys, patterns and tags whose entries may remain, each with the error. There is at least one.
    pub fn remaining(&self) -> impl Iterator<Item = (&str, &CacheError)> {
        self.failed.iter().map(|(what, error)| (what.as_str(), error))
    }
}

impl fmt::Display for InvalidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the invalidation of {} is incomplete; there may remain", self.entity)?;
        for (at, (what, error)) in self.failed.iter().enumerate() {
            write!(f, "{} {} ({error})", if at == 0 { "" } else { "," }, key::quote(what))?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failed.first().map(|(_, error)| error as _)
    }
}
