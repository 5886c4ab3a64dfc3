//! [`RedisCacheBuilder`].

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use redis::{ClientTlsConfig, TlsCertificates};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::client::Client;
use super::connection::Connection;
use super::credentials::{CredentialsProvider, RedisCredentials};
use super::open_connection::Target;
use super::provider::RedisCacheProvider;
use super::url::Servers;
use crate::clock::{Clock, WallClock};
use crate::error::{CacheError, Result};
use crate::remote::{Namespace, RemoteOptions};
use crate::serializer::JsonSerializer;
use crate::ttl::ttl_ms;

/// The default size limit of a value: that of Redis, 512 MiB.
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
    // Names the type of the values, and holds none.
    values: PhantomData<fn() -> T>,
    url: String,
    username: Option<String>,
    password: Option<String>,
    database: Option<u32>,
    credentials: Option<Arc<CredentialsProvider>>,
    sentinel_credentials: Option<(Option<String>, String)>,
    ca_certificate: Option<Vec<u8>>,
    client_certificate: Option<(Vec<u8>, Vec<u8>)>,
    connect_timeout: Duration,
    operation_timeout: Duration,
    namespace: Option<String>,
    default_ttl: Option<Duration>,
    max_value_bytes: usize,
    undecodable_is_miss: bool,
    unix_clock: WallClock,
    serializer: S,
}

impl<T> RedisCacheBuilder<T> {
    /// Starts from a URL and the default options.
    ///
    /// | URL | servers |
    /// |---|---|
    /// | `redis://user:password@host:6379/0` | one server, database 0 |
    /// | `rediss://host` | the same over TLS |
    /// | `unix:///run/redis.sock?db=0&user=u&pass=p` | one server on a Unix socket |
    /// | `redis-cluster://user:password@host:7000,host:7001` | a Redis Cluster, given by some of its nodes; `rediss-cluster` uses TLS |
    /// | `redis-sentinel://user:password@host:26379,host:26379/name/0` | the primary with this name, whose address the Sentinels know; user, password and database are those of the primary; `rediss-sentinel` uses TLS to the primary |
    ///
    /// In the forms with `//`, only the host is required. In a user name or a password, percent-encode `/` (`%2F`),
    /// `?` (`%3F`), `#` (`%23`), `%` (`%25`) and, in a user name, `:` (`%3A`).
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            values: PhantomData,
            url: url.to_owned(),
            username: None,
            password: None,
            database: None,
            credentials: None,
            sentinel_credentials: None,
            ca_certificate: None,
            client_certificate: None,
            connect_timeout: Duration::from_secs(1),
            operation_timeout: Duration::from_millis(250),
            namespace: None,
            default_ttl: None,
            max_value_bytes: MAX_VALUE_BYTES,
            undecodable_is_miss: false,
            unix_clock: WallClock::default(),
            serializer: JsonSerializer,
        }
    }
}

impl<T, S> RedisCacheBuilder<T, S> {
    /// Sets the ACL user; it overrides the URL.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Sets the password; it overrides the URL.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Sets a function that returns the user and the password, for credentials that rotate. It overrides the URL,
    /// [`username`](Self::username) and [`password`](Self::password).
    ///
    /// It is called before each connection is opened, and its time counts towards
    /// [`connect_timeout`](Self::connect_timeout). If it fails, the operations that wait for the connection fail with its
    /// error, and the next attempt calls it again. An open connection stays open when credentials change; when the server
    /// closes it or replies `NOAUTH`, a new one is opened with the current credentials.
    ///
    /// ```no_run
    /// use isocache::{CacheError, RedisCacheProvider, RedisCredentials};
    ///
    /// let cache = RedisCacheProvider::<String>::builder("rediss://cache.example.com")
    ///     .credentials_provider(|| async {
    ///         let password = std::fs::read_to_string("/run/secrets/redis");
    ///         let password = password.map_err(|error| CacheError::Connection(format!("no password: {error}")))?;
    ///         Ok(RedisCredentials::new(password.trim_end()).username("app"))
    ///     })
    ///     .build()?;
    /// # Ok::<(), CacheError>(())
    /// ```
    #[must_use]
    pub fn credentials_provider<F, Fut>(mut self, provider: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<RedisCredentials>> + Send + 'static,
    {
        self.credentials = Some(Arc::new(move || Box::pin(provider())));
        self
    }

    /// Sets the database number; it overrides the URL. A cluster has only database 0.
    #[must_use]
    pub fn database(mut self, database: u32) -> Self {
        self.database = Some(database);
        self
    }

    /// Sets the user and the password of the Sentinels themselves, if they require them.
    #[must_use]
    pub fn sentinel_credentials(mut self, username: Option<&str>, password: impl Into<String>) -> Self {
        self.sentinel_credentials = Some((username.map(str::to_owned), password.into()));
        self
    }

    /// Sets the certificate authorities to trust for the server, as PEM, and trusts no others. By default, these are
    /// the system's certificate store, or the file named by the environment variable `SSL_CERT_FILE`.
    #[must_use]
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificate = Some(pem.into());
        self
    }

