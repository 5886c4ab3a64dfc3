//! Tiered caches: the rules of providers, loading, and how old a read may be, in thousands of schedules.
#![cfg(not(target_arch = "wasm32"))]

mod behaviour;
#[path = "../conformance/mod.rs"]
mod conformance;
#[path = "../load/executor.rs"]
#[allow(dead_code, reason = "the tests of loading use all of it")]
mod executor;
#[path = "../load/freshness_scenes.rs"]
mod freshness_scenes;
mod loading;
#[path = "../load/provider.rs"]
#[allow(dead_code, reason = "the tests of loading use all of it")]
mod provider;
mod reports;
mod rules;
#[path = "../load/scenarios.rs"]
mod scenarios;
mod schedules;
mod simulator;
#[path = "../load/tag_scenes.rs"]
mod tag_scenes;
#[path = "../load/trace_runner.rs"]
mod trace_runner;
mod watched;

/// How long a cache may take to hear of changes; only a hang reaches it.
const READY_LIMIT: std::time::Duration = std::time::Duration::from_secs(300);
