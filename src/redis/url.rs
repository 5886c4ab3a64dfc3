//! Where the servers are, as a URL tells it.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::error::{CacheError, Result};

/// The servers behind a provider.
#[derive(Clone)]
pub(super) enum Servers {
    /// One server.
    Standalone(ConnectionInfo),
    /// Some nodes of a Redis Cluster; the others are learnt from them.
    Cluster(Vec<ConnectionInfo>),
    /// Sentinels, which know where the primary of that name is.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        primary: String,
        /// How to log on to the primary: what the URL says of user, password and database.
        settings: ConnectionInfo,
    },
}

/// The parts of a URL for several servers: `scheme://user:password@host:port,host:port/path?query`.
struct Parts<'a> {
    /// With its `@`; or nothing.
    credentials: &'a str,
    hosts: Vec<&'a str>,
    path: &'a str,
    /// With its `?`; or nothing.
    query: &'a str,
}

impl Servers {
    /// The servers of a URL.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(invalid("has no scheme: write redis://host:6379, for example"));
        };
        match scheme {
            "redis-cluster" | "rediss-cluster" => {
                let parts = Parts::of(rest)?;
                if !parts.path.is_empty() {
                    return Err(invalid(
                        "names a database, of which a Redis Cluster has one only: end after the hosts",
                    ));
                }
                parts.infos(server_scheme(scheme), "").map(Self::Cluster)
            }
            "redis-sentinel" | "rediss-sentinel" => {
                let parts = Parts::of(rest)?;
                let (primary, database) = parts.path.split_once('/').unwrap_or((parts.path, ""));
                if primary.is_empty() {
                    return Err(invalid(
                        "names no primary: write redis-sentinel://sentinel:26379,sentinel:26379/primary-name/0",
                    ));
                }
                // Sentinels have no databases, and ask for no password unless they are told to.
                let bare = Parts { credentials: "", path: "", query: "", ..parts };
                let sentinels = bare.infos("redis", "")?;
                let one = Parts { hosts: vec!["primary"], ..Parts::of(rest)? };
                let mut settings = one.infos(server_scheme(scheme), database)?;
                match settings.pop() {
                    Some(settings) => Ok(Self::Sentinel { sentinels, primary: primary.to_owned(), settings }),
                    None => Err(invalid("names no sentinel")),
                }
            }
            "redis" | "rediss" | "valkey" | "valkeys" if rest.split('/').next().unwrap_or_default().contains(',') => {
                Err(invalid("names several hosts: use redis-cluster:// or redis-sentinel://"))
            }
            _ => info(url).map(Self::Standalone),
        }
    }

    /// The same with another user, password or database where one is given.
    pub(super) fn with(
        mut self,
        username: Option<&str>,
        password: Option<&str>,
        database: Option<u32>,
    ) -> Result<Self> {
        let infos = match &mut self {
            Self::Standalone(info) | Self::Sentinel { settings: info, .. } => std::slice::from_mut(info),
            Self::Cluster(_) if database.is_some_and(|database| database != 0) => {
                return Err(CacheError::invalid("database", "is not 0, the only one that a Redis Cluster has"));
            }
            Self::Cluster(nodes) => nodes.as_mut_slice(),
        };
        for info in infos {
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

    /// Whether the servers are talked to over TLS.
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
        let (rest, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        let hosts: Vec<_> = hosts.split(',').map(str::trim).collect();
        if hosts.iter().any(|host| host.is_empty()) {
            return Err(invalid("has an empty host"));
        }
        Ok(Self { credentials, hosts, path: path.trim_end_matches('/'), query })
    }

    /// Each host as a server of its own.
    fn infos(&self, scheme: &str, database: &str) -> Result<Vec<ConnectionInfo>> {
        let Self { credentials, hosts, query, .. } = self;
        hosts.iter().map(|host| info(&format!("{scheme}://{credentials}{host}/{database}{query}"))).collect()
    }
}

/// What a node of a cluster, or the primary behind sentinels, is reached by.
fn server_scheme(scheme: &str) -> &'static str {
    if scheme.starts_with("rediss") { "rediss" } else { "redis" }
}

fn info(url: &str) -> Result<ConnectionInfo> {
    // What the library says names the fault and not the URL, which may hold a password.
    url.into_connection_info().map_err(|error| {
        let reason = error.to_string().replace(" - InvalidClientConfig", "");
        invalid(&format!("is none that Redis can be reached by: {reason}"))
    })
}

fn invalid(reason: &str) -> CacheError {
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

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (url, says) in [
            ("localhost:6379", "no scheme"),
            ("http://localhost", "none that Redis can be reached by"),
            ("redis://user:secret@localhost/x", "database number"),
            ("redis://a:1,b:2", "several hosts"),
            ("redis-cluster://:secret@a,b/1", "database"),
            ("redis-cluster://a,,b", "empty host"),
            ("redis-sentinel://:secret@a:26379", "names no primary"),
            ("redis-sentinel://a:26379/main/x", "database number"),
            ("redis://:secret@localhost:notaport", "none that Redis can be reached by"),
        ] {
            let message = refused(url);
            assert!(message.starts_with("invalid argument url") && message.contains(says), "{url}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
