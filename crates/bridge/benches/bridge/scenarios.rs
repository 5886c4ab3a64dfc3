//! What is measured, and how.

use std::time::Duration;

use crate::direct::{self, Direct};
use crate::load::{self, Outcome};
use crate::process::Bridge;
use crate::requests::{Ask, Dress, request};
use servers::redis::RedisServer;

/// One row: both stores are made to do it, and Redis alone.
pub struct Scenario {
    pub name: &'static str,
    pub ask: Ask,
    pub dress: Dress,
    pub connections: usize,
    /// The most processor time of the bridge for a command, in microseconds.
    pub most_us: Option<f64>,
    /// The least share of the throughput that Redis alone has.
    pub least_share: Option<f64>,
    /// Whether one connection waits for each answer, so that time is what is looked at.
    pub is_latency: bool,
}

const fn scenario(name: &'static str, ask: Ask, dress: Dress, connections: usize) -> Scenario {
    Scenario { name, ask, dress, connections, most_us: None, least_share: None, is_latency: false }
}

impl Scenario {
    const fn at_most(mut self, us: f64) -> Self {
        self.most_us = Some(us);
        self
    }

    const fn at_least(mut self, share: f64) -> Self {
        self.least_share = Some(share);
        self
    }
}

/// All rows.
pub const SCENARIOS: &[Scenario] = &[
    scenario("get", Ask::Get, Dress::Plain, 16).at_most(30.0),
    scenario("get-official", Ask::Get, Dress::Official, 16).at_most(30.0),
    scenario("set", Ask::Set, Dress::Plain, 16).at_most(30.0),
    scenario("pipeline-100", Ask::Pipeline(100), Dress::Plain, 16).at_most(0.8).at_least(0.5),
    scenario("pipeline-100-official", Ask::Pipeline(100), Dress::Official, 16).at_most(0.8).at_least(0.5),
    scenario("pipeline-100-resp", Ask::Pipeline(100), Dress::Resp, 16).at_most(0.8).at_least(0.5),
    scenario("pipeline-1000", Ask::Pipeline(1000), Dress::Plain, 16).at_most(0.6).at_least(0.7),
    Scenario { is_latency: true, ..scenario("latency", Ask::Get, Dress::Plain, 1) },
];

/// What takes part.
pub struct Bench<'a> {
    pub redis: &'a RedisServer,
    pub redis_pid: u32,
    /// With the embedded store.
    pub own: &'a Bridge,
    /// With Redis behind it.
    pub behind: &'a Bridge,
    /// How long each load goes on.
    pub time: Duration,
}

/// What one bridge came to in one round.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub commands_per_second: f64,
    /// Processor time of the bridge for a command, in microseconds.
    pub bridge_us: f64,
    /// That of Redis.
    pub redis_us: f64,
    pub p50_us: f64,
    pub p99_us: f64,
}

/// All rounds of a row.
pub struct Measured {
    pub scenario: &'static Scenario,
    pub own: Vec<Run>,
    pub behind: Vec<Run>,
    pub direct: Vec<Direct>,
}

impl Measured {
    pub fn new(scenario: &'static Scenario) -> Self {
        Self { scenario, own: Vec::new(), behind: Vec::new(), direct: Vec::new() }
    }

    /// One round.
    pub fn measure(&mut self, bench: &Bench<'_>) {
        let Scenario { ask, dress, connections, .. } = *self.scenario;
        let request = request(ask, dress);
        let run = |bridge: &Bridge| {
            let watched = [bridge.pid(), bench.redis_pid];
            Run::new(&load::run(bridge.address, connections, &request, bench.time, &watched), ask.commands())
        };
        self.own.push(run(bench.own));
        self.behind.push(run(bench.behind));
        // About as long as the others. It knows no larger pipelines than a hundred that would make it faster.
        let pipeline = ask.commands().min(100);
        let per_second = if pipeline > 1 { 800_000.0 } else { 20_000.0 };
        let commands = (per_second * bench.time.as_secs_f64()) as usize;
        self.direct.push(direct::get(bench.redis, connections, pipeline, commands));
    }
}

impl Run {
    fn new(outcome: &Outcome, commands: usize) -> Self {
        let total = outcome.requests as f64 * commands as f64;
        let us = |at: usize| outcome.processors[at] * 1e6 / total;
        let quantile = |at: f64| {
            let last = outcome.latencies.len().checked_sub(1).expect("some were answered");
            outcome.latencies[(last as f64 * at).round() as usize]
        };
        Self {
            commands_per_second: total / outcome.seconds,
            bridge_us: us(0),
            redis_us: us(1),
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
        }
    }
}
