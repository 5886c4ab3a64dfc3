//! [`RedisCacheProvider`].

use std::future::Future;
use std::time::Duration;

use super::builder::RedisCacheBuilder;
use super::client::Client;
use super::connection::Connection;
use crate::error::Result;
use crate::provider::{CacheProvider, CounterProvider, MaybeSend, WithTtl};
use crate::remote::{Namespace, Remote, RemoteOptions, delegate_to_remote};
use crate::serializer::{JsonSerializer, Serializer};
use crate::stats::CacheStats;

/// A cache in Redis: one server, a Redis Cluster, or a primary behind Sentinels.
///
/// It connects when it is first used and reconnects when the connection breaks, so an application starts and keeps running
/// while Redis is down. Every operation ends within [`operation_timeout`](RedisCacheBuilder::operation_timeout), with a
/// result or an error. Cloning is cheap, and the clones share one connection. It needs a tokio runtime with its timer.
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
/// | method | cost |
/// |---|---|
/// | `get`, `set`, `delete`, `exists` | one command |
/// | `get_with_ttl` | one round trip of two commands, the value first; if the entry is replaced between them, the ttl is that of the newer entry |
/// | `increment` | one command: a script if a ttl is given |
/// | `get_many`, `set_many`, `delete_many` | one round trip, to each node of a cluster at the same time; not atomic |
/// | `clear_pattern` | one command if the pattern has no wildcards; otherwise it visits all keys of the store, 512 at a time |
/// | `get_stats` | one command without a namespace, otherwise none |
///
/// **Permissions.** An ACL user needs the commands of the methods that it calls: `GET`, `MGET`, `SET`, `GETEX`, `GETDEL`,
/// `GETRANGE`, `PEXPIRE`, `UNLINK`, `EXISTS`, `PTTL`, `INCRBY`, `SCAN`, `INFO`. It needs `EVAL` for leases (with
/// `DEL`), for `increment_within`, for `increment` with a ttl, and to change an entry with a window in place. Where `EVAL` is refused,
/// `increment` uses `MULTI` and `EXEC`.
///
/// **If the connection breaks** during an operation, the operation is tried once more, except
/// [`increment`](crate::CounterProvider::increment), which could count twice. So a `delete` may have removed an entry and
/// then report that there was none.
///
/// **In a cluster**, operations continue while a slot is being moved: one on several of its keys runs key by key.
/// Redirections are followed up to the limit of the operation. `increment` and the like are sent again only if a node
/// has said that it did not execute them.
///
/// **`clear_pattern`** applies the limit to each step, not to the total. It does not remove entries that are written
/// while it runs. If a step fails, it ends with an error; the entries removed so far stay removed, and are not in the
/// statistics.
///
/// **The server measures the ttl.** An entry is still readable in the millisecond in which its ttl ends.
///
/// **Statistics** cover this provider and its clones. A failed operation is not counted; a value that cannot be decoded
/// counts as a hit. `entries` is known if no [`namespace`](RedisCacheBuilder::namespace) is set, the server is not a
/// cluster and no key of the database has a ttl. Evictions and expirations by Redis are not reported per client: those
/// counts stay 0.
pub struct RedisCacheProvider<T, S = JsonSerializer> {
    remote: Remote<T, S, Client>,
}

impl<T> RedisCacheProvider<T> {
    /// Creates a provider with the default options. It connects when it is first used.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::CacheError::InvalidArgument) if the [URL](RedisCacheBuilder::new) is not valid.
    pub fn new(url: &str) -> Result<Self> {
        Self::builder(url).build()
    }

    /// Starts a builder, for options other than the defaults.
    #[must_use]
    pub fn builder(url: &str) -> RedisCacheBuilder<T> {
        RedisCacheBuilder::new(url)
    }
}

impl<T, S> RedisCacheProvider<T, S> {
    pub(super) fn from_parts(client: Client, serializer: S, options: RemoteOptions) -> Self {
        Self { remote: Remote::new(client, serializer, options) }
    }

    pub(super) fn parts(&self) -> (Connection, Namespace) {
        (self.remote.store().connection.clone(), self.remote.namespace().clone())
    }

    /// Returns the same cache for values of another type. It shares the connection, the namespace and the statistics.
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

/// Shows the addresses of the servers, never a password.
impl<T, S> std::fmt::Debug for RedisCacheProvider<T, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let servers = self.remote.store().connection.names();
        f.debug_struct("RedisCacheProvider").field("servers", &servers).finish_non_exhaustive()
    }
}

delegate_to_remote!(RedisCacheProvider);
