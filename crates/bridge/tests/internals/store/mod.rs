//! The embedded store of the bridge: against a real Redis, under a clock of its own, at its limits, and in a file.

mod differential;
mod expiry;
mod generator;
mod limits;
mod oracle;
mod pubsub;
mod scan;
mod snapshot;
mod support;
mod threads;
