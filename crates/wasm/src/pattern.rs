//! Globs for JavaScript.

use isocache::Glob;
use wasm_bindgen::prelude::wasm_bindgen;

/// Whether a key matches a pattern.
#[wasm_bindgen(skip_typescript)]
pub fn glob_matches(pattern: String, key: &str) -> bool {
    Glob::new(pattern).matches(key)
}
