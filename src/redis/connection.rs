//! One open connection, to a server or to a cluster.

use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, Pipeline, RedisError, RedisResult,
    TlsCertificates, TlsMode, Value,
};

use rustls::crypto::CryptoProvider;

use super::url::Servers;

/// How connections are opened.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) servers: Servers,
    /// Certificates other than those of the system.
    pub(super) tls: Option<TlsCertificates>,
    /// How the sentinels are logged on to.
    pub(super) sentinel_credentials: Option<(Option<String>, String)>,
    pub(super) connect_timeout: Duration,
    pub(super) operation_timeout: Duration,
}

/// An open connection, which many tasks use at once. Its clones are the same connection.
#[derive(Clone)]
pub(super) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Target {
    /// How long opening a connection may take in all: sentinels are asked one after the other.
    pub(super) fn patience(&self) -> Duration {
        match &self.servers {
            Servers::Sentinel { sentinels, .. } => {
                self.connect_timeout * u32::try_from(sentinels.len() + 2).unwrap_or(u32::MAX)
            }
            Servers::Standalone(_) | Servers::Cluster(_) => self.connect_timeout,
        }
    }

    /// One node of the cluster, reached as the nodes of the URL are.
    pub(super) fn node(&self, host: &str, port: u16) -> Self {
        let servers = match &self.servers {
            Servers::Cluster(nodes) => nodes.first().map_or_else(
                || self.servers.clone(),
                |first| Servers::Standalone(first.clone().set_addr(elsewhere(first.addr(), host, port))),
            ),
            other => other.clone(),
        };
        Self { servers, ..self.clone() }
    }

    /// Opens a connection.
    pub(super) async fn open(&self) -> RedisResult<Connection> {
        self.use_crypto();
        match &self.servers {
            Servers::Cluster(nodes) => self.open_cluster(nodes).await.map(Connection::Cluster),
            Servers::Standalone(_) | Servers::Sentinel { .. } => {
                self.multiplexed(&self.client().await?).await.map(Connection::Server)
            }
        }
    }

    /// Opens a connection for subscriptions only.
    pub(super) async fn open_subscriber(&self) -> RedisResult<redis::aio::PubSub> {
        self.use_crypto();
        self.client().await?.get_async_pubsub().await
    }

    /// The server that commands go to; of a cluster, a node of the URL.
    async fn client(&self) -> RedisResult<Client> {
        let one = |info: &ConnectionInfo| match &self.tls {
            Some(certificates) => Client::build_with_tls(with_nodelay(info), certificates.clone()),
            None => Client::open(with_nodelay(info)),
        };
        match &self.servers {
            Servers::Standalone(info) => one(info),
            Servers::Cluster(nodes) => {
                let none = || (redis::ErrorKind::InvalidClientConfig, "the URL names no node");
                one(nodes.first().ok_or_else(none)?)
            }
            Servers::Sentinel { sentinels, primary, settings } => {
                self.ask_sentinels(sentinels, primary, settings).await
            }
        }
    }

    fn use_crypto(&self) {
        if self.servers.use_tls() && CryptoProvider::get_default().is_none() {
            // rustls wants one for the whole process. It fails if the application was quicker, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
    }

    async fn multiplexed(&self, client: &Client) -> RedisResult<MultiplexedConnection> {
        // The operations have their own limit, which also covers the waiting for a connection.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(self.connect_timeout)).set_response_timeout(None);
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    async fn open_cluster(&self, nodes: &[ConnectionInfo]) -> RedisResult<ClusterConnection> {
        let mut builder = ClusterClient::builder(nodes.to_vec())
            .connection_timeout(self.connect_timeout)
            .response_timeout(self.operation_timeout)
            .overall_response_timeout(None)
            // Redirections and failovers are waited for within the limit of the operation.
            .min_retry_wait(10)
            .max_retry_wait(200)
            .tcp_settings(nodelay());
        if let Some(certificates) = &self.tls {
            builder = builder.certs(certificates.clone());
        }
        builder.build()?.get_async_connection().await
    }

    /// A client for the primary that the sentinels name.
    async fn ask_sentinels(
        &self,
        sentinels: &[ConnectionInfo],
        primary: &str,
        settings: &ConnectionInfo,
    ) -> RedisResult<Client> {
        let addresses = sentinels.iter().map(|info| info.addr().clone());
        let redis = settings.redis_settings();
        let mut builder = SentinelClientBuilder::new(addresses, primary, SentinelServerType::Master)?
            .set_client_to_redis_db(redis.db())
            .set_client_to_redis_protocol(redis.protocol())
            .set_client_to_redis_tcp_settings(nodelay())
            .set_client_to_sentinel_tcp_settings(nodelay());
        if let Some(username) = redis.username() {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = redis.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if matches!(settings.addr(), ConnectionAddr::TcpTls { .. }) {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = &self.tls {
            builder = builder.set_client_to_redis_certificates(certificates.clone());
        }
        if let Some((username, password)) = &self.sentinel_credentials {
            builder = builder.set_client_to_sentinel_password(password);
            if let Some(username) = username {
                builder = builder.set_client_to_sentinel_username(username);
            }
        }
        // A new one for each attempt: it keeps connections to sentinels, which may be the dead ones.
        builder.build()?.async_get_client().await
    }
}

/// Another server, reached in the same way.
fn elsewhere(address: &ConnectionAddr, host: &str, port: u16) -> ConnectionAddr {
    match address {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host.to_owned(), port),
    }
}

/// Without it, a command may wait for the acknowledgement of the one before.
fn nodelay() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn with_nodelay(info: &ConnectionInfo) -> ConnectionInfo {
    info.clone().set_tcp_settings(nodelay())
}

impl Connection {
    /// Runs one command.
    pub(super) async fn run(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Server(connection) => connection.send_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        }
    }

    /// Runs commands in one round trip, to each node where there are several. They are not atomic. An error of the server
    /// is one of the replies.
    pub(super) async fn run_all(&mut self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        match self {
            Self::Server(connection) => connection.send_packed_commands(commands, 0, commands.len()).await,
            Self::Cluster(connection) => {
                // A pipeline would have to stay within one slot. Commands sent at once share the packets of their node.
                let run = |command: &Cmd| {
                    let (mut connection, command) = (connection.clone(), command.clone());
                    async move { connection.req_packed_command(&command).await }
                };
                let replies = join_all(commands.cmd_iter().map(run)).await;
                replies.into_iter().map(reply_or_failure).collect()
            }
        }
    }

    /// Runs commands about one key between MULTI and EXEC, and returns the replies of the commands.
    pub(super) async fn run_atomically(&mut self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let (skipped, kept) = (commands.len() + 1, 1);
        let mut replies = match self {
            Self::Server(connection) => connection.send_packed_commands(commands, skipped, kept).await?,
            Self::Cluster(connection) => connection.req_packed_commands(commands, skipped, kept).await?,
        };
        match replies.pop() {
            Some(Value::Array(replies)) => Ok(replies),
            Some(Value::ServerError(error)) => Err(RedisError::from(error)),
            _ => Err((redis::ErrorKind::UnexpectedReturnType, "a transaction was not answered with an array").into()),
        }
    }
}

/// What a server answered stays a reply; what kept it from answering fails the whole.
fn reply_or_failure(result: RedisResult<Value>) -> RedisResult<Value> {
    result.or_else(|error| match error.clone().into_server_errors() {
        Some(errors) if errors.len() == 1 => {
            errors.first().map(|(_, error)| Value::ServerError(error.clone())).ok_or(error)
        }
        _ => Err(error),
    })
}
