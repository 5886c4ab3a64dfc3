//! The common part of all providers that keep their entries as bytes in a remote store: values, keys, ttls and
//! statistics.

mod counters;
mod delegate;
pub(crate) mod errors;
mod keys;
mod leases;
mod loading;
mod metadata;
mod provider;
mod store;

pub(crate) use delegate::delegate_to_remote;
pub(crate) use keys::Namespace;
pub use leases::RELEASE;
pub(crate) use provider::{Remote, RemoteOptions};
pub(crate) use store::RemoteStore;
