//! The Upstash Redis REST protocol, spoken between the bridge and its clients.
//!
//! Nothing here does I/O, reads a clock or interprets commands; it converts commands and replies to bytes and back.
//!
//! | data | bridge | client |
//! |---|---|---|
//! | commands as JSON | [`request_json`] reads | [`command_json`] writes |
//! | a command as a path | [`path`] reads | [`path`] writes |
//! | replies as JSON | [`reply_json`] writes | [`reply_from_json`] reads |
//! | commands and replies as RESP | [`resp`] | [`resp`] |
//! | messages of a subscription | [`sse`] writes | [`sse`] reads |
//! | headers, and the formats that they select | [`headers`] | [`headers`] |
//! | a flag in Lua scripts that plain Redis rejects | [`shebang`] | |
//!
//! All parsers accept arbitrary untrusted bytes: they return a value or an error, allocate no more than a fixed
//! multiple of their input, and never panic.

#![forbid(unsafe_code)]

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod command;
pub mod command_json;
mod error;
pub mod headers;
pub mod path;
mod reply;
pub mod reply_from_json;
pub mod reply_json;
pub mod request_json;
mod request_json_fast_path;
pub mod resp;
pub mod shebang;
pub mod sse;

pub use command::Command;
pub use error::{ArgumentAt, ReplyTooLarge, RequestError, RequestLimits};
pub use headers::Encoding;
pub use reply::Reply;
