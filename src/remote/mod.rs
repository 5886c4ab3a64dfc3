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
mod scripts;
mod store;

pub(crate) use delegate::delegate_to_remote;
pub(crate) use keys::Namespace;
pub(crate) use provider::{Remote, RemoteOptions};
pub use scripts::{INCREMENT_WITHIN, RELEASE};
pub(crate) use store::RemoteStore;
