//! The reply to a command.

use bytes::Bytes;

/// A reply, in the shapes of RESP2.
///
/// ```
/// use isocache_protocol::Reply;
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

    /// The bytes of a string, whether it came as a status or as a bulk string: JSON does not tell them apart.
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

    /// Whether it is an error. An array that holds errors is none.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}
