//! What is behind the bridge.
