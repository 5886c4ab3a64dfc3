//! What holds for any input from outside, whatever its bytes: one module a fuzz target, each with a function `check` that
//! panics if it does not hold.
//!
//! The targets in `fuzz_targets/` try inputs of their own; the test `fuzz_corpus` of the crate replays those in `corpus/`.

pub mod config;
pub mod decide;
pub mod minted_token;
pub mod path;
pub mod request_json;
pub mod resp_decode;
pub mod snapshot;
pub mod sse_parse;

/// A check of one input.
pub type Check = fn(&[u8]);

/// Every target, by the name of its folder in `corpus/`.
pub const TARGETS: [(&str, Check); 8] = [
    ("config", config::check),
    ("decide", decide::check),
    ("minted_token", minted_token::check),
    ("path", path::check),
    ("request_json", request_json::check),
    ("resp_decode", resp_decode::check),
    ("snapshot", snapshot::check),
    ("sse_parse", sse_parse::check),
];
