//! Reports the events of a tiered cache to the facades `metrics` and `tracing`.

use super::source::Invalidation;
#[cfg(feature = "metrics")]
use crate::engine::Millis;

/// Reports an announcement.
pub(super) fn announced(name: &str, event: &Invalidation) {
    #[cfg(feature = "metrics")]
    count(name, event);
    #[cfg(feature = "tracing")]
    match event {
        Invalidation::Connected { resumed, .. } => {
            tracing::debug!(target: "isocache", cache = name, resumed, "changed keys are announced");
        }
        Invalidation::Disconnected { error } => {
            tracing::warn!(target: "isocache", cache = name, "changed keys are not announced, near copies wait: {error}");
        }
        Invalidation::Reset { .. } | Invalidation::All { .. } => {
            tracing::debug!(target: "isocache", cache = name, "all near copies are dropped");
        }
        Invalidation::Keys { .. } | Invalidation::Heartbeat { .. } => {}
    }
}

#[cfg(feature = "metrics")]
fn count(name: &str, event: &Invalidation) {
    let connected = |is: f64| metrics::gauge!("isocache_tier_connected", "cache" => name.to_owned()).set(is);
    match event {
        Invalidation::Connected { .. } => connected(1.0),
        Invalidation::Disconnected { .. } => connected(0.0),
        Invalidation::Keys { keys, .. } => {
            metrics::counter!("isocache_tier_invalidations_total", "cache" => name.to_owned())
                .increment(keys.len() as u64);
        }
        Invalidation::Reset { .. } | Invalidation::All { .. } => {
            metrics::counter!("isocache_tier_resets_total", "cache" => name.to_owned()).increment(1);
        }
        Invalidation::Heartbeat { .. } => {}
    }
}

/// Counts lookups that near copies have answered. A hit itself reports nothing.
#[cfg(feature = "metrics")]
pub(super) fn near_hits(name: &str, hits: u64) {
    reads(name, "near", hits);
}

/// Counts a lookup that the far provider has answered, unless `is_hit` is `None`.
#[cfg(feature = "metrics")]
pub(super) fn far_read(name: &str, is_hit: Option<bool>) {
    if let Some(is_hit) = is_hit {
        reads(name, if is_hit { "far" } else { "miss" }, 1);
    }
}

#[cfg(feature = "metrics")]
fn reads(name: &str, result: &'static str, count: u64) {
    metrics::counter!("isocache_tier_reads_total", "cache" => name.to_owned(), "result" => result).increment(count);
}

/// Reports a measured lag, in milliseconds.
#[cfg(feature = "metrics")]
pub(super) fn lag(name: &str, lag: Millis) {
    metrics::histogram!("isocache_tier_lag_seconds", "cache" => name.to_owned()).record(lag / 1000.0);
}

/// Reports the total time so far during which copies were not served, in milliseconds.
#[cfg(feature = "metrics")]
pub(super) fn suspect(name: &str, so_far: Millis) {
    metrics::gauge!("isocache_tier_suspect_seconds", "cache" => name.to_owned()).set(so_far / 1000.0);
}
