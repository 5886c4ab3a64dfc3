//! [`HttpCacheProvider`], the public type.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::builder::HttpCacheBuilder;
use super::invalidations::HttpInvalidations;
use super::origin::OwnOrigin;
use super::store::HttpStore;
use crate::error::Result;
use crate::provider::{CacheProvider, CounterProvider, MaybeSend, WithTtl};
use crate::remote::{Remote, RemoteOptions, delegate_to_remote};
use crate::serializer::{JsonSerializer, Serializer};
use crate::stats::CacheStats;

/// A cache over HTTP: through the bridge (`isocache serve`), or another server of the Upstash Redis REST protocol. It
/// is for code that cannot open a socket, and works on every target: with `fetch` in WebAssembly, and with reqwest on
/// tokio natively.
///
/// Operations issued in the same tick are sent as one request, in order. Every operation ends within
/// [`timeout`](HttpCacheBuilder::timeout). After repeated failures, requests fail immediately for a while without being
/// sent, so that a server that is down costs microseconds. Cloning is cheap, and the clones share all state.
///
/// ```no_run
/// use isocache::{CacheProvider, HttpCacheProvider};
/// use std::time::Duration;
///
/// # async fn example() -> isocache::Result<()> {
/// let cache: HttpCacheProvider<String> = HttpCacheProvider::new("https://cache.example.com", "token")?;
/// cache.set("user:1", "Ada".to_string(), Some(Duration::from_secs(300))).await?;
/// assert_eq!(cache.get("user:1").await?.as_deref(), Some("Ada"));
/// assert_eq!(cache.clear_pattern("user:*").await?, 1);
/// # Ok(()) }
/// ```
///
/// **Retries.** If the server cannot be reached, fails, or asks the client to wait (`Retry-After`), an operation is
/// retried within its time limit. [`increment`](CounterProvider::increment) is not retried once the server may have
/// executed it. A browser or Deno may itself resend a request if a kept-alive connection breaks before the response
/// begins.
///
/// **`get_with_ttl`** reads the value first: if the entry is replaced at that moment, the ttl may be that of the new
/// one. **`increment` with a ttl** is sent on its own, as a transaction. **`clear_pattern`** takes one request to a
/// bridge, and several to other servers; the time limit applies to each.
///
/// **Values** are stored as the serializer writes them, byte for byte.
///
/// **Statistics** cover this provider and its clones. `entries` is the server's count, available if no namespace is set
/// and the token permits the query.
pub struct HttpCacheProvider<T, S = JsonSerializer> {
    remote: Remote<T, S, HttpStore>,
}

impl<T> HttpCacheProvider<T> {
    /// Creates a provider with the default options. An empty token means no token.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::CacheError::InvalidArgument) if the [URL](HttpCacheBuilder::new) is not valid.
    pub fn new(url: &str, token: &str) -> Result<Self> {
        Self::builder(url).token(token).build()
    }

    /// Starts a builder, for options other than the defaults.
    #[must_use]
    pub fn builder(url: &str) -> HttpCacheBuilder<T> {
        HttpCacheBuilder::new(url)
    }
}

impl<T, S> HttpCacheProvider<T, S> {
    pub(super) fn from_parts(store: HttpStore, serializer: S, options: RemoteOptions) -> Self {
        Self { remote: Remote::new(store, serializer, options) }
    }

    /// Returns the same cache for values of another type. It shares the connection, the namespace and the statistics.
    #[must_use]
    pub fn view<U>(&self) -> HttpCacheProvider<U, S> {
        HttpCacheProvider { remote: self.remote.view() }
    }

    /// Returns the announcements of changes to this provider's keys, whoever makes them: for a tiered cache, or for [a
    /// program's own copies](HttpInvalidations). The server must be a bridge.
    #[must_use]
    pub fn invalidations(&self) -> HttpInvalidations {
        let session = Arc::clone(&self.remote.store().batcher.session);
        HttpInvalidations::new(session, self.remote.namespace().clone(), None)
    }

    /// Returns a provider for the same cache, and a source that knows which changes are made through it. A tiered cache
    /// over both keeps its own writes.
    ///
    /// ```no_run
    /// use isocache::HttpCacheProvider;
    ///
    /// # fn example() -> isocache::Result<()> {
    /// let http: HttpCacheProvider<String> = HttpCacheProvider::new("https://cache.example.com", "token")?;
    /// let (far, invalidations) = http.with_invalidations();
    /// # Ok(()) }
    /// ```
    ///
    /// Do not write through the returned provider anywhere else: the tiered cache would take such a change for its own.
    /// The bridge knows who made a change if its store is the embedded one; with Redis, a tiered cache reads once what
    /// it has written. The returned provider shares the connection, and has its own statistics.
    #[must_use]
    pub fn with_invalidations(&self) -> (Self, HttpInvalidations)
    where
        S: Clone,
    {
        let own = OwnOrigin::new();
        let HttpStore { batcher } = self.remote.store();
        let invalidations =
            HttpInvalidations::new(Arc::clone(&batcher.session), self.remote.namespace().clone(), Some(own.clone()));
        (Self { remote: self.remote.with_store(HttpStore { batcher: batcher.by(own) }) }, invalidations)
    }
}

/// Shows the address of the server, never a token.
impl<T, S> std::fmt::Debug for HttpCacheProvider<T, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = &self.remote.store().batcher.session.url;
        f.debug_struct("HttpCacheProvider").field("url", url).finish_non_exhaustive()
    }
}

delegate_to_remote!(HttpCacheProvider);
