//! [`CacheError`].

use std::fmt;

/// Why a cache operation failed.
///
/// An absent key is not an error: [`get`](crate::CacheProvider::get) returns `Ok(None)`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheError {
    /// The store could not be reached, or the connection broke.
    Connection(String),
    /// There was no reply within the time limit. It is not known whether the operation was executed.
    Timeout(String),
    /// The credentials are wrong, or do not permit the operation.
    Refused(String),
    /// There is not enough memory for the value.
    Full(String),
    /// The store cannot serve the operation at present: it is loading, failing over or overloaded, or requests to it
    /// are paused after failures.
    Unavailable(String),
    /// The reply does not conform to the protocol.
    Protocol(String),
    /// A value could not be serialized; nothing was stored.
    Serialize {
        /// The key for the value.
        key: String,
        /// The error of the serializer.
        reason: String,
    },
    /// Stored bytes could not be deserialized.
    Deserialize {
        /// The key of the stored bytes.
        key: String,
        /// The error of the serializer.
        reason: String,
    },
    /// An argument is outside its limits. Nothing was changed, except that a value that is too large removes an older
    /// value under its key.
    InvalidArgument {
        /// The name of the argument.
        argument: &'static str,
        /// What is wrong with it, and what is allowed.
        reason: String,
    },
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(reason) => write!(f, "connection failed: {reason}"),
            Self::Timeout(reason) => write!(f, "timed out: {reason}"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Full(reason) => write!(f, "the store is full: {reason}"),
            Self::Unavailable(reason) => write!(f, "unavailable: {reason}"),
            Self::Protocol(reason) => write!(f, "protocol error: {reason}"),
            Self::Serialize { key, reason } => write!(f, "cannot serialize the value of key {key:?}: {reason}"),
            Self::Deserialize { key, reason } => write!(f, "cannot deserialize the value of key {key:?}: {reason}"),
            Self::InvalidArgument { argument, reason } => write!(f, "invalid argument {argument}: {reason}"),
        }
    }
}

impl std::error::Error for CacheError {}

impl CacheError {
    /// Whether the same operation may succeed later: the store could not be reached, did not reply in time, was
    /// unavailable or was full. After a [`Connection`](Self::Connection) or [`Timeout`](Self::Timeout) error the
    /// operation may have been executed, so retry only idempotent operations.
    ///
    /// ```
    /// use isocache::{CacheError, MemoryCache};
    ///
    /// assert!(CacheError::Timeout("no reply within 2s".into()).is_retryable());
    /// let refused = MemoryCache::<u8>::default().get("").unwrap_err();
    /// assert!(!refused.is_retryable());
    /// ```
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connection(_) | Self::Timeout(_) | Self::Unavailable(_) | Self::Full(_) => true,
            Self::Refused(_)
            | Self::Protocol(_)
            | Self::Serialize { .. }
            | Self::Deserialize { .. }
            | Self::InvalidArgument { .. } => false,
        }
    }

    /// An [`InvalidArgument`](Self::InvalidArgument).
    pub(crate) fn invalid(argument: &'static str, reason: impl Into<String>) -> Self {
        Self::InvalidArgument { argument, reason: reason.into() }
    }
}

/// The result of a cache operation.
pub type Result<T, E = CacheError> = std::result::Result<T, E>;
