//! What a loader brings, and why none may come.

use std::sync::Arc;
use std::time::Duration;

use crate::error::CacheError;

/// What a loader brings: a value, with what is to be done with it. A plain value becomes one by itself.
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
    pub(super) stored: bool,
}

impl<T> Loaded<T> {
    /// A value to be stored with the ttl of the call.
    pub fn new(value: T) -> Self {
        Self { value, ttl: None, stored: true }
    }

    /// How long this value is fresh, whatever the call says. [`Duration::MAX`] is for ever.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Not to be stored: only who waits for it gets it.
    pub fn unstored(mut self) -> Self {
        self.stored = false;
        self
    }
}

impl<T> From<T> for Loaded<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// Why a call that loads brought no value. All callers of a flight get the same one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The loader failed. It is not stored: the next call loads again.
    #[error("{0}")]
    Loader(Arc<E>),
    /// An argument that cannot be, or, where the options say to [propagate](crate::OnError::Propagate), a failing provider.
    #[error(transparent)]
    Cache(CacheError),
    /// The loader took longer than its limit.
    #[error("the loader of key {key:?} took longer than {limit:?}")]
    TimedOut {
        /// The key.
        key: String,
        /// The limit.
        limit: Duration,
    },
}

impl<E> Clone for LoadError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Loader(error) => Self::Loader(Arc::clone(error)),
            Self::Cache(error) => Self::Cache(error.clone()),
            Self::TimedOut { key, limit } => Self::TimedOut { key: key.clone(), limit: *limit },
        }
    }
}
