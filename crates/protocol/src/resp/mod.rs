//! RESP, the protocol of Redis itself: written as RESP2, read as RESP2 or RESP3.
//!
//! On HTTP it is the body of [`CONTENT_TYPE_RESP`](super::headers::CONTENT_TYPE_RESP), and of answers to
//! `Upstash-Response-Format: resp2`.
//!
//! What is read is flattened to the shapes of RESP2:
//!
//! | RESP3 | becomes |
//! |---|---|
//! | map | array of keys and values in turn |
//! | set, push | array |
//! | boolean | integer 1 or 0 |
//! | double, big number | string, as its text stands there |
//! | verbatim string | its text, without the three letters before it |
//! | error as a blob | error |
//! | null | nil |
//! | attribute | dropped |
//!
//! Nothing is allocated, and nothing waited for, because of a length that exceeds [`RespLimits`]; and never more than a
//! fixed amount because of a length whose bytes have not arrived.

mod command;
mod decode;
mod encode;
mod item;
mod scan;

pub use command::{decode_command, decode_commands};
pub use decode::{decode_replies, decode_reply};
pub use encode::{write_command, write_commands, write_replies, write_reply};
pub use scan::ReplyScanner;

/// No limit of the caller's lets replies nest deeper, since they are read by recursion.
pub const MAX_DEPTH: usize = 128;

/// How much one reply, or one sequence of them, may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RespLimits {
    /// Arrays within arrays: 1 allows an array of strings. At most [`MAX_DEPTH`].
    pub depth: usize,
    /// Elements in total, with all that they hold.
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

/// Bytes that are not RESP, or more of it than allowed. The text names the place and holds nothing of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {at}")]
pub struct RespError {
    /// Where, counted from the beginning of what was to be read.
    pub at: usize,
    /// What is wrong there.
    pub reason: RespErrorReason,
}

/// What is wrong with RESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RespErrorReason {
    /// No type begins with this byte.
    #[error("unknown type")]
    UnknownType,
    /// A line that does not hold what its type demands.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The bytes end before what they announce.
    #[error("end of input")]
    EndOfInput,
    /// More than a limit allows.
    #[error("more {what} than the limit of {limit}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}
