//! The bridge: a store behind HTTP.
//!
//! | part | contents |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`settings`], [`access`], [`values`] | the configuration file: the server, the store, and who may do what |
//! | `policy`, `open_store`, `certificate` | from settings and options to what the server runs with |
//! | `serve`, `signals` | the process: start, reload, end |
//! | `simulate` | the hit ratios of recorded accesses |
//! | `connections`, `timeouts`, `keep_alive` | the number of connections, and the limits of each |
//! | [`server`] | from an HTTP request to its response |
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
mod policy;
mod serve;
pub mod server;
pub mod settings;
mod sign;
mod signals;
mod simulate;
pub mod store;
mod timeouts;
pub mod values;
