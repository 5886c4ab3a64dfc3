//! What an entry must be to be stored: everything that can be known before the lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::builder::Weigher;
use crate::engine::{Millis, NEVER, Refused};
use crate::error::{CacheError, Result};
use crate::key;
use crate::ttl::whole_ms;

/// The rules for the entries of one cache.
pub(super) struct Rules<T> {
    pub(super) weigher: Option<Weigher<T>>,
    pub(super) default_ttl: Option<Duration>,
    /// The limit on weight. The engine has it too, and has the last word.
    max_bytes: AtomicU64,
}

/// What the rules find out about an entry.
#[derive(Clone, Copy)]
pub(super) struct Checked {
    pub(super) weight: u64,
    /// Its life in milliseconds, or [`NEVER`].
    pub(super) life: Millis,
}

impl<T> Rules<T> {
    pub(super) fn new(weigher: Option<Weigher<T>>, default_ttl: Option<Duration>, max_bytes: u64) -> Self {
        Self { weigher, default_ttl, max_bytes: AtomicU64::new(max_bytes) }
    }

    pub(super) fn set_max_bytes(&self, max_bytes: u64) {
        self.max_bytes.store(max_bytes, Ordering::Relaxed);
    }

    /// A ttl as a life in milliseconds, or [`NEVER`].
    pub(super) fn life(&self, ttl: Option<Duration>) -> Result<Millis> {
        let ttl = ttl.or(self.default_ttl).filter(|ttl| *ttl != Duration::MAX);
        // At most 2^53.
        #[allow(clippy::cast_precision_loss)]
        ttl.map_or(Ok(NEVER), |ttl| whole_ms(ttl).map(|ms| ms as Millis))
    }

    /// Checks an entry, and weighs its value.
    pub(super) fn check(&self, key: &str, value: &T, ttl: Option<Duration>) -> Result<Checked> {
        key::check(key)?;
        let life = self.life(ttl)?;
        let weight = self.weigher.as_ref().map_or(0, |weigh| weigh(key, value));
        let limit = self.max_bytes.load(Ordering::Relaxed);
        if weight > limit {
            return Err(refusal(key, Refused::TooHeavy, weight, limit));
        }
        Ok(Checked { weight, life })
    }
}

/// The error for a value that is refused.
pub(super) fn refusal(key: &str, refused: Refused, weight: u64, max_bytes: u64) -> CacheError {
    let key = key::quote(key);
    let reason = match refused {
        Refused::TooHeavy => format!("of key {key} weighs {weight}, more than max_bytes, {max_bytes}"),
        Refused::OutOfMemory | Refused::Vacant => format!("of key {key} finds no memory"),
    };
    CacheError::invalid("value", reason)
}
