//! The Upstash Redis REST protocol: what goes over the wire between the bridge and its clients.
//!
//! Nothing here does I/O, reads a clock or knows a command's meaning; it turns commands and replies into bytes and back.
//!
//! | what | bridge | client |
//! |---|---|---|
//! | commands as JSON | [`request_json`] reads | [`command_json`] writes |
//! | a command as a path | [`path`] reads | [`path`] writes |
//! | replies as JSON | [`reply_json`] writes | [`reply_from_json`] reads |
//! | commands and replies as RESP | [`resp`] | [`resp`] |
//! | messages of a subscription | [`sse`] writes | [`sse`] reads |
//! | headers, and what they choose | [`headers`] | [`headers`] |
//! | a flag in Lua scripts that plain Redis refuses | [`shebang`] | |
//!
//! Everything that reads takes plain bytes, from anybody: it ends with a value or an error, allocates no more than a fixed
//! multiple of what it was given, and never panics.

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
mod request_json_usual;
pub mod resp;
pub mod shebang;
pub mod sse;

pub use command::Command;
pub use error::{ArgumentAt, ReplyTooLarge, RequestError, RequestLimits};
pub use headers::Encoding;
pub use reply::Reply;
