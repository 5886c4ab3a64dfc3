//! The rules for providers in WebAssembly, in a browser's service worker: `scripts/wasm-tests.sh`.
#![cfg(target_arch = "wasm32")]

mod conformance;
#[path = "conformance/counter.rs"]
mod counter;
/// All but the tests that import the npm package: a service worker has no `import()`.
mod wasm {
    mod http_faults;
    mod http_rules;
    mod loading;
    mod memory;
    mod servers;
}

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_service_worker);
