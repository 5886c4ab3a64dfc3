//! What the npm package calls: numbers in, numbers out, nothing but conversion.
//!
//! Keys and values stay in JavaScript. A lookup does not call at all: JavaScript logs the slot that it found, and whatever call
//! comes next brings the log along and replays it first, in order. So the engine decides on exactly the history that it
//! would have seen from calls.

#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#![forbid(unsafe_code)]

mod pattern;
mod slots;

use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

/// A sixth of the size of the default allocator; the engine asks for memory seldom and in large pieces.
#[global_allocator]
static ALLOCATOR: WasmDynamicTalc = new_wasm_dynamic_allocator();
