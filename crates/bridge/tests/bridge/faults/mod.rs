//! Failures of the store, of clients and of the bridge, and the actions of an operator.

mod clients;
mod configuration;
mod ending;
mod operation;
mod redis_options;
mod reload;
mod snapshot;
mod store;
mod tls;
