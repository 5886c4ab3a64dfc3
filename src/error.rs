//! [`CacheError`].

/// Why a cache operation failed.
///
/// An absent key is not an error: [`get`](crate::CacheProvider::get) returns `Ok(None)`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The store could not be reached, or the connection broke.
    #[error("connection failed: {0}")]
    Connection(String),
    /// There was no reply within the time limit. It is not known whether the operation was executed.
    #[error("timed out: {0}")]
    Timeout(String),
    /// The credentials are wrong, or do not permit the operation.
    #[error("refused: {0}")]
    Refused(String),
    /// There is not enough memory for the value.
    #[error("the store is full: {0}")]
    Full(String),
    /// The store cannot serve the operation at present: it is loading, failing over or overloaded, or requests to it
    /// are paused after failures.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The reply does not conform to the protocol.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// A value could not be serialized; nothing was stored.
    #[error("cannot serialize the value of key {key:?}: {reason}")]
    Serialize {
        /// The key for the value.
        key: String,
        /// The error of the serializer.
        reason: String,
    },
    /// Stored bytes could not be deserialized.
    #[error("cannot deserialize the value of key {key:?}: {reason}")]
    Deserialize {
        /// The key of the stored bytes.
        key: String,
        /// The error of the serializer.
        reason: String,
    },
    /// An argument is outside its limits. Nothing was changed, except that a value that is too large removes an older
    /// value under its key.
    #[error("invalid argument {argument}: {reason}")]
    InvalidArgument {
        /// The name of the argument.
        argument: &'static str,
        /// What is wrong with it, and what is allowed.
        reason: String,
    },
}

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
