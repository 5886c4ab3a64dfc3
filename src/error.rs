//! What can go wrong.

/// Why a cache operation failed.
///
/// An absent key is not an error: [`get`](crate::CacheProvider::get) answers `Ok(None)`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The store could not be reached, or the connection broke.
    #[error("connection failed: {0}")]
    Connection(String),
    /// No answer came within the time limit.
    #[error("timed out: {0}")]
    Timeout(String),
    /// The store does not allow it: wrong credentials, or beyond what they permit.
    #[error("refused: {0}")]
    Refused(String),
    /// The store has no memory left for the value.
    #[error("the store is full: {0}")]
    Full(String),
    /// The store is there, but does not serve now: it is loading, failing over, or cannot write to its disk. Later it may.
    #[error("not available now: {0}")]
    Unavailable(String),
    /// The other side answered something that is not the protocol.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// A value could not be turned into bytes; nothing was stored.
    #[error("cannot serialize the value of key {key:?}: {reason}")]
    Serialize {
        /// The key under which the value was to be stored.
        key: String,
        /// What the serializer said.
        reason: String,
    },
    /// Stored bytes could not be turned into a value.
    #[error("cannot deserialize the value of key {key:?}: {reason}")]
    Deserialize {
        /// The key under which the bytes are stored.
        key: String,
        /// What the serializer said.
        reason: String,
    },
    /// An argument is outside what is allowed; nothing was changed.
    #[error("invalid argument {argument}: {reason}")]
    InvalidArgument {
        /// The name of the argument.
        argument: &'static str,
        /// What is wrong with it, and the limit that it breaks.
        reason: String,
    },
}

impl CacheError {
    /// An [`InvalidArgument`](Self::InvalidArgument).
    pub(crate) fn invalid(argument: &'static str, reason: impl Into<String>) -> Self {
        Self::InvalidArgument { argument, reason: reason.into() }
    }
}

/// The result of a cache operation.
pub type Result<T, E = CacheError> = std::result::Result<T, E>;
