//! Loading: one load for all who ask, and writes that win over it.

mod behaviour;
mod executor;
mod interleavings;
mod provider;
mod stale;
mod synchronous;
