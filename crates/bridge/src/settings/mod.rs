//! The sections of the configuration file about the server and the store. Those about access are in
//! [`access`](super::access).
//!
//! ```toml
//! [listen]
//! address = "127.0.0.1:8079"        # where to serve the protocol
//! metrics = "127.0.0.1:9079"        # where to serve /metrics without a token; absent by default
//! hosts = ["cache.example"]         # the host names that are served; any by default, on loopback the loopback names
//! base-path = "/cache"              # a prefix of every path; absent by default
//! query-token = false               # whether `?_token=` is accepted besides the header
//!
//! [tls]
//! certificate = "cert.pem"          # read again on SIGHUP
//! key = "key.pem"
//!
//! [store]
//! url = "memory"                    # or redis://…, rediss://…, redis-cluster://…, redis-sentinel://…; url-env = "NAME"
//! username = "app"                  # of Redis, instead of the URL's
//! password-file = "redis.password"  # read again for each connection
//! ca-certificate = "ca.pem"         # of Redis: the only authorities to trust; those of the system by default
//! client-certificate = "client.pem" # for Redis
//! client-key = "client.key"
//! sentinel-username = "watch"
//! sentinel-password-env = "NAME"    # the variable with the password of the Sentinels
//! snapshot = "cache.snapshot"       # of the embedded store; absent by default
//! snapshot-interval = "5m"
//! snapshot-in-readyz = false        # whether /readyz returns 503 after a snapshot has failed
//! max-entries = 1000000             # of the embedded store
//! max-bytes = 268435456
//! policy = "lru"                    # which entry is evicted at a limit; or "s3fifo"
//! advise = false                    # whether the metrics estimate the hits of other sizes and policies
//!
//! [server]
//! command-timeout = "5s"            # for the store
//! head-timeout = "10s"
//! body-timeout = "10s"
//! write-timeout = "30s"             # how long a client may read nothing
//! keep-alive = "75s"                # how long a connection may be idle
//! shutdown-delay = "0s"             # from the signal until the port closes
//! drain-timeout = "10s"             # from then on, for requests in progress
//! max-connections = 8192
//! max-in-flight = 4096
//! max-streams = 1024
//!
//! [invalidations]
//! heartbeat = "10s"                 # of the announcements of changed keys
//! prefixes = []                     # of the keys that Redis announces; all by default
//! ```

mod store;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

pub use self::store::StoreSettings;
use super::access::{AccessConfig, ConfigError, Document};
use super::store::Announcements;
use super::values::{self, NamedFile};

/// How clients reach the server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[allow(missing_docs, reason = "the fields are described above")]
pub struct Listen {
    #[serde(deserialize_with = "values::address")]
    pub address: SocketAddr,
    #[serde(deserialize_with = "values::some_address")]
    pub metrics: Option<SocketAddr>,
    pub hosts: Option<Vec<String>>,
    pub base_path: String,
    pub query_token: bool,
}

impl Default for Listen {
    fn default() -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 8079));
        Self { address, metrics: None, hosts: None, base_path: String::new(), query_token: false }
    }
}

/// The files of the certificate and of its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described above")]
pub struct Tls {
    pub certificate: NamedFile,
    pub key: NamedFile,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct TlsSection {
    certificate: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
}

/// Limits of the server as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[allow(missing_docs, reason = "the fields are described above")]
pub struct ServerSettings {
    #[serde(deserialize_with = "values::duration")]
    pub command_timeout: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub head_timeout: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub body_timeout: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub write_timeout: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub keep_alive: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub shutdown_delay: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub drain_timeout: Duration,
    pub max_connections: NonZeroUsize,
    pub max_in_flight: u64,
    pub max_streams: u64,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            command_timeout: Duration::from_secs(5),
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            // Longer than the usual idle timeout of load balancers, 60 s, so that they close the connection first.
            keep_alive: Duration::from_secs(75),
            shutdown_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(10),
            max_connections: const { NonZeroUsize::new(8192).unwrap() },
            max_in_flight: 4096,
            max_streams: 1024,
        }
    }
}

