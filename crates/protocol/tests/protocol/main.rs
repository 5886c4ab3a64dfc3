//! The wire protocol: every rule by a table, round trips by random values, and input cut off at every byte.
#![cfg(not(target_arch = "wasm32"))]

mod headers;
mod official_client;
mod paths;
mod replies_json;
mod requests;
mod resp;
mod scripts;
mod sse;
mod strategies;
