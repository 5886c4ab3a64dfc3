//! [`HttpCacheBuilder`].

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::batch::Batcher;
use super::breaker::{Breaker, BreakerOptions};
use super::provider::HttpCacheProvider;
use super::session::{Known, Session, Token};
use super::store::HttpStore;
use super::transport::PlatformTransport;
use crate::clock::{Clock, SystemClock, WallClock};
use crate::error::{CacheError, Result};
use crate::provider::MaybeSend;
use crate::remote::{Namespace, RemoteOptions};
use crate::serializer::JsonSerializer;
use crate::ttl::ttl_ms;

const MIB: usize = 1024 * 1024;

/// The options of an [`HttpCacheProvider`].
///
/// ```no_run
/// use isocache::HttpCacheProvider;
/// use std::time::Duration;
///
/// let cache = HttpCacheProvider::<String>::builder("https://cache.example.com")
///     .token("secret")
///     .namespace("shop")
///     .default_ttl(Duration::from_secs(300))
///     .timeout(Duration::from_millis(500))
///     .build()?;
/// # Ok::<(), isocache::CacheError>(())
/// ```
pub struct HttpCacheBuilder<T, S = JsonSerializer> {
    // Names the type of the values, and holds none.
    values: PhantomData<fn() -> T>,
    url: String,
    token: Token,
    timeout: Duration,
    retries: u32,
    breaker: BreakerOptions,
    batch: bool,
    clock: Arc<dyn Clock>,
    allow_insecure: bool,
    max_response_bytes: usize,
    namespace: Option<String>,
    default_ttl: Option<Duration>,
    max_value_bytes: usize,
    undecodable_is_miss: bool,
    unix_clock: WallClock,
    serializer: S,
}

impl<T> HttpCacheBuilder<T> {
    /// Starts from the URL of a server: `https://host`, with an optional port and path. `http://` is for loopback,
    /// unless [`allow_insecure`](Self::allow_insecure) permits other hosts.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            values: PhantomData,
            url: url.to_owned(),
            token: Token::None,
            timeout: Duration::from_secs(2),
            retries: 2,
            breaker: BreakerOptions { failures: 5, pause: Duration::from_secs(5) },
            batch: true,
            clock: Arc::new(SystemClock),
            allow_insecure: false,
            max_response_bytes: 64 * MIB,
            namespace: None,
            default_ttl: None,
            max_value_bytes: 10 * MIB,
            undecodable_is_miss: false,
            unix_clock: WallClock::default(),
            serializer: JsonSerializer,
        }
    }
}

