//! Attacks by one tenant while another is active, including those known from other bridges.

mod browser_origins;
mod connection;
mod credentials;
mod refusals;
pub mod requests;
mod scope;
mod streams;
