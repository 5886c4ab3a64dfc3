//! The reply to a command.

use bytes::Bytes;

/// A reply, in the types of RESP2.
///
/// ```
/// use isocache_protocol::Reply;
///
/// assert_eq!(Reply::OK, Reply::Status("OK".into()));
/// assert!(Reply::error("ERR no such key").is_error());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A status, such as `OK`.
    Status(Bytes),
    /// An error: a code in capitals and a message.
    Error(Bytes),
    /// An integer.
    Integer(i64),
    /// A byte string.
    Bulk(Bytes),
    /// No value.
    Nil,
    /// Several replies.
    Array(Vec<Reply>),
}

impl Reply {
    /// The status `OK`.
    pub const OK: Self = Self::Status(Bytes::from_static(b"OK"));

    /// Creates an error with this text.
    pub fn error(text: impl Into<String>) -> Self {
        Self::Error(Bytes::from(text.into()))
    }

    /// Creates a string of these bytes.
    pub fn bulk(bytes: impl Into<Bytes>) -> Self {
        Self::Bulk(bytes.into())
    }

    /// Returns the bytes of a status or a bulk string, which JSON does not distinguish.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Status(bytes) | Self::Bulk(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Whether it is exactly `OK`, as a status or as a bulk string.
    pub fn is_ok(&self) -> bool {
        self.bytes().is_some_and(|bytes| bytes.as_ref() == b"OK")
    }

    /// Whether it is an error. An array that contains errors is not an error itself.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}
