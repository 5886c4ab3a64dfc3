//! What happens to a tiered cache, for the facades `metrics` and `tracing`.

use super::source::Invalidation;

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

/// Counts a lookup that was answered by the far provider: a hit or a miss. A hit of a near copy makes no report itself;
/// their number so far is passed on here.
#[cfg(feature = "metrics")]
pub(super) fn reads(name: &str, near_hits: u64, far: Option<bool>) {
    let counter = |result: &'static str| metrics::counter!("isocache_tier_reads_total", "cache" => name.to_owned(), "result" => result);
    counter("near").absolute(near_hits);
    if let Some(is_hit) = far {
        counter(if is_hit { "far" } else { "miss" }).increment(1);
    }
}
