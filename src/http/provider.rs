//! [`HttpCacheProvider`]: what its users see.

use std::future::Future;
use std::time::Duration;

use super::builder::HttpCacheBuilder;
use super::store::HttpStore;
use crate::error::Result;
use crate::provider::{CacheProvider, CounterProvider, MaybeSend, WithTtl};
use crate::remote::{Remote, RemoteOptions, delegate_to_remote};
use crate::serializer::{JsonSerializer, Serializer};
use crate::stats::CacheStats;

/// A cache behind HTTP: the bridge, `isocache serve`, or another server of the Upstash Redis REST protocol. For code that
/// cannot open a socket, and on every target: `fetch` in wasm, reqwest on tokio natively.
///
/// What is asked in one turn travels in one request, in its order. Every operation ends within
/// [`timeout`](HttpCacheBuilder::timeout). A server that fails again and again is not asked for a while, so that its
/// absence costs microseconds. Cloning is cheap, and the clones share everything.
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
/// **Repeating.** When the server cannot be reached, fails, or asks to wait (`Retry-After`), an operation is tried again
/// within its time limit; except that [`increment`](CounterProvider::increment) is not, once the server may have counted.
/// A browser, or Deno, may still send a request again, when a connection that it had kept breaks before anything came back.
///
/// **`get_with_ttl` and `increment` with a ttl** travel alone, as transactions. **`clear_pattern`** is one request to a
/// bridge, and as many as it takes to another server; it has the time limit for each.
///
/// **Values** are stored as the serializer writes them, byte for byte.
///
/// **Statistics** are of this provider and its clones. `entries` is what the server counts, where no namespace is set and
/// the token may ask.
pub struct HttpCacheProvider<T, S = JsonSerializer> {
    remote: Remote<T, S, HttpStore>,
}

impl<T> HttpCacheProvider<T> {
    /// The server at a URL, with the default options. An empty token is none.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::CacheError::InvalidArgument) for a [URL](HttpCacheBuilder::new) that cannot be used.
    pub fn new(url: &str, token: &str) -> Result<Self> {
        Self::builder(url).token(token).build()
    }

    /// The server at a URL, with options other than the defaults.
    #[must_use]
    pub fn builder(url: &str) -> HttpCacheBuilder<T> {
        HttpCacheBuilder::new(url)
    }
}

impl<T, S> HttpCacheProvider<T, S> {
    pub(super) fn from_parts(store: HttpStore, serializer: S, options: RemoteOptions) -> Self {
        Self { remote: Remote::new(store, serializer, options) }
    }

    /// The same cache for values of another type: the same connection, namespace and counts.
    #[must_use]
    pub fn view<U>(&self) -> HttpCacheProvider<U, S> {
        HttpCacheProvider { remote: self.remote.view() }
    }
}

/// Shows where the server is; never a token.
impl<T, S> std::fmt::Debug for HttpCacheProvider<T, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = &self.remote.store().batcher.session.url;
        f.debug_struct("HttpCacheProvider").field("url", url).finish_non_exhaustive()
    }
}

delegate_to_remote!(HttpCacheProvider);
