//! The rules for providers in WebAssembly, in Node: `wasm-pack test --node -- --test node`.
#![cfg(target_arch = "wasm32")]

mod conformance;
#[path = "conformance/in_wasm.rs"]
mod in_wasm;
