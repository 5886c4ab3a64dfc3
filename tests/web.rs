//! The rules for providers in WebAssembly, in a browser: `wasm-pack test --headless --chrome -- --test web`.
#![cfg(target_arch = "wasm32")]

mod conformance;
#[path = "conformance/in_wasm.rs"]
mod in_wasm;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
