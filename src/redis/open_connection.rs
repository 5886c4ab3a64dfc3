//! One open connection, to a server or to a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, Pipeline, RedisError, RedisResult,
    TlsCertificates, Value, pipe,
};
use rustls::crypto::CryptoProvider;

use super::cluster::{Cluster, Effort};
use super::credentials::{Credentials, CredentialsProvider};
use super::tracking::Pushes;
use super::url::Servers;
use crate::error::Result;

/// How to open connections.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) servers: Servers,
    /// Certificates from the options.
    pub(super) tls: Option<TlsCertificates>,
    /// Called for the user and the password before each connection.
    pub(super) credentials: Option<Arc<CredentialsProvider>>,
    /// The user and the password for the Sentinels.
    pub(super) sentinel_credentials: Option<(Option<String>, String)>,
    pub(super) connect_timeout: Duration,
    pub(super) operation_timeout: Duration,
}

/// An open connection, used by many tasks at once. Clones share it.
#[derive(Clone)]
pub(super) struct OpenConnection {
    kind: Kind,
    /// Whether the server has accepted MULTI on this connection.
    may_use_multi: Arc<AtomicBool>,
}

#[derive(Clone)]
enum Kind {
    Server(MultiplexedConnection),
    Cluster(Cluster),
}

impl From<Kind> for OpenConnection {
    fn from(kind: Kind) -> Self {
        Self { kind, may_use_multi: Arc::default() }
    }
}

impl Target {
    /// The limit on opening a connection in total. Sentinels are asked one after the other.
    ///
    /// The redis crate (1.8.1) waits for every node of the URL, and then for every node of the cluster. A node that
    /// accepts a connection but never replies takes its whole limit both times.
    pub(super) fn timeout(&self) -> Duration {
        match &self.servers {
            Servers::Sentinel { sentinels, .. } => {
                self.connect_timeout * u32::try_from(sentinels.len() + 1).unwrap_or(u32::MAX)
            }
            Servers::Standalone(_) => self.connect_timeout,
            Servers::Cluster(_) => self.connect_timeout * 3,
        }
    }

    /// The target with the current credentials.
    pub(super) async fn authenticated(&self) -> Result<Self> {
        let Some(provider) = &self.credentials else { return Ok(self.clone()) };
        let Credentials { username, password } = provider().await?;
        let servers = self.servers.clone().with(username.as_deref(), Some(&password), None)?;
        Ok(Self { servers, ..self.clone() })
    }

    /// One node of the cluster, reached in the same way as the nodes of the URL.
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
    pub(super) async fn open(&self) -> RedisResult<OpenConnection> {
        self.use_crypto();
        match &self.servers {
            Servers::Cluster(nodes) => {
                Ok(Kind::Cluster(Cluster::new(self.open_cluster(nodes).await?, self.clone())).into())
            }
            Servers::Standalone(_) | Servers::Sentinel { .. } => {
                Ok(Kind::Server(self.multiplexed(&self.client().await?).await?).into())
            }
        }
    }

    /// Opens a connection for subscriptions only.
    pub(super) async fn open_subscriber(&self) -> RedisResult<redis::aio::PubSub> {
        self.use_crypto();
        self.client().await?.get_async_pubsub().await
    }

    /// Opens a connection to one server that receives pushes.
    pub(super) async fn open_for_pushes(&self, pushes: Pushes) -> RedisResult<MultiplexedConnection> {
        self.use_crypto();
        let client = Self { servers: self.servers.clone().with_resp3(), ..self.clone() }.client().await?;
        client.get_multiplexed_async_connection_with_config(&self.config().set_push_sender(pushes)).await
    }

    /// The address of the server for commands.
    pub(super) async fn address(&self) -> RedisResult<String> {
        self.use_crypto();
        Ok(self.client().await?.get_connection_info().addr().to_string())
    }

    /// The server for commands; in a cluster, a node of the URL.
    async fn client(&self) -> RedisResult<Client> {
        match &self.servers {
            Servers::Standalone(info) => self.client_of(info),
            Servers::Cluster(nodes) => {
                let none = || (redis::ErrorKind::InvalidClientConfig, "the URL names no node");
                self.client_of(nodes.first().ok_or_else(none)?)
            }
            Servers::Sentinel { sentinels, primary, settings } => {
                self.ask_sentinels(sentinels, primary, settings).await
            }
        }
    }

    pub(super) fn client_of(&self, info: &ConnectionInfo) -> RedisResult<Client> {
        match &self.tls {
            Some(certificates) => Client::build_with_tls(with_nodelay(info), certificates.clone()),
            None => Client::open(with_nodelay(info)),
        }
    }

