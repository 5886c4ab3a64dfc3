//! Checks an entry before it is stored, as far as that can be done outside the lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::builder::SizeOf;
use crate::engine::{Millis, NEVER, Refused};
use crate::error::{CacheError, Result};
use crate::key;
use crate::ttl::{TtlMs, ttl_ms};

/// The rules for the entries of one cache.
pub(super) struct Rules<T> {
    pub(super) size_of: Option<SizeOf<T>>,
    default_ttl: TtlMs,
    /// The limit on bytes. The engine has it too, and has the last word.
    max_bytes: AtomicU64,
}

/// An entry's properties that the rules determine.
#[derive(Clone, Copy)]
pub(super) struct Checked {
    pub(super) weight: u64,
    /// Its ttl in milliseconds, or [`NEVER`].
    pub(super) ttl: Millis,
}

impl<T> Rules<T> {
    pub(super) fn new(size_of: Option<SizeOf<T>>, default_ttl: TtlMs, max_bytes: u64) -> Self {
        Self { size_of, default_ttl, max_bytes: AtomicU64::new(max_bytes) }
    }

    pub(super) fn set_max_bytes(&self, max_bytes: u64) {
        self.max_bytes.store(max_bytes, Ordering::Relaxed);
    }

    /// A ttl in milliseconds, or [`NEVER`].
    pub(super) fn ttl(&self, ttl: Option<Duration>) -> Result<Millis> {
        let ms = if ttl.is_some() { ttl_ms(ttl)? } else { self.default_ttl };
        // At most 2^53.
        #[allow(clippy::cast_precision_loss)]
        Ok(ms.map_or(NEVER, |ms| ms as Millis))
    }

    /// Checks an entry, and measures its value.
    pub(super) fn check(&self, key: &str, value: &T, ttl: Option<Duration>) -> Result<Checked> {
        key::check(key)?;
        let ttl = self.ttl(ttl)?;
        let weight = self.size_of.as_ref().map_or(0, |size_of| size_of(key, value));
        let limit = self.max_bytes.load(Ordering::Relaxed);
        if weight > limit {
            return Err(refusal(key, Refused::TooHeavy, weight, limit));
        }
        Ok(Checked { weight, ttl })
    }
}

/// The error where the tables cannot grow.
pub(super) fn out_of_memory(key: &str) -> CacheError {
    CacheError::Full(format!("out of memory while storing key {}", key::quote(key)))
}

/// The error for a value that is refused.
pub(super) fn refusal(key: &str, refused: Refused, weight: u64, max_bytes: u64) -> CacheError {
    match refused {
        Refused::TooHeavy => CacheError::invalid(
            "value",
            format!("of key {} has {weight} bytes, more than max_bytes, {max_bytes}", key::quote(key)),
        ),
        Refused::OutOfMemory | Refused::Vacant => out_of_memory(key),
    }
}
