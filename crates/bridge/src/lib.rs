//! The bridge: a store behind HTTP.
//!
//! | part | contents |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`settings`], [`access`], [`values`] | the configuration file: the server, the store, and access |
//! | `server_policy`, `open_store`, `certificate` | what the server runs with, made from settings and options |
//! | `serve`, `signals` | the process: start, reload, shutdown |
//! | `simulate` | the hit ratios of recorded accesses |
//! | `connections`, `timeouts`, `keep_alive` | limits on the number of connections, and on each of them |
//! | [`server`] | the handling of HTTP requests |
//! | [`store`] | the embedded store, and Redis |
//! | [`invalidations`] | announcements of changed keys |

#![forbid(unsafe_code)]

#[cfg(target_arch = "wasm32")]
compile_error!("isocache-bridge opens sockets, which wasm32 cannot");

pub mod access;
mod certificate;
pub mod cli;
mod connections;
pub mod invalidations;
mod keep_alive;
mod open_store;
mod serve;
pub mod server;
mod server_policy;
pub mod settings;
mod sign;
mod signals;
mod simulate;
pub mod store;
mod timeouts;
pub mod values;
