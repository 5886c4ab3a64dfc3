//! The outcome of a loader, and of a call that loads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::CacheError;

/// A loaded value, with instructions for storing it. A loader may return a plain value instead.
///
/// ```
/// use isocache::{CacheAside, Loaded, MemoryCacheProvider};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let cache = MemoryCacheProvider::<String>::default();
/// let token = cache
///     .get_or_set("token", None, || async {
///         // The server says how long it is good for.
///         Ok::<_, String>(Loaded::new("secret".to_owned()).ttl(Duration::from_secs(30)))
///     })
///     .await;
/// assert_eq!(token.unwrap(), "secret");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Loaded<T> {
    pub(super) value: T,
    pub(super) ttl: Option<Duration>,
    pub(super) is_stored: bool,
}

impl<T> Loaded<T> {
    /// Wraps a value to be stored with the ttl of the call.
    pub fn new(value: T) -> Self {
        Self { value, ttl: None, is_stored: true }
    }

    /// Sets how long this value is fresh, overriding the ttl of the call. [`Duration::MAX`] means no expiry.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Does not store the value: only the callers that wait for the load get it.
    pub fn no_store(mut self) -> Self {
        self.is_stored = false;
        self
    }
}

impl<T> From<T> for Loaded<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// Why a call that loads returned no value. All callers that share a load get the same error.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The loader failed. The failure is not stored: the next call loads again.
    Loader(Arc<E>),
    /// An invalid argument, option or value; or, with [`OnError::Propagate`](crate::OnError::Propagate), a failure of the
    /// provider.
    Cache(CacheError),
    /// The call reached its time limit, while waiting for its own loader or for that of another call.
    TimedOut {
        /// The key.
        key: String,
        /// The time limit.
        limit: Duration,
    },
}

impl<E: fmt::Display> fmt::Display for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loader(error) => error.fmt(f),
            Self::Cache(error) => error.fmt(f),
            Self::TimedOut { key, limit } => {
                write!(f, "loading key {key:?} took longer than the timeout of {limit:?}")
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for LoadError<E> {}

impl<E> Clone for LoadError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Loader(error) => Self::Loader(Arc::clone(error)),
            Self::Cache(error) => Self::Cache(error.clone()),
            Self::TimedOut { key, limit } => Self::TimedOut { key: key.clone(), limit: *limit },
        }
    }
}
