//! Redis URLs.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use crate::error::{CacheError, Result};

/// The servers that a URL names.
#[derive(Clone)]
pub(super) enum Servers {
    /// One server.
    Standalone(ConnectionInfo),
    /// Some nodes of a Redis Cluster. They know the others.
    Cluster(Vec<ConnectionInfo>),
    /// Sentinels, which know the address of the primary.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        /// The name of the primary.
        primary: String,
        /// The user, the password and the database of the primary.
        settings: ConnectionInfo,
    },
}

/// The parts of `scheme://user:password@host:port,host:port/path?query` after the scheme.
struct Parts<'a> {
    /// Ends in `@`, or is empty.
    credentials: &'a str,
    hosts: Vec<&'a str>,
    path: &'a str,
    /// Begins with `?`, or is empty.
    query: &'a str,
}

/// Listed in errors about the scheme.
const SCHEMES: &str =
    "redis, rediss, redis-cluster, rediss-cluster, redis-sentinel, rediss-sentinel, valkey, valkeys or unix";

impl Servers {
    /// Parses a URL.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let Some((scheme, rest)) = url.split_once("://") else {
            // Without a scheme, anything before an `@` may be a password.
            let shown = url.rsplit('@').next().unwrap_or_default();
            return Err(invalid(format!("{shown:?} has no scheme: write redis://{shown}, for example")));
        };
        match scheme {
            "redis-cluster" | "rediss-cluster" => {
                let parts = Parts::of(rest)?;
                if !parts.path.is_empty() {
                    return Err(invalid(format!(
                        "/{} selects a database, and a Redis Cluster has only database 0: end the URL after the hosts",
                        parts.path
                    )));
                }
                parts.infos(server_scheme(scheme), "").map(Self::Cluster)
            }
            "redis-sentinel" | "rediss-sentinel" => {
                let parts = Parts::of(rest)?;
                let (primary, database) = parts.path.split_once('/').unwrap_or((parts.path, ""));
                if primary.is_empty() {
                    return Err(invalid(
                        "the name of the primary is missing: write redis-sentinel://host:26379,host:26379/name/0",
                    ));
                }
                // Sentinels have their own credentials and no databases.
                let bare = Parts { credentials: "", path: "", query: "", ..parts };
                let sentinels = bare.infos("redis", "")?;
                let one = Parts { hosts: vec!["primary"], ..Parts::of(rest)? };
                let mut settings = one.infos(server_scheme(scheme), database)?;
                match settings.pop() {
                    Some(settings) => Ok(Self::Sentinel { sentinels, primary: primary.to_owned(), settings }),
                    None => Err(invalid("the URL names no Sentinel")),
                }
            }
            "redis" | "rediss" | "valkey" | "valkeys" => {
                let parts = Parts::of(rest)?;
                if parts.hosts.len() > 1 {
                    return Err(invalid(format!(
                        "{scheme}:// takes one host, not {}: use redis-cluster:// or redis-sentinel://",
                        parts.hosts.join(",")
                    )));
                }
                info(url).map(Self::Standalone)
            }
            "unix" | "redis+unix" | "valkey+unix" => info(url).map(Self::Standalone),
            _ => Err(invalid(format!("unknown scheme {scheme:?}: use {SCHEMES}"))),
        }
    }

    /// Overrides the user, the password or the database with the given values.
    pub(super) fn with(
        mut self,
        username: Option<&str>,
        password: Option<&str>,
        database: Option<u32>,
    ) -> Result<Self> {
        if let (Self::Cluster(_), Some(number @ 1..)) = (&self, database) {
            return Err(CacheError::invalid("database", format!("a Redis Cluster has only database 0, not {number}")));
        }
        for info in self.infos_mut() {
            let mut settings = info.redis_settings().clone();
            if let Some(username) = username {
                settings = settings.set_username(username);
            }
            if let Some(password) = password {
                settings = settings.set_password(password);
            }
            if let Some(database) = database {
                settings = settings.set_db(i64::from(database));
            }
            *info = info.clone().set_redis_settings(settings);
        }
        Ok(self)
    }

    /// Switches to the protocol in which servers push announcements.
    pub(super) fn with_resp3(mut self) -> Self {
        for info in self.infos_mut() {
            let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
            *info = info.clone().set_redis_settings(settings);
        }
        self
    }

    fn infos_mut(&mut self) -> &mut [ConnectionInfo] {
        match self {
            Self::Standalone(info) | Self::Sentinel { settings: info, .. } => std::slice::from_mut(info),
            Self::Cluster(nodes) => nodes.as_mut_slice(),
        }
    }

    /// Whether connections to the servers use TLS.
    pub(super) fn use_tls(&self) -> bool {
        let infos = match self {
            Self::Standalone(info) | Self::Sentinel { settings: info, .. } => std::slice::from_ref(info),
            Self::Cluster(nodes) => nodes.as_slice(),
        };
        infos.iter().any(|info| matches!(info.addr(), ConnectionAddr::TcpTls { .. }))
    }

    /// The addresses, for messages. Never a password.
    pub(super) fn names(&self) -> String {
        let list = |infos: &[ConnectionInfo]| {
            let names: Vec<_> = infos.iter().map(|info| info.addr().to_string()).collect();
            names.join(",")
        };
        match self {
            Self::Standalone(info) => info.addr().to_string(),
            Self::Cluster(nodes) => format!("cluster {}", list(nodes)),
            Self::Sentinel { sentinels, primary, .. } => format!("{primary:?} by sentinels {}", list(sentinels)),
        }
    }
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str) -> Result<Self> {
        let (rest, query) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // If a password contains one of these, the host ends too early, and the rest still contains the `@`.
        if !authority.contains('@') && (path.contains('@') || query.contains('@')) {
            return Err(invalid(
                "the user name and the password must not contain `/`, `?` or `#`: percent-encode them as %2F, %3F, %23",
            ));
        }
        let (credentials, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        let hosts: Vec<_> = hosts.split(',').map(str::trim).collect();
        if hosts.iter().any(|host| host.is_empty()) {
            return Err(invalid("a host is empty: write redis://host:6379, for example"));
        }
        Ok(Self { credentials, hosts, path: path.trim_end_matches('/'), query })
    }

    /// One entry for each host.
    fn infos(&self, scheme: &str, database: &str) -> Result<Vec<ConnectionInfo>> {
        let Self { credentials, hosts, query, .. } = self;
        hosts.iter().map(|host| info(&format!("{scheme}://{credentials}{host}/{database}{query}"))).collect()
    }
}

