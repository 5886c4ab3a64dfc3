//! The bridge: a store behind HTTP.

pub mod access;
pub mod store;
