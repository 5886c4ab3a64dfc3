//! The rules for providers in WebAssembly, in Node: `scripts/wasm-tests.sh`.
#![cfg(target_arch = "wasm32")]

mod conformance;
#[path = "conformance/counter.rs"]
mod counter;
mod wasm;
