//! The providers whose entries are on a server, against real servers, which the tests start and stop.
#![cfg(all(unix, not(target_arch = "wasm32")))]

#[path = "../load/cached_scenes.rs"]
mod cached_scenes;
#[path = "../conformance/mod.rs"]
mod conformance;
#[path = "../conformance/counter.rs"]
mod counter;
mod http;
#[path = "../load/lease_scenes.rs"]
mod lease_scenes;
#[path = "../load/scenarios.rs"]
mod load_scenarios;
mod redis;
#[path = "../load/tag_scenes.rs"]
mod tag_scenes;
#[allow(dead_code)]
#[path = "../../examples/user_service/main.rs"]
mod user_service;