/// The scheme for a node of a cluster, or for the primary behind Sentinels.
fn server_scheme(scheme: &str) -> &'static str {
    if scheme.starts_with("rediss") { "rediss" } else { "redis" }
}

fn info(url: &str) -> Result<ConnectionInfo> {
    // The error of the redis crate names the fault but not the URL, which may hold a password.
    url.into_connection_info().map_err(|error| {
        let reason = error.to_string().replace("- InvalidClientConfig", "").trim().to_owned();
        invalid(format!("not a valid Redis URL ({reason}): the form is redis://user:password@host:6379/0"))
    })
}

fn invalid(reason: impl Into<String>) -> CacheError {
    CacheError::invalid("url", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Servers::parse(url).err().expect(url).to_string()
    }

    #[test]
    fn each_kind_has_its_url() {
        for (url, names) in [
            ("redis://127.0.0.1", "127.0.0.1:6379"),
            ("redis://user:secret@cache:6380/3", "cache:6380"),
            ("rediss://cache", "cache:6379"),
            ("unix:///run/redis.sock?db=2", "/run/redis.sock"),
            ("redis-cluster://a:7000,b:7001", "cluster a:7000,b:7001"),
            ("rediss-cluster://:secret@a", "cluster a:6379"),
            ("redis-sentinel://user:secret@a:26379,b:26379/main/2", r#""main" by sentinels a:26379,b:26379"#),
        ] {
            assert_eq!(Servers::parse(url).unwrap().names(), names);
        }
    }

    #[test]
    fn a_sentinel_url_logs_on_to_the_primary_not_to_the_sentinels() {
        let url = "rediss-sentinel://user:p%40ss@a:26379/main/2?protocol=resp3";
        let Servers::Sentinel { sentinels, settings, .. } = Servers::parse(url).unwrap() else { panic!("{url}") };
        let primary = settings.redis_settings();
        assert_eq!((primary.username(), primary.password(), primary.db()), (Some("user"), Some("p@ss"), 2));
        assert_eq!(sentinels[0].redis_settings().password(), None);
        assert!(matches!(settings.addr(), ConnectionAddr::TcpTls { .. }));
        assert!(matches!(sentinels[0].addr(), ConnectionAddr::Tcp(..)));
    }

    /// RFC 3986 allows these characters unescaped in a password.
    #[test]
    fn passwords_with_delimiters() {
        for password in ["a,b", ",", "a,b,c", "!$&'()*+,;=", "a:b", "p@ss", "-._~", "a,b@c"] {
            let url = format!("redis://:{password}@host");
            let Servers::Standalone(info) = Servers::parse(&url).unwrap() else { panic!("{url}") };
            assert_eq!(info.redis_settings().password(), Some(password), "{url}");
            assert_eq!(info.addr().to_string(), "host:6379");
            let url = format!("redis-cluster://app:{password}@a:1,b:2");
            let Servers::Cluster(nodes) = Servers::parse(&url).unwrap() else { panic!("{url}") };
            assert_eq!(nodes.len(), 2);
            assert!(nodes.iter().all(|node| node.redis_settings().password() == Some(password)), "{url}");
            let url = format!("redis-sentinel://:{password}@a:1,b:2/main/3");
            let Servers::Sentinel { sentinels, settings, .. } = Servers::parse(&url).unwrap() else { panic!("{url}") };
            assert_eq!((sentinels.len(), settings.redis_settings().password()), (2, Some(password)), "{url}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (url, says) in [
            ("localhost:6379", "has no scheme: write redis://localhost:6379"),
            ("http://localhost", "unknown scheme \"http\": use redis,"),
            ("REDIS://localhost", "unknown scheme \"REDIS\""),
            ("user:secret@localhost:6379", "\"localhost:6379\" has no scheme"),
            ("redis://:secret/x@localhost", "percent-encode"),
            ("redis://:secret?x@localhost", "percent-encode"),
            ("redis-cluster://:secret#x@a,b", "percent-encode"),
            ("redis://", "a host is empty"),
            ("redis://user:secret@localhost/x", "database number"),
            ("redis://:secret@a:1,b:2", "takes one host, not a:1,b:2"),
            ("redis-cluster://:secret@a,b/1", "database"),
            ("redis-cluster://a,,b", "a host is empty"),
            ("redis-sentinel://:secret@a:26379", "name of the primary is missing"),
            ("redis-sentinel://a:26379/main/x", "database number"),
            ("redis://:secret@localhost:notaport", "not a valid Redis URL"),
        ] {
            let message = refused(url);
            assert!(message.starts_with("invalid argument url") && message.contains(says), "{url}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
