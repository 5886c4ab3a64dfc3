//! The embedded store: compared with a real Redis, with a manual clock, at its limits, and in snapshots.

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