impl ServerSettings {
    /// The first setting that is 0 but must not be.
    fn zero(&self) -> Option<&'static str> {
        let limits = [
            ("command-timeout", self.command_timeout),
            ("head-timeout", self.head_timeout),
            ("body-timeout", self.body_timeout),
            ("write-timeout", self.write_timeout),
            ("keep-alive", self.keep_alive),
        ];
        limits.into_iter().find_map(|(name, limit)| limit.is_zero().then_some(name))
    }
}

/// The announcements of changed keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct InvalidationsSection {
    #[serde(deserialize_with = "values::duration")]
    heartbeat: Duration,
    prefixes: Vec<String>,
}

impl Default for InvalidationsSection {
    fn default() -> Self {
        Self { heartbeat: Announcements::default().heartbeat, prefixes: Vec::new() }
    }
}

/// The settings of a configuration file.
#[derive(Debug)]
pub struct Settings {
    /// How clients reach the server.
    pub listen: Listen,
    /// The certificate; plain HTTP without it.
    pub tls: Option<Tls>,
    /// The store behind the bridge.
    pub store: StoreSettings,
    /// Limits of the server as a whole.
    pub server: ServerSettings,
    /// How changed keys are announced.
    pub announcements: Announcements,
    /// The permissions and limits.
    pub access: AccessConfig,
}

impl Settings {
    /// Reads the settings from a file and from the environment variables of the process.
    ///
    /// # Errors
    /// If the file cannot be read or is invalid. The error names the file, the line and the problem.
    pub fn read(path: &std::path::Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
        Self::parse(&name, &text, |name| std::env::var(name).ok()).map_err(|error| error.to_string())
    }

    /// Parses a file. `name` appears in error messages.
    ///
    /// # Errors
    /// [`ConfigError`], with the file, the line and the problem.
    pub fn parse(name: &str, text: &str, env: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut document = Document::parse(name, text)?;
        let settings = Self {
            listen: document.section("listen")?,
            tls: tls(&mut document)?,
            store: store::settings(&mut document, &env)?,
            server: server(&mut document)?,
            announcements: announcements(&mut document)?,
            access: AccessConfig::take(&mut document, env)?,
        };
        document.finish()?;
        Ok(settings)
    }
}

fn tls(document: &mut Document) -> Result<Option<Tls>, ConfigError> {
    let TlsSection { certificate, key } = document.section("tls")?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            Ok(Some(Tls { certificate: document.file(certificate), key: document.file(key) }))
        }
        (None, None) => Ok(None),
        (Some(one), None) => Err(document.error(one.span(), "[tls] has a certificate and no key")),
        (None, Some(one)) => Err(document.error(one.span(), "[tls] has a key and no certificate")),
    }
}

fn server(document: &mut Document) -> Result<ServerSettings, ConfigError> {
    let (section, span) = document.located::<ServerSettings>("server")?;
    match section.zero() {
        Some(name) => Err(document.error(span, format!("`{name}` must be greater than 0"))),
        None => Ok(section),
    }
}

fn announcements(document: &mut Document) -> Result<Announcements, ConfigError> {
    let (section, span) = document.located::<InvalidationsSection>("invalidations")?;
    if section.heartbeat.is_zero() {
        return Err(document.error(span, "`heartbeat` must be greater than 0"));
    }
    let mut prefixes: Vec<Vec<u8>> = section.prefixes.into_iter().map(String::into_bytes).collect();
    prefixes.sort_unstable();
    // Redis rejects overlapping prefixes.
    let mut pairs = prefixes.iter().zip(prefixes.iter().skip(1));
    if let Some((shorter, longer)) = pairs.find(|(shorter, longer)| longer.starts_with(shorter)) {
        let text = |prefix: &[u8]| String::from_utf8_lossy(prefix).into_owned();
        let (shorter, longer) = (text(shorter), text(longer));
        return Err(document.error(span, format!("the prefix {longer:?} is within {shorter:?}: leave one of them out")));
    }
    Ok(Announcements { heartbeat: section.heartbeat, prefixes })
}

#[cfg(test)]
mod tests {
    use isocache::Policy;

    use super::*;

