//! What `#[cached]` makes of functions.
#![cfg(not(target_arch = "wasm32"))]
#![warn(clippy::pedantic)]
#![deny(missing_docs)]

mod companions;
mod errors;
mod keys;
mod loads;
mod shapes;
mod stale;
mod support;
mod sync;
