//! The common part of all providers that keep their entries as bytes in a remote store: values, keys, ttls and
//! statistics.

mod conditional;
mod counters;
mod delegate;
pub(crate) mod errors;
mod keys;
mod leases;
mod loading;
mod namespace;
mod provider;
mod scripts;
mod stale;
mod store;
mod touch;
mod values;

pub(crate) use delegate::delegate_to_remote;
pub(crate) use namespace::Namespace;
pub(crate) use provider::{Remote, RemoteOptions};
pub(crate) use scripts::increment_within_arguments;
pub use scripts::{COMPARE_AND_SET, INCREMENT_WITHIN, RELEASE};
pub use stale::StaleCheck;
pub(crate) use store::{RemoteStore, SetIfAbsent};
