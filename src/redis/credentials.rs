//! Credentials that may change while the application runs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::error::Result;

/// A user name and a password for Redis.
///
/// ```
/// use isocache::RedisCredentials;
///
/// let credentials = RedisCredentials::new("secret").username("app");
/// assert!(!format!("{credentials:?}").contains("secret"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RedisCredentials {
    pub(super) username: Option<String>,
    pub(super) password: String,
}

pub(super) use RedisCredentials as Credentials;

/// Called before each connection.
pub(super) type CredentialsProvider =
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<Credentials>> + Send>> + Send + Sync;

impl RedisCredentials {
    /// The password of the default user.
    #[must_use]
    pub fn new(password: impl Into<String>) -> Self {
        Self { username: None, password: password.into() }
    }

    /// Sets the ACL user.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }
}

/// Omits the password.
impl fmt::Debug for RedisCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCredentials").field("username", &self.username).finish_non_exhaustive()
    }
}
