//! Values in stored form, and their freshness.

use std::time::Duration;

use super::provider::Shared;
use super::stale::StaleCheck;
use crate::engine::{Millis, NEVER};
use crate::envelope::Envelope;
use crate::error::{CacheError, Result};
use crate::key;
use crate::load::Kept;
use crate::serializer::Serializer;

impl<S, B> Shared<S, B> {
    /// How values of this type are wrapped, if they can be.
    pub(super) fn envelope<T>(&self) -> Option<Envelope>
    where
        S: Serializer<T>,
    {
        self.serializer.envelope()
    }

    pub(super) fn encode<T>(&self, key: &str, value: &T) -> Result<Vec<u8>>
    where
        S: Serializer<T>,
    {
        let serialized = self.serializer.serialize(value);
        let bytes = serialized.map_err(|reason| CacheError::Serialize { key: key.to_owned(), reason })?;
        let limit = self.options.max_value_bytes;
        if bytes.len() > limit {
            let (key, length) = (key::quote(key), bytes.len());
            let reason = format!("of key {key} has {length} bytes, more than max_value_bytes, {limit}");
            return Err(CacheError::invalid("value", reason));
        }
        Ok(bytes)
    }

    /// The fresh value, or `None` if it cannot be decoded and that counts as absent.
    pub(super) fn decode<T>(&self, key: &str, bytes: &[u8]) -> Result<Option<T>>
    where
        S: Serializer<T>,
    {
        self.decode_kept(key, bytes).map(|kept| kept.filter(|kept| kept.fresh_for > 0.0).map(|kept| kept.value))
    }

    /// The value, fresh or stale, and its freshness. [`NEVER`] means that it is fresh until it expires.
    pub(super) fn decode_kept<T>(&self, key: &str, bytes: &[u8]) -> Result<Option<Kept<T>>>
    where
        S: Serializer<T>,
    {
        let (mut bytes, mut fresh_for) = (bytes, NEVER);
        if let Some(envelope) = self.envelope::<T>() {
            let unwrapped = envelope.unwrap(bytes);
            bytes = unwrapped.value;
            if let Some(fresh_until) = unwrapped.fresh_until {
                fresh_for = self.fresh_for(fresh_until);
            }
        }
        match self.serializer.deserialize(bytes) {
            Ok(value) => Ok(Some(Kept { value, fresh_for })),
            Err(_) if self.options.undecodable_is_miss => Ok(None),
            Err(reason) => Err(CacheError::Deserialize { key: key.to_owned(), reason }),
        }
    }

    /// How long an entry remains fresh.
    fn fresh_for(&self, fresh_until: u64) -> Millis {
        // Both are below 2^53.
        #[allow(clippy::cast_precision_loss)]
        {
            fresh_until as Millis - self.options.clock.now_ms() as Millis
        }
    }

    /// Recognizes stale entries now; `None` if values of this type have no envelope, so that no entry can be stale.
    pub(super) fn stale_check<T>(&self) -> Option<StaleCheck>
    where
        S: Serializer<T>,
    {
        Some(StaleCheck::at(self.envelope()?, self.options.clock.now_ms()))
    }

    /// How long an entry remains fresh, given the ttl that it has left; `None` if it is stale.
    pub(super) fn fresh_ttl<T>(&self, bytes: &[u8], ttl: Duration) -> Option<Duration>
    where
        S: Serializer<T>,
    {
        let fresh_until = self.envelope::<T>().and_then(|envelope| envelope.unwrap(bytes).fresh_until);
        let Some(fresh_until) = fresh_until else { return Some(ttl) };
        let left = self.fresh_for(fresh_until);
        // A whole number of milliseconds.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        (left > 0.0).then(|| Duration::from_millis(left as u64).min(ttl))
    }

    /// Whether stored bytes are a fresh entry.
    pub(super) fn is_fresh<T>(&self, bytes: &[u8]) -> bool
    where
        S: Serializer<T>,
    {
        let fresh_until = self.envelope::<T>().and_then(|envelope| envelope.unwrap(bytes).fresh_until);
        fresh_until.is_none_or(|fresh_until| self.fresh_for(fresh_until) > 0.0)
    }
}
