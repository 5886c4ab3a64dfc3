//! The bridge: a store behind HTTP.
//!
//! | part | what it does |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`settings`], [`access`] | the configuration file: how the server runs, and who may do what |
//! | [`server`] | from an HTTP request to its answer |
//! | `timeouts`, `connections` | how long a connection may keep the bridge waiting, and how many there may be |
//! | `signals` | what the process does when it is sent one |
//! | [`store`] | the embedded store, and Redis |

#![forbid(unsafe_code)]

#[cfg(target_arch = "wasm32")]
compile_error!("isocache-bridge opens sockets, which wasm32 cannot");

pub mod access;
pub mod cli;
mod connections;
mod serve;
pub mod server;
pub mod settings;
mod sign;
mod signals;
pub mod store;
mod timeouts;
