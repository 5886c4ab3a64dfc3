//! Stale entries: they are still in the store, for loads that tolerate them, but every other operation treats them as
//! absent.

use std::borrow::Cow;

use super::store::RemoteStore;
use crate::envelope::Envelope;
use crate::error::Result;

/// The number of bytes at the beginning of a value that show whether it may be an envelope.
pub(crate) const HEAD_BYTES: usize = 16;

/// Recognizes entries that are stale at a point in time, by their envelopes.
#[derive(Clone, Copy, Debug)]
pub struct StaleCheck {
    envelope: Envelope,
    now_ms: u64,
}

impl StaleCheck {
    /// For the bridge: a check at a time, in milliseconds since 1970. `format` is the name of a format: `JSON` or
    /// `MSGPACK`.
    #[cfg(all(feature = "redis", not(target_arch = "wasm32")))]
    #[must_use]
    pub fn of(format: &[u8], now_ms: u64) -> Option<Self> {
        Some(Self { envelope: Envelope::of_name(format)?, now_ms })
    }

    pub(crate) fn at(envelope: Envelope, now_ms: u64) -> Self {
        Self { envelope, now_ms }
    }

    /// The name of the envelopes' format.
    #[cfg(feature = "http")]
    pub(crate) fn format(self) -> &'static str {
        self.envelope.name()
    }

    /// Whether a stored value is stale.
    #[must_use]
    pub fn is_stale(self, value: &[u8]) -> bool {
        self.envelope.unwrap(value).fresh_until.is_some_and(|fresh_until| fresh_until <= self.now_ms)
    }

    /// Returns for each key whether its entry is stale. Reads whole values only of entries that may have an envelope.
    pub(crate) async fn are_stale<B: RemoteStore>(self, store: &B, keys: &[Cow<'_, str>]) -> Result<Vec<bool>> {
        let mut stale = vec![false; keys.len()];
        if keys.is_empty() {
            return Ok(stale);
        }
        let heads = store.heads(keys, HEAD_BYTES).await?;
        let may_be =
            |head: &Option<B::Bytes>| head.as_ref().is_some_and(|head| self.envelope.may_begin_with(head.as_ref()));
        let places: Vec<usize> = (0..keys.len()).filter(|&at| heads.get(at).is_some_and(may_be)).collect();
        if places.is_empty() {
            return Ok(stale);
        }
        let candidates: Vec<Cow<'_, str>> =
            places.iter().filter_map(|&at| keys.get(at)).map(|key| Cow::Borrowed(key.as_ref())).collect();
        let values = store.get_each(&candidates).await?;
        for (at, value) in places.into_iter().zip(values) {
            if let (Some(stale), Some(value)) = (stale.get_mut(at), value) {
                *stale = self.is_stale(value.as_ref());
            }
        }
        Ok(stale)
    }
    /// Splits the keys of one step of a scan: those whose entries are not stale, and the number of the others.
    pub(crate) async fn without_stale<B: RemoteStore>(
        self,
        store: &B,
        keys: Vec<Vec<u8>>,
    ) -> Result<(Vec<Vec<u8>>, u64)> {
        // A key that is not UTF-8 belongs to another client, whose entries are fresh.
        let names: Vec<Cow<'_, str>> =
            keys.iter().map(|key| std::str::from_utf8(key).map_or(Cow::Borrowed(""), Cow::Borrowed)).collect();
        let stale = self.are_stale(store, &names).await?;
        let count = stale.iter().filter(|stale| **stale).count() as u64;
        let fresh = keys.into_iter().zip(stale).filter_map(|(key, stale)| (!stale).then_some(key));
        Ok((fresh.collect(), count))
    }
}
