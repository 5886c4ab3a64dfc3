//! `isocache simulate` for the page of `make demo`, in WebAssembly.

#![forbid(unsafe_code)]
#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]
// The glue is the interface, and `www/src/curves.worker.js` its only user.
#![allow(missing_docs)]

use isocache_simulate::{Input, InputOptions, Report, Simulation};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// A file that is being read.
#[wasm_bindgen(skip_typescript)]
pub struct Accesses(Input);

#[wasm_bindgen]
impl Accesses {
    /// `column` and `field` may be empty.
    #[wasm_bindgen(constructor)]
    pub fn new(column: String, field: String) -> Self {
        let [column, field] = [column, field].map(|name| Some(name).filter(|name| !name.is_empty()));
        Self(Input::new(InputOptions { format: None, column, field }))
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// The bytes have no known format.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), JsError> {
        self.0.push(bytes).map_err(|error| JsError::new(&error))
    }

    /// Simulates the accesses.
    ///
    /// # Errors
    /// There is nothing to simulate.
    pub fn simulate(self) -> Result<Curves, JsError> {
        let recorded = self.0.finish().map_err(|error| JsError::new(&error))?;
        Ok(Curves(Simulation::default().run(&recorded, |_, _| {})))
    }
}

/// The results of a simulation.
#[wasm_bindgen(skip_typescript)]
pub struct Curves(Report);

#[wasm_bindgen]
impl Curves {
    /// The chart.
    pub fn svg(&self) -> String {
        self.0.svg()
    }

    /// The recommended sizes, one sentence per line.
    pub fn advice(&self) -> String {
        self.0.advice().join("\n")
    }

    /// The numbers of requests and keys, and a warning about unreadable lines.
    pub fn summary(&self) -> String {
        let first = self.0.table().lines().next().unwrap_or_default().to_owned();
        [Some(first), self.0.warning()].into_iter().flatten().collect::<Vec<_>>().join("\n")
    }
}
