//! [`RedisCacheBuilder`].

use std::marker::PhantomData;
use std::time::Duration;

use redis::{ClientTlsConfig, TlsCertificates};

use super::client::Client;
use super::connection::Target;
use super::link::Link;
use super::provider::RedisCacheProvider;
use super::url::Servers;
use crate::error::{CacheError, Result};
use crate::remote::{Namespace, RemoteOptions};
use crate::serializer::JsonSerializer;
use crate::ttl::whole_ms;

/// The largest value unless told otherwise: what Redis itself takes, 512 MiB.
const MAX_VALUE_BYTES: usize = 512 * 1024 * 1024;

/// The options of a [`RedisCacheProvider`].
///
/// ```no_run
/// use isocache::{MessagePackSerializer, RedisCacheProvider};
/// use std::time::Duration;
///
/// let cache = RedisCacheProvider::<String>::builder("rediss://cache.example.com")
///     .username("app")
///     .password("secret")
///     .namespace("shop")
///     .default_ttl(Duration::from_secs(300))
///     .operation_timeout(Duration::from_millis(100))
///     .serializer(MessagePackSerializer)
///     .build()?;
/// # Ok::<(), isocache::CacheError>(())
/// ```
pub struct RedisCacheBuilder<T, S = JsonSerializer> {
    // It holds no `T`: it only says of what type the values will be.
    values: PhantomData<fn() -> T>,
    url: String,
    username: Option<String>,
    password: Option<String>,
    database: Option<u32>,
    sentinel_credentials: Option<(Option<String>, String)>,
    ca_certificate: Option<Vec<u8>>,
    client_certificate: Option<(Vec<u8>, Vec<u8>)>,
    connect_timeout: Duration,
    operation_timeout: Duration,
    namespace: Option<String>,
    default_ttl: Option<Duration>,
    max_value_bytes: usize,
    undecodable_is_miss: bool,
    serializer: S,
}

impl<T> RedisCacheBuilder<T> {
    /// The servers of a URL:
    ///
    /// | URL | servers |
    /// |---|---|
    /// | `redis://user:password@host:6379/0` | one server, and its database |
    /// | `rediss://host` | the same over TLS |
    /// | `unix:///run/redis.sock?db=0&user=u&pass=p` | one server on a Unix socket |
    /// | `redis-cluster://user:password@host:7000,host:7001` | a Redis Cluster, by some of its nodes; `rediss-cluster` over TLS |
    /// | `redis-sentinel://user:password@host:26379,host:26379/name/0` | the primary of that name, which Sentinels know; user, password and database are the primary's; `rediss-sentinel` talks TLS to the primary |
    ///
    /// Only the host is needed of those with two slashes. Special characters in a password are percent-encoded.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            values: PhantomData,
            url: url.to_owned(),
            username: None,
            password: None,
            database: None,
            sentinel_credentials: None,
            ca_certificate: None,
            client_certificate: None,
            connect_timeout: Duration::from_secs(1),
            operation_timeout: Duration::from_millis(250),
            namespace: None,
            default_ttl: None,
            max_value_bytes: MAX_VALUE_BYTES,
            undecodable_is_miss: false,
            serializer: JsonSerializer,
        }
    }
}

impl<T, S> RedisCacheBuilder<T, S> {
    /// The ACL user, in place of the URL's.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// The password, in place of the URL's.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// The number of the database, in place of the URL's. A cluster has 0 only.
    #[must_use]
    pub fn database(mut self, database: u32) -> Self {
        self.database = Some(database);
        self
    }

    /// How to log on to the Sentinels themselves, where they ask for it.
    #[must_use]
    pub fn sentinel_credentials(mut self, username: Option<&str>, password: impl Into<String>) -> Self {
        self.sentinel_credentials = Some((username.map(str::to_owned), password.into()));
        self
    }

