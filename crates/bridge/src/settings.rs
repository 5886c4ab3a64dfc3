//! The sections of the configuration file that say how the server runs; those of access are in
//! [`access`](super::access).
//!
//! ```toml
//! [listen]
//! address = "127.0.0.1:8079"        # where the protocol is spoken
//! metrics = "127.0.0.1:9079"        # /metrics without a token, on another port; none if absent
//! hosts = ["cache.example"]         # names under which it may be asked; any if absent, on loopback the loopback names
//! base-path = "/cache"              # before every path; none if absent
//! query-token = false               # whether `?_token=` counts as well as the header
//!
//! [tls]
//! certificate = "cert.pem"          # read again on SIGHUP
//! key = "key.pem"
//!
//! [store]
//! url = "memory"                    # or redis://…, rediss://…, redis-cluster://…, redis-sentinel://…; url-env = "NAME"
//! snapshot = "cache.snapshot"       # of the embedded store; none if absent
//! snapshot-interval = 300           # seconds
//! max-entries = 1000000             # of the embedded store
//! max-bytes = 268435456
//!
//! [limits]                          # see access; these two are of the server as a whole:
//! [server]
//! command-timeout-ms = 5000
//! head-timeout-ms = 10000
//! body-timeout-ms = 10000
//! write-timeout-ms = 30000          # how long a client may read nothing of what is for it
//! drain-timeout-ms = 10000
//! max-connections = 8192
//! max-in-flight = 4096
//! max-streams = 1024
//! ```

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Deserialize;

use super::access::{AccessConfig, ConfigError, Document};

/// Where the server listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[allow(missing_docs, reason = "the fields are described above")]
pub struct Listen {
    pub address: SocketAddr,
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

/// The certificate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[allow(missing_docs, reason = "the fields are described above")]
pub struct Tls {
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// What is behind the bridge.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[allow(missing_docs, reason = "the fields are described above")]
pub struct StoreSettings {
    pub url: Option<String>,
    pub url_env: Option<String>,
    pub snapshot: Option<PathBuf>,
    pub snapshot_interval: u64,
    pub max_entries: usize,
    pub max_bytes: u64,
}

impl Default for StoreSettings {
    fn default() -> Self {
        let url = None;
        Self {
            url,
            url_env: None,
            snapshot: None,
            snapshot_interval: 300,
            max_entries: 1_000_000,
            max_bytes: 256 << 20,
        }
    }
}

/// The URL may hold a password, and is not shown.
impl std::fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreSettings").field("snapshot", &self.snapshot).finish_non_exhaustive()
    }
}

/// Limits of the server as a whole.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[allow(missing_docs, reason = "the fields are described above")]
pub struct ServerSettings {
    pub command_timeout_ms: u64,
    pub head_timeout_ms: u64,
    pub body_timeout_ms: u64,
    pub write_timeout_ms: u64,
    pub drain_timeout_ms: u64,
    pub max_connections: NonZeroUsize,
    pub max_in_flight: u64,
    pub max_streams: u64,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            command_timeout_ms: 5000,
            head_timeout_ms: 10_000,
            body_timeout_ms: 10_000,
            write_timeout_ms: 30_000,
            drain_timeout_ms: 10_000,
            max_connections: const { NonZeroUsize::new(8192).unwrap() },
            max_in_flight: 4096,
            max_streams: 1024,
        }
    }
}

/// A configuration file, or none.
#[derive(Debug)]
pub struct Settings {
    /// Where the server listens.
    pub listen: Listen,
    /// The certificate.
    pub tls: Tls,
    /// What is behind the bridge.
    pub store: StoreSettings,
    /// Limits of the server as a whole.
    pub server: ServerSettings,
    /// Who may do what.
    pub access: AccessConfig,
}

impl Settings {
    /// The settings of a file, with the variables of the process.
    ///
    /// # Errors
    /// A sentence: the file cannot be read, or file, line and what is wrong.
    pub fn read(path: &std::path::Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
        Self::parse(&name, &text, |name| std::env::var(name).ok()).map_err(|error| error.to_string())
    }

    /// The settings of a file called `name`, for messages.
    ///
    /// # Errors
    /// [`ConfigError`], with file, line and what is wrong.
    pub fn parse(name: &str, text: &str, env: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut document = Document::parse(name, text)?;
        let settings = Self {
            listen: document.section("listen")?,
            tls: document.section("tls")?,
            store: document.section("store")?,
            server: document.section("server")?,
            access: AccessConfig::take(&mut document, env)?,
        };
        document.finish()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, ConfigError> {
        Settings::parse("isocache.toml", text, |name| (name == "URL").then(|| "redis://:secret@a".into()))
    }

    #[test]
    fn nothing_is_needed_and_everything_can_be_said() {
        let usual = parse("").unwrap();
        assert_eq!(usual.listen.address.to_string(), "127.0.0.1:8079");
        assert_eq!((usual.server.command_timeout_ms, usual.store.snapshot_interval), (5000, 300));
        let own = parse(
            "[listen]\naddress = \"0.0.0.0:80\"\nbase-path = \"/x\"\n[store]\nurl = \"redis://:secret@a\"\n\
             [server]\nmax-streams = 3\n[[token]]\nname = \"a\"\nsha256 = \"00\"\nrole = \"admin\"\n",
        );
        assert!(own.unwrap_err().to_string().starts_with("isocache.toml:10:"), "the digest is too short");
        let own = parse("[listen]\naddress = \"0.0.0.0:80\"\n[store]\nurl = \"redis://:secret@a\"").unwrap();
        assert_eq!(own.listen.address.port(), 80);
        assert!(!format!("{own:?}").contains("secret"));
    }

    #[test]
    fn errors_name_the_line() {
        for (text, says) in [
            ("[listen]\naddress = \"nowhere\"", "isocache.toml:2:"),
            ("[listen]\nadress = \"127.0.0.1:1\"", "did you mean `address`"),
            ("[lisen]\n", "did you mean `listen`"),
            ("\n[server]\nmax-streams = -1", "isocache.toml:3:"),
            ("[store\n", "isocache.toml:1:"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
