//! What the bridge counts, for Prometheus.

use std::sync::atomic::AtomicU64;

use isocache_protocol::Reply;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::access::table::Spec;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    command: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

/// All counts. Names of commands are those of the table; nothing of a request becomes a label.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    commands: Family<Named, Counter>,
    requests: Family<Status, Counter>,
    hits: Counter,
    misses: Counter,
    errors: Counter,
    latency: Histogram,
    connections_refused: Counter,
    streams: Gauge,
    in_flight: Gauge,
    store_up: Gauge,
}

/// Which commands look something up, so that what they find are hits and misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lookup {
    /// One value or nothing.
    One,
    /// An array of them.
    Many,
    /// None.
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

/// What lookups came to.
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
    /// Nothing counted yet.
    pub fn new(store: &'static str) -> Self {
        let metrics = Self {
            registry: Registry::with_prefix_and_labels("isocache", [("store".into(), store.into())].into_iter()),
            commands: Family::default(),
            requests: Family::default(),
            hits: Counter::default(),
            misses: Counter::default(),
            errors: Counter::default(),
            // From 100 microseconds to 1.6 seconds.
            latency: Histogram::new(exponential_buckets(0.0001, 2.0, 15)),
            connections_refused: Counter::default(),
            streams: Gauge::default(),
            in_flight: Gauge::default(),
            store_up: Gauge::default(),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("commands", "Commands received, by name", self.commands.clone());
        registry.register("requests", "Requests answered, by status", self.requests.clone());
        registry.register("hits", "Lookups that found a value", self.hits.clone());
        registry.register("misses", "Lookups that found none", self.misses.clone());
        registry.register("command_errors", "Commands answered with an error", self.errors.clone());
        registry.register("request_seconds", "Time from a request to its answer", self.latency.clone());
        let refused = self.connections_refused.clone();
        registry.register("connections_refused", "Connections closed because there were too many", refused);
        registry.register("streams", "Subscriptions that are open", self.streams.clone());
        registry.register("in_flight", "Requests under way", self.in_flight.clone());
        registry.register("store_up", "Whether the store answered last: 1 or 0", self.store_up.clone());
        self
    }

    /// Counts the commands of a request, by what the table says of each.
    pub fn commands(&self, specs: &[Option<&'static Spec>]) {
        let name = |spec: Option<&Spec>| spec.map_or("unknown", |spec| spec.name);
        // To find a count costs more than to add to it, and those of a pipeline are mostly the same.
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

    /// Counts an answer.
    pub fn answered(&self, status: u16, seconds: f64) {
        self.requests.get_or_create(&Status { status }).inc();
        self.latency.observe(seconds);
    }

    /// The count of connections that were closed because there were too many.
    pub fn connections_refused(&self) -> Counter {
        self.connections_refused.clone()
    }

    /// Notes whether the store answers.
    pub fn store(&self, up: bool) {
        self.store_up.set(up.into());
    }

    /// All counts as text.
    pub fn text(&self, in_flight: u64, streams: u64) -> String {
        let level = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.in_flight.set(level(in_flight));
        self.streams.set(level(streams));
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// A token that changes with every write, by which clients ask not to be answered from before it. One store has no
/// "before"; the token is what the protocol wants.
#[derive(Debug)]
pub struct SyncToken(AtomicU64);

impl SyncToken {
    /// Begins at a number that is larger than before a restart.
    pub fn new(now_ms: u64) -> Self {
        Self(AtomicU64::new(now_ms))
    }

    /// The token of an answer.
    pub fn after(&self, wrote: bool) -> u64 {
        use std::sync::atomic::Ordering::Relaxed;
        if wrote { self.0.fetch_add(1, Relaxed) + 1 } else { self.0.load(Relaxed) }
    }
}
