//! Globs for JavaScript, which writes a pattern and a key as UTF-8 into a buffer here.

use std::sync::Mutex;

use isocache::__bridge::matches_bytes;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{address, push};

static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Makes room for a pattern and a key of `length` bytes together. Returns the address of the room; 0 without memory.
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

/// Whether the key in the room matches the pattern in front of it; both by their lengths in bytes.
#[wasm_bindgen(skip_typescript)]
pub fn engine_matches(pattern: usize, key: usize) -> bool {
    let Ok(text) = TEXT.try_lock() else { return false };
    let parts = text.split_at_checked(pattern);
    parts.is_some_and(|(pattern, rest)| rest.get(..key).is_some_and(|key| matches_bytes(pattern, key)))
}
