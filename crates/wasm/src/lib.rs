//! The WebAssembly interface of the npm package: it only converts numbers.
//!
//! Keys and values stay in JavaScript. A lookup makes no call: JavaScript writes the stamp of the slot that it found into
//! the engine's table, and takes victims from the engine's queue by itself. See `Engine::tables` for what it may do, and
//! the header in `slots.rs` for how the two tell each other.

#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#![forbid(unsafe_code)]

mod pattern;
mod slots;

use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

/// A sixth of the size of the default allocator. Speed does not matter: the engine allocates rarely and in large
/// blocks.
#[global_allocator]
static ALLOCATOR: WasmDynamicTalc = new_wasm_dynamic_allocator();
