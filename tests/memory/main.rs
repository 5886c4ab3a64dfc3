//! The memory cache: the rules of every provider, bad input, callers' code inside it, counters and threads.
#![cfg(not(target_arch = "wasm32"))]

mod advice;
mod bad_input;
mod callbacks;
mod clock_set;
#[path = "../conformance/mod.rs"]
mod conformance;
#[path = "../conformance/counter.rs"]
mod counter;
mod counters;
mod namespaces;
mod rules;
mod threads;
