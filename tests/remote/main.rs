//! The providers whose entries are on a server, against real servers, which the tests start and stop.
#![cfg(all(unix, not(target_arch = "wasm32")))]

#[path = "../load/cached_scenes.rs"]
mod cached_scenes;
#[path = "../conformance/mod.rs"]
mod conformance;
#[path = "../conformance/counter.rs"]
mod counter;
#[allow(dead_code, reason = "the tests of loading use all of it")]
#[path = "../load/executor.rs"]
mod executor;
#[path = "../load/freshness_scenes.rs"]
mod freshness_scenes;
mod http;
#[path = "../load/lease_scenes.rs"]
mod lease_scenes;
#[path = "../load/scenarios.rs"]
mod load_scenarios;
#[allow(dead_code, reason = "the tests of loading use all of it")]
#[path = "../load/provider.rs"]
mod provider;
mod redis;
mod services;
mod stale_entries;
#[path = "../load/tag_scenes.rs"]
mod tag_scenes;
#[path = "../load/trace_runner.rs"]
mod trace_runner;
mod traced;
mod traces;
#[allow(dead_code)]
#[path = "../../examples/user_service/main.rs"]
mod user_service;
