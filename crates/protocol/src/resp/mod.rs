//! RESP, the protocol of Redis: written as RESP2, parsed as RESP2 or RESP3.
//!
//! On HTTP it is the body of [`CONTENT_TYPE_RESP`](super::headers::CONTENT_TYPE_RESP), and of responses with
//! `Upstash-Response-Format: resp2`.
//!
//! RESP3 types are converted to RESP2:
//!
//! | RESP3 | becomes |
//! |---|---|
//! | map | array of alternating keys and values |
//! | set, push | array |
//! | boolean | integer 1 or 0 |
//! | double, big number | string, with the same text |
//! | verbatim string | its text, without the three-letter prefix |
//! | blob error | error |
//! | null | nil |
//! | attribute | dropped |
//!
//! A length beyond [`RespLimits`] is an error at once: nothing is allocated or awaited for it. For a length whose bytes
//! have not arrived, at most a fixed amount is allocated.

mod command;
mod decode;
mod encode;
mod item;
mod scan;

pub use command::{decode_command, decode_commands};
pub use decode::{decode_replies, decode_reply};
pub use encode::{write_command, write_commands, write_replies, write_reply};
pub use scan::ReplyScanner;

/// Callers' limits cannot exceed this depth, since replies are parsed recursively.
pub const MAX_DEPTH: usize = 128;

/// Limits on one reply, or on one sequence of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RespLimits {
    /// Nesting depth of arrays: 1 allows an array of strings. At most [`MAX_DEPTH`].
    pub depth: usize,
    /// Elements in total, including nested ones.
    pub elements: usize,
    /// Bytes in total.
    pub bytes: usize,
}

impl Default for RespLimits {
    /// Depth 32, a million elements, 64 MiB.
    fn default() -> Self {
        Self { depth: 32, elements: 1_000_000, bytes: 64 << 20 }
    }
}

/// Bytes that are not RESP, or exceed the limits. The text gives the position and quotes none of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {at}")]
pub struct RespError {
    /// The position, from the start of the input.
    pub at: usize,
    /// The reason.
    pub reason: RespErrorReason,
}

/// The kinds of invalid RESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RespErrorReason {
    /// No type begins with this byte.
    #[error("unknown type")]
    UnknownType,
    /// A line that does not match its type.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The bytes end before the announced length.
    #[error("end of input")]
    EndOfInput,
    /// A limit is exceeded.
    #[error("more {what} than the limit of {limit}")]
    TooMuch {
        /// The limited quantity.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}