    fn parse(text: &str) -> Result<Settings, ConfigError> {
        Settings::parse("isocache.toml", text, |name| (name == "URL").then(|| "redis://:secret@a".into()))
    }

    #[test]
    fn every_section_is_optional() {
        let usual = parse("").unwrap();
        assert_eq!(usual.listen.address.to_string(), "127.0.0.1:8079");
        assert_eq!((&usual.server, &usual.store), (&ServerSettings::default(), &StoreSettings::default()));
        let own = parse(
            "[listen]\naddress = \"0.0.0.0:80\"\nbase-path = \"/x\"\n[store]\nurl = \"redis://:secret@a\"\n\
             [server]\nmax-streams = 3\n[[token]]\nname = \"a\"\nsha256 = \"00\"\nrole = \"admin\"\n",
        );
        assert!(own.unwrap_err().to_string().starts_with("isocache.toml:10:"), "the digest is too short");
        let own = parse("[listen]\naddress = \"localhost:80\"\n[store]\nurl-env = \"URL\"").unwrap();
        assert_eq!(own.listen.address.to_string(), "127.0.0.1:80");
        assert_eq!(own.store.url.as_ref().unwrap().expose(), "redis://:secret@a");
        assert!(!format!("{own:?}").contains("secret"));
    }

    #[test]
    fn durations_have_units() {
        let settings = parse(
            "[server]\ncommand-timeout = \"250ms\"\nkeep-alive = \"2m\"\ndrain-timeout = 30\nshutdown-delay = \"0s\"\n\
             [store]\nsnapshot-interval = \"1h\"\n[cors]\nmax-age = \"1d\"\n",
        )
        .unwrap();
        assert_eq!(settings.server.command_timeout, Duration::from_millis(250));
        assert_eq!(settings.server.keep_alive, Duration::from_secs(120));
        assert_eq!(settings.server.drain_timeout, Duration::from_secs(30));
        assert_eq!(settings.store.snapshot_interval, Duration::from_secs(3600));
        assert_eq!(settings.store.policy, Policy::Lru);
        assert_eq!(parse("[store]\npolicy = \"s3fifo\"").unwrap().store.policy, Policy::S3Fifo);
        assert!(!settings.store.advise && parse("[store]\nadvise = true").unwrap().store.advise);
        assert_eq!(settings.access.cors.max_age, Duration::from_secs(86_400));
    }

    #[test]
    fn errors_name_the_line() {
        for (text, says) in [
            ("[listen]\naddress = \"nowhere\"", "isocache.toml:2: \"nowhere\" has no port"),
            ("[listen]\nmetrics = \":9079\"", "isocache.toml:2: \":9079\" does not say on which address"),
            ("[listen]\nadress = \"127.0.0.1:1\"", "did you mean `address`"),
            ("[lisen]\n", "did you mean `listen`"),
            ("\n[server]\nmax-streams = -1", "isocache.toml:3:"),
            ("[server]\nhead-timeout = \"soon\"", "isocache.toml:2: \"soon\" is not a duration"),
            ("[server]\ncommand-timeout-ms = 5000", "did you mean `command-timeout`"),
            ("[server]\nbody-timeout = \"0s\"", "`body-timeout` must be greater than 0"),
            ("[invalidations]\nheartbeat = \"0s\"", "`heartbeat` must be greater than 0"),
            ("[invalidations]\nprefixes = [\"a:\", \"b:\", \"a:1\"]", "the prefix \"a:1\" is within \"a:\""),
            ("[store\n", "isocache.toml:1:"),
            ("[store]\npolicy = \"fifo\"", "isocache.toml:2: \"fifo\" is not a policy: use \"lru\" or \"s3fifo\""),
            ("[store]\nurl-env = \"NOBODY\"", "isocache.toml:2: the variable NOBODY is not set"),
            ("[store]\nsentinel-password-env = \"NOBODY\"", "isocache.toml:2: the variable NOBODY is not set"),
            ("[store]\n\nclient-key = \"x\"", "isocache.toml:3: client-key needs client-certificate"),
            ("[tls]\ncertificate = \"x\"", "isocache.toml:2: [tls] has a certificate and no key"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
