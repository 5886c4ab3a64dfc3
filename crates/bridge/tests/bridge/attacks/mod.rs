//! What has been seen to work against other bridges, and more: each by one tenant, while another one is at work.

mod connection;
mod credentials;
mod pages;
mod refusals;
pub mod requests;
mod scope;
mod streams;
