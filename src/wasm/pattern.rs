//! Globs for JavaScript.

use wasm_bindgen::prelude::wasm_bindgen;

use crate::glob::Glob;

/// A pattern, parsed once for a run over many keys.
#[wasm_bindgen(skip_typescript)]
pub struct Pattern {
    glob: Glob,
}

#[wasm_bindgen]
impl Pattern {
    #[wasm_bindgen(constructor)]
    pub fn new(pattern: String) -> Self {
        Self { glob: Glob::new(pattern) }
    }

    pub fn matches(&self, key: &str) -> bool {
        self.glob.matches(key)
    }
}
