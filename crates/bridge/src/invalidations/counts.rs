//! Counts of changes and their delivery.

use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    event: &'static str,
}

/// The counts. Clones share them.
#[derive(Clone, Debug)]
pub struct Counts {
    recorded: Counter,
    resets: Counter,
    events: Family<Named, Counter>,
    bytes: Counter,
    polls: Counter,
    delivery: Histogram,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            recorded: Counter::default(),
            resets: Counter::default(),
            events: Family::default(),
            bytes: Counter::default(),
            polls: Counter::default(),
            // From 50 microseconds to 1.6 seconds.
            delivery: Histogram::new(exponential_buckets(0.000_05, 2.0, 16)),
        }
    }
}

impl Counts {
    /// Registers the counts by name.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("invalidations", "Announced changes of keys", self.recorded.clone());
        registry.register("invalidation_resets", "Readers that were told to drop everything", self.resets.clone());
        registry.register("invalidation_events", "Events sent to readers, by name", self.events.clone());
        registry.register("invalidation_bytes", "Bytes of events sent to readers", self.bytes.clone());
        registry.register("invalidation_polls", "Responses to readers without a stream", self.polls.clone());
        let help = "Time from the announcement of a change to its event, for each event of each reader";
        registry.register("invalidation_delivery_seconds", help, self.delivery.clone());
    }

    /// Counts an event sent to a reader.
    pub fn sent(&self, event: &'static str, bytes: usize) {
        self.events.get_or_create(&Named { event }).inc();
        self.bytes.inc_by(bytes as u64);
    }

    /// Counts a response to a reader without a stream.
    pub fn polled(&self) {
        self.polls.inc();
    }

    pub(super) fn recorded(&self, changes: usize) {
        self.recorded.inc_by(changes as u64);
    }

    pub(super) fn reset(&self) {
        self.resets.inc();
    }

    /// Records that a reader takes changes. `since` is when the first of them was announced.
    pub(super) fn taken(&self, since: Option<Instant>) {
        if let Some(since) = since {
            self.delivery.observe(since.elapsed().as_secs_f64());
        }
    }

    #[cfg(test)]
    pub(super) fn recorded_and_resets(&self) -> (u64, u64) {
        (self.recorded.get(), self.resets.get())
    }
}
