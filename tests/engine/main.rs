//! The engine: against a naive model, and on real traces of accesses.
#![cfg(not(target_arch = "wasm32"))]

mod model;
mod streams;
mod traces;
