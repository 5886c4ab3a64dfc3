//! Spans of `tracing` around the operations of a tiered cache, with the names that OpenTelemetry and Sentry use for
//! caches.
//!
//! Without the feature `tracing` they do nothing.

use std::future::Future;

use super::hub::Hub;

/// The tier that answered a lookup.
#[derive(Clone, Copy)]
pub(super) enum Tier {
    Near,
    Far,
}

/// The span of one operation.
pub(super) struct Span {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

macro_rules! span {
    ($hub:expr, $keys:expr, $name:literal $(, $empty:ident)*) => {{
        #[cfg(feature = "tracing")]
        {
            let keys = $keys.map(|keys: usize| keys as u64);
            let name = $hub.name.as_str();
            let span = tracing::debug_span!(
                target: "isocache",
                $name,
                cache.name = name,
                cache.keys = keys
                $(, cache.$empty = tracing::field::Empty)*
            );
            Span { span }
        }
        #[cfg(not(feature = "tracing"))]
        {
            let _ = ($hub, $keys);
            Span {}
        }
    }};
}

impl Span {
    /// The span of a lookup; `keys` is the number of keys, if there may be several.
    pub(super) fn get(hub: &Hub, keys: Option<usize>) -> Self {
        span!(hub, keys, "cache.get", hit, tier)
    }

    /// The span of a write.
    pub(super) fn put(hub: &Hub, keys: Option<usize>) -> Self {
        span!(hub, keys, "cache.put")
    }

    /// The span of a removal.
    pub(super) fn remove(hub: &Hub, keys: Option<usize>) -> Self {
        span!(hub, keys, "cache.remove")
    }

    /// The span of a removal of all keys that match a pattern.
    pub(super) fn flush(hub: &Hub) -> Self {
        span!(hub, None::<usize>, "cache.flush")
    }

    /// A hit of a near copy, which takes no time.
    #[inline]
    pub(super) fn near_hit(hub: &Hub) {
        Self::get(hub, None).found(true, Tier::Near);
    }

    /// Records the outcome of a lookup.
    #[cfg_attr(not(feature = "tracing"), allow(clippy::unused_self))]
    pub(super) fn found(&self, is_hit: bool, tier: Tier) {
        #[cfg(feature = "tracing")]
        {
            self.span.record("cache.hit", is_hit);
            self.span.record("cache.tier", if let Tier::Near = tier { "near" } else { "far" });
        }
        #[cfg(not(feature = "tracing"))]
        let _ = (is_hit, tier);
    }

    /// Runs an operation within the span.
    #[cfg(feature = "tracing")]
    pub(super) fn around<F: Future>(&self, operation: F) -> impl Future<Output = F::Output> + use<F> {
        tracing::Instrument::instrument(operation, self.span.clone())
    }

    /// Runs an operation within the span.
    #[cfg(not(feature = "tracing"))]
    #[allow(clippy::unused_self)]
    pub(super) fn around<F: Future>(&self, operation: F) -> F {
        operation
    }
}
