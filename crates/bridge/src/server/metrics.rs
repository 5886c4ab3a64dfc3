//! Metrics for Prometheus.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use isocache::Estimate;
use isocache_protocol::Reply;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::access::table::Spec;
use crate::store::Store;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    command: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

/// A simulated cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Simulated {
    policy: &'static str,
    /// A multiple of the current size.
    size: String,
}

/// All metrics. Clones share them. Command names are those of the table; no part of a request becomes a label.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    commands: Family<Named, Counter>,
    requests: Family<Status, Counter>,
    hits: Counter,
    misses: Counter,
    errors: Counter,
    latency: Histogram,
    connections_refused: Counter,
    streams: Gauge,
    invalidation_readers: Gauge,
    in_flight: Gauge,
    store_up: Gauge,
    snapshots: Family<Outcome, Counter>,
    snapshot_failed: Arc<AtomicBool>,
    last_snapshot: Gauge,
    hit_ratios: Family<Simulated, Gauge<f64, AtomicU64>>,
}

/// Whether a command looks up values, so that its reply counts as hits and misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lookup {
    /// One value.
    One,
    /// An array of values.
    Many,
    /// No value.
    No,
}

impl Lookup {
    fn of(spec: &'static Spec) -> Self {
        match spec.name {
            "get" | "getex" | "hget" => Self::One,
            "mget" | "hmget" => Self::Many,
            _ => Self::No,
        }
    }
}

/// The results of lookups.
#[derive(Default)]
struct Found {
    hits: u64,
    misses: u64,
}

impl Found {
    fn count(&mut self, value: &Reply) {
        let counter = if matches!(value, Reply::Nil) { &mut self.misses } else { &mut self.hits };
        *counter += 1;
    }
}

impl Metrics {
    /// Creates metrics that start at 0, and includes the counts of the store's changes.
    pub fn new(store: &Store) -> Self {
        let labels = [("store".into(), store.kind().into())].into_iter();
        let mut registry = Registry::with_prefix_and_labels("isocache", labels);
        let mut metrics = Self {
            registry: Arc::default(),
            commands: Family::default(),
            requests: Family::default(),
            hits: Counter::default(),
            misses: Counter::default(),
            errors: Counter::default(),
            // From 100 microseconds to 1.6 seconds.
            latency: Histogram::new(exponential_buckets(0.0001, 2.0, 15)),
            connections_refused: Counter::default(),
            streams: Gauge::default(),
            invalidation_readers: Gauge::default(),
            in_flight: Gauge::default(),
            store_up: Gauge::default(),
            snapshots: Family::default(),
            snapshot_failed: Arc::default(),
            last_snapshot: Gauge::default(),
            hit_ratios: Family::default(),
        };
        metrics.register(&mut registry);
        store.log().counts().register(&mut registry);
        metrics.registry = Arc::new(registry);
        metrics
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("commands", "Commands received, by name", self.commands.clone());
        registry.register("requests", "Responses, by status", self.requests.clone());
        registry.register("hits", "Lookups that found a value", self.hits.clone());
        registry.register("misses", "Lookups that found no value", self.misses.clone());
        registry.register("command_errors", "Commands with an error as the reply", self.errors.clone());
        registry.register("request_seconds", "Time from a request to its response", self.latency.clone());
        let refused = self.connections_refused.clone();
        registry.register("connections_refused", "Connections closed because there were too many", refused);
        registry.register("streams", "Open subscriptions", self.streams.clone());
        let readers = self.invalidation_readers.clone();
        registry.register("invalidation_readers", "Open streams of changed keys", readers);
        registry.register("in_flight", "Requests in progress", self.in_flight.clone());
        registry.register("store_up", "Whether the store replied last time: 1 or 0", self.store_up.clone());
        registry.register("snapshots", "Snapshots, by outcome: written or failed", self.snapshots.clone());
        let last = self.last_snapshot.clone();
        registry.register("last_snapshot_seconds", "Time of the last written snapshot, in seconds since 1970", last);
        let ratios = self.hit_ratios.clone();
        registry.register(
            "estimated_hit_ratio",
            "What the store would hit, by policy and multiple of its size",
            ratios,
        );
    }

    /// Counts a snapshot.
    pub fn snapshot(&self, written: bool) {
        let outcome = if written { "written" } else { "failed" };
        self.snapshots.get_or_create(&Outcome { outcome }).inc();
        self.snapshot_failed.store(!written, Ordering::Relaxed);
        if written {
            let seconds = isocache::Clock::now_ms(&isocache::UnixClock) / 1000;
            self.last_snapshot.set(i64::try_from(seconds).unwrap_or(i64::MAX));
        }
    }

    /// Whether the last snapshot failed.
    pub fn snapshot_failed(&self) -> bool {
        self.snapshot_failed.load(Ordering::Relaxed)
    }

    /// Counts the commands of a request.
    pub fn commands(&self, specs: &[Option<&'static Spec>]) {
        let name = |spec: Option<&Spec>| spec.map_or("unknown", |spec| spec.name);
        // Finding a counter costs more than adding to it, and the commands of a pipeline are mostly the same.
        for alike in specs.chunk_by(|one, next| name(*one) == name(*next)) {
            if let Some(first) = alike.first() {
                self.commands.get_or_create(&Named { command: name(*first) }).inc_by(alike.len() as u64);
            }
        }
    }

    /// Counts the replies to the commands of a request.
    pub fn replies(&self, specs: &[Option<&'static Spec>], replies: &[Reply]) {
        let (mut found, mut errors) = (Found::default(), 0);
        for (spec, reply) in specs.iter().zip(replies) {
            match (spec.map_or(Lookup::No, Lookup::of), reply) {
                (_, Reply::Error(_)) => errors += 1,
                (Lookup::No, _) => {}
                (Lookup::Many, Reply::Array(values)) => values.iter().for_each(|value| found.count(value)),
                (Lookup::One | Lookup::Many, _) => found.count(reply),
            }
        }
        self.hits.inc_by(found.hits);
        self.misses.inc_by(found.misses);
        self.errors.inc_by(errors);
    }

    /// Counts a response.
    pub fn responded(&self, status: u16, seconds: f64) {
        self.requests.get_or_create(&Status { status }).inc();
        self.latency.observe(seconds);
    }

    /// The number of connections closed because of the limit.
    pub fn connections_refused(&self) -> Counter {
        self.connections_refused.clone()
    }

    /// Records whether the store replies.
    pub fn store(&self, up: bool) {
        self.store_up.set(up.into());
    }

    /// Records the estimated hit ratios of the store at other sizes and under each policy.
    pub fn advice(&self, estimates: &[Estimate]) {
        for estimate in estimates {
            for (policy, ratio) in [("lru", estimate.lru), ("s3fifo", estimate.s3_fifo)] {
                let simulated = Simulated { policy, size: estimate.factor.to_string() };
                self.hit_ratios.get_or_create(&simulated).set(ratio);
            }
        }
    }

    /// All metrics as text.
    pub fn text(&self, in_flight: u64, streams: u64, invalidation_readers: usize) -> String {
        let level = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.in_flight.set(level(in_flight));
        self.streams.set(level(streams));
        self.invalidation_readers.set(level(invalidation_readers as u64));
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
