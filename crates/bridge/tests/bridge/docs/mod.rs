//! `docs/bridge.md`: its commands are run, its tables compared with the code.

mod commands;
mod markdown;
mod tables;
