//! [`RedisCacheProvider`]: what its users see.

use std::future::Future;
use std::time::Duration;

use super::builder::RedisCacheBuilder;
use super::client::Client;
use crate::error::Result;
use crate::provider::{CacheProvider, CounterProvider, MaybeSend, WithTtl};
use crate::remote::{Remote, RemoteOptions, delegate_to_remote};
use crate::serializer::{JsonSerializer, Serializer};
use crate::stats::CacheStats;

/// A cache in Redis: one server, a Redis Cluster, or a primary behind Sentinels.
///
/// It connects when it is first used, and again when the connection breaks, so that an application starts and goes on
/// while Redis is away. Every operation ends within [`operation_timeout`](RedisCacheBuilder::operation_timeout), with an
/// answer or an error. Cloning is cheap, and the clones share one connection. It needs a tokio runtime with its timer.
///
/// ```no_run
/// use isocache::{CacheProvider, RedisCacheProvider};
/// use std::time::Duration;
///
/// # async fn example() -> isocache::Result<()> {
/// let cache: RedisCacheProvider<String> = RedisCacheProvider::new("redis://127.0.0.1")?;
/// cache.set("user:1", "Ada".to_string(), Some(Duration::from_secs(300))).await?;
/// assert_eq!(cache.get("user:1").await?.as_deref(), Some("Ada"));
/// assert_eq!(cache.clear_pattern("user:*").await?, 1);
/// # Ok(()) }
/// ```
///
/// | method | what it costs |
/// |---|---|
/// | `get`, `set`, `delete`, `exists` | one command |
/// | `get_with_ttl`, `increment` | one round trip of two commands, which nothing comes between |
/// | `get_many`, `set_many`, `delete_many` | one round trip, to each node of a cluster at once; not atomic |
/// | `clear_pattern` | one command if the pattern has no wildcards; else it walks all keys of the store, 512 at a time |
/// | `get_stats` | one command without a namespace, else none |
///
/// **When the connection breaks** during an operation, it is tried once more, except for
/// [`increment`](crate::CounterProvider::increment), which could count twice. So a `delete` may have removed an entry
/// and, asked again, say that there was none.
///
/// **`clear_pattern`** keeps within the limit at each of its steps, not in all. It does not remove what is written while
/// it walks. A step that fails ends it with an error; what had been removed stays removed, and is not in the statistics.
///
/// **A ttl** is counted by the server, which lets an entry live through the millisecond in which its life ends.
///
/// **Statistics** are of this provider and its clones. An operation that fails counts as nothing; a value that does not
/// decode is a hit. `entries` is known where no [`namespace`](RedisCacheBuilder::namespace) is set, the server is no cluster and no
/// key of the database has a ttl. Redis does not tell what it evicts or expires for whom: those counts stay 0.
pub struct RedisCacheProvider<T, S = JsonSerializer> {
    remote: Remote<T, S, Client>,
}

impl<T> RedisCacheProvider<T> {
    /// The servers of a URL, with the default options. Nothing is connected yet.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::CacheError::InvalidArgument) for a [URL](RedisCacheBuilder::new) that is none.
    pub fn new(url: &str) -> Result<Self> {
        Self::builder(url).build()
    }

    /// The servers of a URL, with options other than the defaults.
    #[must_use]
    pub fn builder(url: &str) -> RedisCacheBuilder<T> {
        RedisCacheBuilder::new(url)
    }
}

impl<T, S> RedisCacheProvider<T, S> {
    pub(super) fn from_parts(client: Client, serializer: S, options: RemoteOptions) -> Self {
        Self { remote: Remote::new(client, serializer, options) }
    }

    /// The same cache for values of another type: over the same connection, in the same namespace, counted together.
    ///
    /// ```no_run
    /// # use isocache::RedisCacheProvider;
    /// let users: RedisCacheProvider<String> = RedisCacheProvider::new("redis://127.0.0.1")?;
    /// let visits: RedisCacheProvider<i64> = users.view();
    /// # Ok::<(), isocache::CacheError>(())
    /// ```
    #[must_use]
    pub fn view<U>(&self) -> RedisCacheProvider<U, S> {
        RedisCacheProvider { remote: self.remote.view() }
    }
}

/// Shows where the servers are; never a password.
impl<T, S> std::fmt::Debug for RedisCacheProvider<T, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let servers = self.remote.store().link.names();
        f.debug_struct("RedisCacheProvider").field("servers", &servers).finish_non_exhaustive()
    }
}

delegate_to_remote!(RedisCacheProvider);
