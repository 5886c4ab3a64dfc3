//! What is behind the bridge.

pub mod memory;
