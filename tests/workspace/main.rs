//! The workspace itself: what the manifests promise.
#![cfg(not(target_arch = "wasm32"))]

mod dependencies;
mod packages;