impl<T, S> HttpCacheBuilder<T, S> {
    /// Sets the token. It is sent in a header and nowhere else. An empty token means none.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        let token = token.into();
        self.token = if token.is_empty() { Token::None } else { Token::Fixed(token) };
        self
    }

    /// Sets a function that makes tokens, if they expire. It is called for the first request, and again when the server
    /// refuses the last token, at most once for each operation.
    #[must_use]
    pub fn token_maker<F>(mut self, maker: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String>> + MaybeSend + 'static,
    {
        self.token = Token::Function(Arc::new(move || Box::pin(maker())));
        self
    }

    /// Limits the time of one operation, with its retries. The default is 2 seconds. At the limit the operation fails
    /// with [`CacheError::Timeout`], and may or may not have been executed.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Sets how often an operation is retried. The default is 2. It waits 50 ms or more in between, or as long as the
    /// server requests (`Retry-After`).
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the circuit breaker: after this number of failures in a row, no request is sent for `pause`, and operations
    /// fail at once with [`CacheError::Unavailable`]. Then one request probes the server, and if it succeeds, all are
    /// sent again. The default is 5 failures and 5 seconds; with 0 failures requests are never stopped.
    #[must_use]
    pub fn breaker(mut self, failures: u32, pause: Duration) -> Self {
        self.breaker = BreakerOptions { failures, pause };
        self
    }

    /// Sets whether operations issued in the same tick are sent as one request. The default is yes.
    #[must_use]
    pub fn batch(mut self, batch: bool) -> Self {
        self.batch = batch;
        self
    }

    /// Sets the clock of the breaker. The default is [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Allows `http://` to hosts other than loopback. The token and the values then cross the network unencrypted.
    #[must_use]
    pub fn allow_insecure(mut self, allow: bool) -> Self {
        self.allow_insecure = allow;
        self
    }

    /// Limits the size of a reply, in bytes. The default is 64 MiB. A larger one fails with [`CacheError::Protocol`].
    #[must_use]
    pub fn max_response_bytes(mut self, limit: usize) -> Self {
        self.max_response_bytes = limit;
        self
    }

    /// Prefixes all keys with `name` and a colon. Patterns match within the namespace only.
    #[must_use]
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = Some(name.into());
        self
    }

    /// Sets the ttl of entries that are written without one. By default they do not expire.
    #[must_use]
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.default_ttl = Some(ttl);
        self
    }

    /// Limits the size of a serialized value, in bytes. The default is 10 MiB, which is also the limit of a bridge. A
    /// larger value is refused, and an older one under its key is removed.
    #[must_use]
    pub fn max_value_bytes(mut self, limit: usize) -> Self {
        self.max_value_bytes = limit;
        self
    }

    /// Sets whether an entry that cannot be decoded, or is not a string, counts as absent. By default it fails with
    /// [`CacheError::Deserialize`].
    #[must_use]
    pub fn undecodable_is_miss(mut self, is_miss: bool) -> Self {
        self.undecodable_is_miss = is_miss;
        self
    }

    /// Sets the clock for the freshness of stored values, in milliseconds since 1970, for tests. The default is the
    /// system clock.
    #[must_use]
    pub fn unix_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.unix_clock = WallClock::new(clock);
        self
    }

    /// Sets the serializer of the values; [`JsonSerializer`] by default.
    #[must_use]
    pub fn serializer<S2>(self, serializer: S2) -> HttpCacheBuilder<T, S2> {
        HttpCacheBuilder {
            values: PhantomData,
            url: self.url,
            token: self.token,
            timeout: self.timeout,
            retries: self.retries,
            breaker: self.breaker,
            batch: self.batch,
            clock: self.clock,
            allow_insecure: self.allow_insecure,
            max_response_bytes: self.max_response_bytes,
            namespace: self.namespace,
            default_ttl: self.default_ttl,
            max_value_bytes: self.max_value_bytes,
            undecodable_is_miss: self.undecodable_is_miss,
            unix_clock: self.unix_clock,
            serializer,
        }
    }

    /// Builds the provider. Nothing is sent yet.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`], which names an option that is not valid.
    pub fn build(self) -> Result<HttpCacheProvider<T, S>> {
        if self.timeout.is_zero() {
            return Err(CacheError::invalid("timeout", "must be greater than 0"));
        }
        if self.max_value_bytes == 0 || self.max_response_bytes == 0 {
            let option = if self.max_value_bytes == 0 { "max_value_bytes" } else { "max_response_bytes" };
            return Err(CacheError::invalid(option, "must be greater than 0"));
        }
        if let Token::Fixed(token) = &self.token
            && !token.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(CacheError::invalid("token", "contains a character that an HTTP header cannot carry"));
        }
        let options = RemoteOptions {
            namespace: self.namespace.as_deref().map_or_else(|| Ok(Namespace::default()), Namespace::new)?,
            default_ttl: ttl_ms(self.default_ttl)?,
            max_value_bytes: self.max_value_bytes,
            undecodable_is_miss: self.undecodable_is_miss,
            clock: self.unix_clock,
        };
        let session = Session {
            url: checked(&self.url, self.allow_insecure)?,
            transport: PlatformTransport::new()?,
            token: self.token,
            timeout: self.timeout,
            retries: self.retries,
            max_response_bytes: self.max_response_bytes,
            breaker: Breaker::new(self.breaker, self.clock),
            known: Known::default(),
        };
        let store = HttpStore { batcher: Batcher::new(session, self.batch) };
        Ok(HttpCacheProvider::from_parts(store, self.serializer, options))
    }
}

/// A URL that tokens may be sent to, without a trailing slash.
fn checked(url: &str, allow_insecure: bool) -> Result<String> {
    let invalid = |reason: &str| Err(CacheError::invalid("url", reason));
    let Some((scheme, rest)) = url.split_once("://") else {
        return invalid("has no scheme; the form is https://host[:port][/path]");
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.is_empty() || authority.contains(char::is_whitespace) {
        return invalid("has no host; the form is https://host[:port][/path]");
    }
    if authority.contains('@') {
        return invalid("contains a user or password, which this protocol does not have; use token()");
    }
    if path.contains(['?', '#']) || authority.contains(['?', '#']) {
        return invalid("has a query or fragment after its path; remove it");
    }
    match scheme {
        "https" => {}
        "http" if allow_insecure || is_loopback(authority) => {}
        "http" => return invalid("is without TLS; use https://, or allow_insecure(true) in a network that you trust"),
        _ => return invalid("must begin with https:// or http://"),
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_over_tls_or_stay_on_the_machine() {
        for url in ["https://a", "https://a.b/x/", "http://localhost:80", "http://127.8.9.1", "http://[::1]:8079/"] {
            assert_eq!(checked(url, false).unwrap(), url.trim_end_matches('/'));
        }
        assert!(checked("http://cache", true).is_ok());
        for (url, says) in [
            ("http://cache", "without TLS"),
            ("http://localhost.evil.example", "without TLS"),
            ("http://127.0.0.1.evil.example", "without TLS"),
            ("redis://a", "must begin with"),
            ("a", "scheme"),
            ("https://", "host"),
            ("https://user:secret@a", "password"),
            ("https://a/?x", "after its path"),
        ] {
            let error = checked(url, false).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("secret"), "{url}: {error}");
        }
    }
}
