//! Keys, key patterns and globs.
#![cfg(not(target_arch = "wasm32"))]

mod glob;
#[cfg(unix)]
mod glob_redis;
mod glob_table;
mod keys;
