//! What `#[cached]` makes of functions.
#![cfg(not(target_arch = "wasm32"))]
#![warn(clippy::pedantic)]
#![allow(clippy::unused_async, reason = "it is asynchronous functions that are cached, whatever they do")]
#![deny(missing_docs)]

mod companions;
mod errors;
mod keys;
mod loads;
mod shapes;
mod stale;
mod support;
mod sync;
