//! The internals of the bridge: access, the embedded store, and the corpus of the fuzzer.
#![cfg(not(target_arch = "wasm32"))]

#[cfg(unix)]
mod access;
mod fuzz_corpus;
#[cfg(unix)]
mod store;
