//! The bridge: a store behind HTTP.
//!
//! | part | what it does |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`settings`], [`access`] | the configuration file: how the server runs, and who may do what |
//! | [`server`] | from an HTTP request to its answer |
//! | [`store`] | the embedded store, and Redis |

pub mod access;
pub mod cli;
mod mint;
mod patience;
mod serve;
pub mod server;
pub mod settings;
pub mod store;
