//! The cache over HTTP.

pub mod protocol;
