//! Keys, key patterns and globs.
#![cfg(not(target_arch = "wasm32"))]

mod arguments;
mod glob;
#[cfg(unix)]
mod glob_redis;
mod glob_table;
mod patterns;
mod vectors;
