//! `docs/bridge.md`: its commands are run, its tables compared with the code.
#![cfg(all(unix, not(target_arch = "wasm32")))]

mod commands;
mod page;
mod tables;