    /// Sets the certificate of this client and its private key, both as PEM, for servers that require one.
    #[must_use]
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.client_certificate = Some((certificate.into(), key.into()));
        self
    }

    /// Limits the time to open a connection; 1 second by default. Sentinels are asked one after the other, so the
    /// limit applies to each Sentinel with the check of the server that it names, and once more to the primary. In a cluster it applies to each node, and
    /// three times the limit to all of them, because nodes that do not reply delay the others.
    ///
    /// An operation waits for a connection no longer than its own limit; the attempt to connect goes on without it. After
    /// a failed attempt, operations fail at once for 100 ms.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Limits the time of one operation, including the wait for a connection; 250 ms by default. For `clear_pattern` it
    /// limits each step.
    ///
    /// At the limit the operation fails with [`CacheError::Timeout`], and may or may not have been executed. After
    /// three operations in a row without a reply, the connection is replaced.
    #[must_use]
    pub fn operation_timeout(mut self, limit: Duration) -> Self {
        self.operation_timeout = limit;
        self
    }

    /// Prefixes every key with `name` and a colon: the key `user:1` is `shop:user:1` in Redis. Patterns never match
    /// keys outside the namespace.
    #[must_use]
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = Some(name.into());
        self
    }

    /// Sets the ttl of entries that are set without one. By default they do not expire.
    #[must_use]
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.default_ttl = Some(ttl);
        self
    }

    /// Limits the size of a value in bytes, after serialization; 512 MiB by default, which is the limit of Redis.
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
    pub fn serializer<S2>(self, serializer: S2) -> RedisCacheBuilder<T, S2> {
        RedisCacheBuilder {
            values: PhantomData,
            url: self.url,
            username: self.username,
            password: self.password,
            database: self.database,
            credentials: self.credentials,
            sentinel_credentials: self.sentinel_credentials,
            ca_certificate: self.ca_certificate,
            client_certificate: self.client_certificate,
            connect_timeout: self.connect_timeout,
            operation_timeout: self.operation_timeout,
            namespace: self.namespace,
            default_ttl: self.default_ttl,
            max_value_bytes: self.max_value_bytes,
            undecodable_is_miss: self.undecodable_is_miss,
            unix_clock: self.unix_clock,
            serializer,
        }
    }

    /// Builds the provider. It connects when it is first used; no runtime is needed before.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`], which names an option that is not valid.
    pub fn build(self) -> Result<RedisCacheProvider<T, S>> {
        if self.max_value_bytes == 0 {
            return Err(CacheError::invalid("max_value_bytes", "must be greater than 0"));
        }
        let options = RemoteOptions {
            namespace: self.namespace.as_deref().map_or_else(|| Ok(Namespace::default()), Namespace::new)?,
            default_ttl: ttl_ms(self.default_ttl)?,
            max_value_bytes: self.max_value_bytes,
            undecodable_is_miss: self.undecodable_is_miss,
            clock: self.unix_clock.clone(),
        };
        let client = Client::new(self.connection()?);
        Ok(RedisCacheProvider::from_parts(client, self.serializer, options))
    }

    /// The connection described by the options. It is not open yet.
    #[doc(hidden)]
    pub fn connection(&self) -> Result<Connection> {
        let limits = [("connect_timeout", self.connect_timeout), ("operation_timeout", self.operation_timeout)];
        if let Some((option, _)) = limits.iter().find(|(_, limit)| limit.is_zero()) {
            return Err(CacheError::invalid(option, "must be greater than 0"));
        }
        let servers =
            Servers::parse(&self.url)?.with(self.username.as_deref(), self.password.as_deref(), self.database)?;
        let has_certificates = self.ca_certificate.is_some() || self.client_certificate.is_some();
        if has_certificates && !servers.use_tls() {
            return Err(CacheError::invalid(
                "url",
                "the options give certificates, and the URL does not use TLS: write rediss:// instead of redis://",
            ));
        }
        Ok(Connection::new(Target {
            servers,
            tls: self.certificates()?,
            credentials: self.credentials.clone(),
            sentinel_credentials: self.sentinel_credentials.clone(),
            connect_timeout: self.connect_timeout,
            operation_timeout: self.operation_timeout,
        }))
    }

    fn certificates(&self) -> Result<Option<TlsCertificates>> {
        if let Some(pem) = &self.ca_certificate {
            count_certificates("ca_certificate", pem)?;
        }
        if let Some((certificate, key)) = &self.client_certificate {
            count_certificates("client_certificate", certificate)?;
            PrivateKeyDer::from_pem_slice(key).map_err(|error| {
                CacheError::invalid("client_certificate", format!("the key is not a private key as PEM: {error}"))
            })?;
        }
        let client_tls = self.client_certificate.clone();
        let client_tls = client_tls.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
        let root_cert = self.ca_certificate.clone();
        Ok((root_cert.is_some() || client_tls.is_some()).then_some(TlsCertificates { client_tls, root_cert }))
    }
}

/// Without a certificate, no server could be trusted, but only the first connection would fail.
fn count_certificates(option: &'static str, pem: &[u8]) -> Result<()> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<std::result::Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(()),
        Ok(_) => {
            Err(CacheError::invalid(option, "contains no certificate: expected PEM (-----BEGIN CERTIFICATE-----)"))
        }
        Err(error) => Err(CacheError::invalid(option, format!("is not valid PEM: {error}"))),
    }
}
