//! What holds for any input from outside, whatever its bytes: one module a fuzz target, each with a function `check` that
//! panics if it does not hold.
//!
//! The targets in `fuzz_targets/` try inputs of their own; the test `fuzz_corpus` of the crate replays those in `corpus/`.

pub mod authorize;
pub mod config;
pub mod path;
pub mod request_json;
pub mod resp_decode;
pub mod signed_token;
pub mod snapshot;
pub mod sse_parse;

/// A check of one input.
pub type Check = fn(&[u8]);

/// Every target, by the name of its folder in `corpus/`.
pub const TARGETS: [(&str, Check); 8] = [
    ("authorize", authorize::check),
    ("config", config::check),
    ("path", path::check),
    ("request_json", request_json::check),
    ("resp_decode", resp_decode::check),
    ("signed_token", signed_token::check),
    ("snapshot", snapshot::check),
    ("sse_parse", sse_parse::check),
];
