//! The checks of an entry that can be made outside the lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::builder::{MemoryCacheBuilder, SizeOf};
use crate::engine::{Millis, NEVER, Refused};
use crate::error::{CacheError, Result};
use crate::key;
use crate::ttl::{TtlMs, ttl_ms};

/// How a write handles a value that is larger than [`max_entry_bytes`](crate::MemoryCacheBuilder::max_entry_bytes) or
/// [`max_bytes`](crate::MemoryCacheBuilder::max_bytes). Unless it is [`Keep`](Self::Keep), an older value under its key is
/// removed, so that it is not mistaken for the new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnOversize {
    /// The write fails with [`CacheError::InvalidArgument`].
    #[default]
    Error,
    /// The write succeeds, but the value is not stored.
    Skip,
    /// The write succeeds, but the value is not stored, and an older value under its key stays.
    Keep,
}

/// The rules for the entries of a cache.
pub(super) struct Rules<T> {
    pub(super) size_of: Option<SizeOf<T>>,
    default_ttl: TtlMs,
    pub(super) on_oversize: OnOversize,
    max_entry_bytes: u64,
    /// The limit on bytes. The engine also enforces it, and has the final say.
    max_bytes: AtomicU64,
}

/// The properties of an entry, derived from the rules.
#[derive(Clone, Copy)]
pub(super) struct Checked {
    pub(super) weight: u64,
    /// Its ttl in milliseconds, or [`NEVER`].
    pub(super) ttl: Millis,
    /// Whether it exceeds the size limit of an entry.
    pub(super) is_oversized: bool,
}

impl<T> Rules<T> {
    pub(super) fn new<C>(builder: &mut MemoryCacheBuilder<T, C>, default_ttl: TtlMs, max_bytes: u64) -> Self {
        Self {
            size_of: builder.size_of.take(),
            default_ttl,
            on_oversize: builder.on_oversize,
            max_entry_bytes: builder.max_entry_bytes,
            max_bytes: AtomicU64::new(max_bytes),
        }
    }

    pub(super) fn set_max_bytes(&self, max_bytes: u64) {
        self.max_bytes.store(max_bytes, Ordering::Relaxed);
    }

    /// The ttl of entries that are written without one.
    pub(super) fn default_ttl(&self) -> Duration {
        self.default_ttl.map_or(Duration::MAX, Duration::from_millis)
    }

    /// A ttl in milliseconds, or [`NEVER`].
    #[inline]
    pub(super) fn ttl(&self, ttl: Option<Duration>) -> Result<Millis> {
        let ms = if ttl.is_some() { ttl_ms(ttl)? } else { self.default_ttl };
        // At most 2^53.
        #[allow(clippy::cast_precision_loss)]
        Ok(ms.map_or(NEVER, |ms| ms as Millis))
    }

    /// Checks an entry and measures its value.
    #[inline]
    pub(super) fn check(&self, key: &str, value: &T, ttl: Option<Duration>) -> Result<Checked> {
        key::check(key)?;
        let ttl = self.ttl(ttl)?;
        let weight = self.size_of.as_ref().map_or(0, |size_of| size_of(key, value));
        let is_oversized = weight > self.max_entry_bytes.min(self.max_bytes.load(Ordering::Relaxed));
        Ok(Checked { weight, ttl, is_oversized })
    }

    /// The error for a refused value.
    pub(super) fn refusal(&self, key: &str, refused: Refused, weight: u64) -> CacheError {
        let Refused::TooHeavy = refused else { return out_of_memory(key) };
        let max_bytes = self.max_bytes.load(Ordering::Relaxed);
        let (option, limit) = if self.max_entry_bytes < max_bytes {
            ("max_entry_bytes", self.max_entry_bytes)
        } else {
            ("max_bytes", max_bytes)
        };
        let reason = format!("of key {} has {weight} bytes, more than {option}, {limit}", key::quote(key));
        CacheError::invalid("value", reason)
    }
}

/// The error when the tables cannot grow.
pub(super) fn out_of_memory(key: &str) -> CacheError {
    CacheError::Full(format!("out of memory while storing key {}", key::quote(key)))
}
