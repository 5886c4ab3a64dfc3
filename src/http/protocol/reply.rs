//! The reply to a command.

use bytes::Bytes;

/// A reply, in the shapes of RESP2.
///
/// ```
/// use isocache::http::protocol::Reply;
///
/// assert_eq!(Reply::OK, Reply::Status("OK".into()));
/// assert!(Reply::error("ERR no such key").is_error());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A short answer in words, such as `OK`.
    Status(Bytes),
    /// An error: a code in capitals and a text.
    Error(Bytes),
    /// A number.
    Integer(i64),
    /// A string of any bytes.
    Bulk(Bytes),
    /// Nothing.
    Nil,
    /// Several replies.
    Array(Vec<Reply>),
}

impl Reply {
    /// The status `OK`.
    pub const OK: Self = Self::Status(Bytes::from_static(b"OK"));

    /// An error of this text.
    pub fn error(text: impl Into<String>) -> Self {
        Self::Error(Bytes::from(text.into()))
    }

    /// A string of these bytes.
    pub fn bulk(bytes: impl Into<Bytes>) -> Self {
        Self::Bulk(bytes.into())
    }

    /// Whether it is an error. An array that holds errors is none.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}
