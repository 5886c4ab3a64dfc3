//! What `tests/node.rs` and `tests/web.rs` run, each in its environment.

mod cached;
mod http_faults;
mod http_rules;
mod invalidations;
mod js_provider;
mod loading;
mod memory;
mod servers;
mod tiered;
