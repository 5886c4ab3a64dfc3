//! What all providers share whose entries are bytes somewhere else: values, keys, lives and counts.

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
