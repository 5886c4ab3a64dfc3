//! The WebAssembly interface of the npm package: it only converts numbers.
//!
//! Keys and values stay in JavaScript. A lookup makes no call: JavaScript logs the slot that it found, and the next
//! call of any kind passes the log and replays it first, in order. So the engine makes the same decisions as if every
//! lookup had been a call.

#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#![forbid(unsafe_code)]

mod pattern;
mod slots;

use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

/// A sixth of the size of the default allocator. Speed does not matter: the engine allocates rarely and in large
/// blocks.
#[global_allocator]
static ALLOCATOR: WasmDynamicTalc = new_wasm_dynamic_allocator();
