//! Attacks by one tenant while another is active, including those known from other bridges.

mod connection;
mod credentials;
mod pages;
mod refusals;
pub mod requests;
mod scope;
mod streams;
