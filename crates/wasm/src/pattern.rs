//! Glob matching for JavaScript, which writes a pattern and a key as UTF-8 into a buffer here.

use std::sync::Mutex;

use isocache::__bridge::matches_bytes;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{address, push};

static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Reserves a buffer for a pattern and a key of `length` bytes in total. Returns its address, or 0 if memory cannot be
/// allocated.
#[wasm_bindgen(skip_typescript)]
pub fn engine_text(length: usize) -> u32 {
    let Ok(mut text) = TEXT.try_lock() else { return 0 };
    while text.len() < length {
        if !push(&mut text, 0) {
            return 0;
        }
    }
    address(text.as_ptr())
}

/// Whether the key in the buffer matches the pattern before it. Both arguments are lengths in bytes.
#[wasm_bindgen(skip_typescript)]
pub fn engine_matches(pattern: usize, key: usize) -> bool {
    let Ok(text) = TEXT.try_lock() else { return false };
    let parts = text.split_at_checked(pattern);
    parts.is_some_and(|(pattern, rest)| rest.get(..key).is_some_and(|key| matches_bytes(pattern, key)))
}
