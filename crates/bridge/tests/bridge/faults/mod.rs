//! What breaks: the store, clients, the bridge itself; and what an operator does.

mod clients;
mod configuration;
mod ending;
mod operation;
mod redis_options;
mod reload;
mod snapshot;
mod store;
mod tls;