    /// The certificates, as PEM, of who may vouch for the server, in place of those of the system.
    #[must_use]
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificate = Some(pem.into());
        self
    }

    /// A certificate of our own and its private key, both as PEM, for servers that ask for one.
    #[must_use]
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.client_certificate = Some((certificate.into(), key.into()));
        self
    }

    /// How long opening a connection may take; 1 second unless told otherwise. Sentinels are asked one after the other,
    /// so that with them it is this for each, and twice for the primary.
    ///
    /// An operation waits for a connection no longer than for anything else; the connecting goes on without it. After a
    /// failed attempt, operations fail at once for 100 ms.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long one operation may take, the waiting for a connection included; 250 ms unless told otherwise. For
    /// `clear_pattern` it is the limit of each step.
    ///
    /// At the limit the operation fails with [`CacheError::Timeout`]; whether it was carried out is not known then. After
    /// three in a row without an answer, the connection counts as cut, and a new one is opened.
    #[must_use]
    pub fn operation_timeout(mut self, limit: Duration) -> Self {
        self.operation_timeout = limit;
        self
    }

    /// Keeps to the keys that begin with `name` and a colon: what others see as `shop:user:1` is `user:1` here. No
    /// pattern reaches beyond it.
    #[must_use]
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = Some(name.into());
        self
    }

    /// The life of entries that are set without a ttl; for ever unless told otherwise.
    #[must_use]
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.default_ttl = Some(ttl);
        self
    }

    /// The largest value, in bytes as the serializer writes it; 512 MiB unless told otherwise, which is Redis' own limit.
    #[must_use]
    pub fn max_value_bytes(mut self, limit: usize) -> Self {
        self.max_value_bytes = limit;
        self
    }

    /// Whether an entry that does not decode, or is not a string, counts as absent. Unless told so, it is a
    /// [`CacheError::Deserialize`].
    #[must_use]
    pub fn undecodable_is_miss(mut self, is_miss: bool) -> Self {
        self.undecodable_is_miss = is_miss;
        self
    }

    /// How values become bytes; as JSON unless told otherwise.
    #[must_use]
    pub fn serializer<S2>(self, serializer: S2) -> RedisCacheBuilder<T, S2> {
        RedisCacheBuilder {
            values: PhantomData,
            url: self.url,
            username: self.username,
            password: self.password,
            database: self.database,
            sentinel_credentials: self.sentinel_credentials,
            ca_certificate: self.ca_certificate,
            client_certificate: self.client_certificate,
            connect_timeout: self.connect_timeout,
            operation_timeout: self.operation_timeout,
            namespace: self.namespace,
            default_ttl: self.default_ttl,
            max_value_bytes: self.max_value_bytes,
            undecodable_is_miss: self.undecodable_is_miss,
            serializer,
        }
    }

    /// The provider. Nothing is connected yet, and no runtime is needed.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for an option that cannot be; it names the option.
    pub fn build(self) -> Result<RedisCacheProvider<T, S>> {
        if self.max_value_bytes == 0 {
            return Err(CacheError::invalid("max_value_bytes", "is zero, into which no value fits"));
        }
        if let Some(ttl) = self.default_ttl.filter(|ttl| *ttl != Duration::MAX) {
            whole_ms(ttl)?;
        }
        let options = RemoteOptions {
            namespace: self.namespace.as_deref().map_or_else(|| Ok(Namespace::default()), Namespace::new)?,
            default_ttl: self.default_ttl,
            max_value_bytes: self.max_value_bytes,
            undecodable_is_miss: self.undecodable_is_miss,
        };
        let client = Client { link: self.link()? };
        Ok(RedisCacheProvider::from_parts(client, self.serializer, options))
    }

    /// The connection that the options describe, not opened yet.
    #[doc(hidden)]
    pub fn link(&self) -> Result<Link> {
        let limits = [("connect_timeout", self.connect_timeout), ("operation_timeout", self.operation_timeout)];
        if let Some((option, _)) = limits.iter().find(|(_, limit)| limit.is_zero()) {
            return Err(CacheError::invalid(option, "is zero, in which nothing can be done"));
        }
        let servers =
            Servers::parse(&self.url)?.with(self.username.as_deref(), self.password.as_deref(), self.database)?;
        let client_tls = self.client_certificate.clone();
        let client_tls = client_tls.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
        let root_cert = self.ca_certificate.clone();
        let tls = (root_cert.is_some() || client_tls.is_some()).then_some(TlsCertificates { client_tls, root_cert });
        if tls.is_some() && !servers.use_tls() {
            return Err(CacheError::invalid(
                "url",
                "is without TLS, so that certificates are of no use: see rediss://",
            ));
        }
        Ok(Link::new(Target {
            servers,
            tls,
            sentinel_credentials: self.sentinel_credentials.clone(),
            connect_timeout: self.connect_timeout,
            operation_timeout: self.operation_timeout,
        }))
    }
}
