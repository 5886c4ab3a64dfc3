//! The rules for providers in WebAssembly, in a browser's dedicated worker: `scripts/wasm-tests.sh`.
#![cfg(target_arch = "wasm32")]

mod conformance;
#[path = "conformance/counter.rs"]
mod counter;
mod wasm;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
