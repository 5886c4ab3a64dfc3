//! The wire protocol: every rule by a table, round trips by random values, and input cut off at every byte.
#![cfg(not(target_arch = "wasm32"))]

mod answers;
mod any;
mod headers;
mod official_client;
mod paths;
mod requests;
mod resp;
mod scripts;
mod sse;
