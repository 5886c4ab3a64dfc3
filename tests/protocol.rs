//! The wire protocol: every rule by a table, round trips by random values, and input cut off at every byte.
#![cfg(all(feature = "protocol", not(target_arch = "wasm32")))]

#[path = "protocol/answers.rs"]
mod answers;
#[path = "protocol/any.rs"]
mod any;
#[path = "protocol/headers.rs"]
mod headers;
#[path = "protocol/official_client.rs"]
mod official_client;
#[path = "protocol/paths.rs"]
mod paths;
#[path = "protocol/requests.rs"]
mod requests;
#[path = "protocol/resp.rs"]
mod resp;
#[path = "protocol/scripts.rs"]
mod scripts;
#[path = "protocol/sse.rs"]
mod sse;