    fn use_crypto(&self) {
        if self.servers.use_tls() && CryptoProvider::get_default().is_none() {
            // rustls needs one provider per process. Fails if the application has installed its own, which is fine.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
    }

    pub(super) async fn multiplexed(&self, client: &Client) -> RedisResult<MultiplexedConnection> {
        client.get_multiplexed_async_connection_with_config(&self.config()).await
    }

    /// Operations have their own limit, which includes the wait for a connection.
    fn config(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new().set_connection_timeout(Some(self.connect_timeout)).set_response_timeout(None)
    }

    async fn open_cluster(&self, nodes: &[ConnectionInfo]) -> RedisResult<ClusterConnection> {
        let mut builder = ClusterClient::builder(nodes.to_vec())
            .connection_timeout(self.connect_timeout)
            .response_timeout(self.operation_timeout)
            .overall_response_timeout(None)
            // `Cluster` decides what to send again, and where.
            .retries(0)
            .tcp_settings(nodelay());
        if let Some(certificates) = &self.tls {
            builder = builder.certs(certificates.clone());
        }
        builder.build()?.get_async_connection().await
    }
}

/// The address of another server, reached in the same way.
pub(super) fn elsewhere(address: &ConnectionAddr, host: &str, port: u16) -> ConnectionAddr {
    match address {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host.to_owned(), port),
    }
}

/// Without it, a command may wait until the previous one is acknowledged.
fn nodelay() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

pub(super) fn with_nodelay(info: &ConnectionInfo) -> ConnectionInfo {
    info.clone().set_tcp_settings(nodelay())
}

impl OpenConnection {
    /// Runs one command.
    pub(super) async fn run(&mut self, command: &Cmd, effort: Effort) -> RedisResult<Value> {
        match &mut self.kind {
            Kind::Server(connection) => connection.send_packed_command(command).await,
            Kind::Cluster(cluster) => cluster.run(command, effort).await,
        }
    }

    /// Runs commands in one round trip, or in one to each node of a cluster. They are not atomic. An error of the server
    /// is a reply.
    pub(super) async fn run_all(&mut self, commands: &Pipeline, effort: Effort) -> RedisResult<Vec<Value>> {
        match &mut self.kind {
            Kind::Server(connection) => connection.send_packed_commands(commands, 0, commands.len()).await,
            Kind::Cluster(cluster) => {
                // A pipeline would have to stay within one slot. Commands sent at once share the packets of their node.
                let replies = join_all(commands.cmd_iter().map(|command| cluster.run(command, effort))).await;
                replies.into_iter().map(reply_or_failure).collect()
            }
        }
    }

    /// Runs commands between MULTI and EXEC (in a cluster, on one slot), and returns their replies.
    ///
    /// It does not use the atomic pipelines of the redis crate. If the server refuses MULTI, they compute the place of
    /// the error as 1 - 2, which panics in debug builds, and the server executes the commands one by one. So MULTI is
    /// tried alone before it is first relied on.
    pub(super) async fn run_atomically(&mut self, commands: &Pipeline, effort: Effort) -> RedisResult<Vec<Value>> {
        if !self.may_use_multi.load(Ordering::Relaxed) {
            let mut probe = pipe();
            // EXEC ends the transaction even if it is refused; DISCARD would not.
            probe.cmd("MULTI").cmd("EXEC");
            refusal(self.run_transaction(&probe, effort).await?)?;
            self.may_use_multi.store(true, Ordering::Relaxed);
        }
        let mut all = Pipeline::with_capacity(commands.len() + 2);
        all.cmd("MULTI");
        for command in commands.cmd_iter() {
            all.add_command(command.clone());
        }
        all.cmd("EXEC");
        let mut replies = self.run_transaction(&all, effort).await?;
        let executed = replies.pop();
        if let Some(Value::Array(replies)) = executed {
            return Ok(replies);
        }
        // The first error says why the others followed: a command that was not queued, or EXEC itself.
        replies.extend(executed);
        refusal(replies)?;
        Err((redis::ErrorKind::UnexpectedReturnType, "expected an array as the reply to EXEC").into())
    }

    /// Runs idempotent commands in order (in a cluster, on one slot).
    pub(super) async fn run_in_order(&mut self, commands: &Pipeline, effort: Effort) -> RedisResult<Vec<Value>> {
        match &mut self.kind {
            Kind::Server(connection) => connection.send_packed_commands(commands, 0, commands.len()).await,
            Kind::Cluster(cluster) => cluster.run_row(commands, effort).await,
        }
    }

    async fn run_transaction(&mut self, commands: &Pipeline, effort: Effort) -> RedisResult<Vec<Value>> {
        match &mut self.kind {
            Kind::Server(connection) => connection.send_packed_commands(commands, 0, commands.len()).await,
            Kind::Cluster(cluster) => cluster.run_transaction(commands, effort).await,
        }
    }
}

/// The first error among the replies.
fn refusal(replies: Vec<Value>) -> RedisResult<()> {
    for reply in replies {
        if let Value::ServerError(error) = reply {
            return Err(RedisError::from(error));
        }
    }
    Ok(())
}

/// An error reply stays a reply. Any other failure fails the whole request.
fn reply_or_failure(result: RedisResult<Value>) -> RedisResult<Value> {
    result.or_else(|error| match error.clone().into_server_errors() {
        Some(errors) if errors.len() == 1 => {
            errors.first().map(|(_, error)| Value::ServerError(error.clone())).ok_or(error)
        }
        _ => Err(error),
    })
}
