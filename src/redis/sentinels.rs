//! Asks Sentinels for the primary.
//!
//! The redis crate (1.8.1) can do this, but with fixed time limits: half a second for a reply.

use std::io;

use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionInfo, ErrorKind, RedisError, RedisResult, Value, cmd};
use tokio::time::timeout;

use super::open_connection::{Target, elsewhere, with_nodelay};

impl Target {
    /// Returns a client for the primary. Asks the Sentinels for its address one after the other, each within
    /// `connect_timeout`, until one answers and names a server that is a primary.
    pub(super) async fn ask_sentinels(
        &self,
        sentinels: &[ConnectionInfo],
        primary: &str,
        settings: &ConnectionInfo,
    ) -> RedisResult<Client> {
        let mut failure = None;
        for sentinel in sentinels {
            let asked = timeout(self.connect_timeout, self.ask_sentinel(sentinel, primary, settings)).await;
            match asked.unwrap_or_else(|_| Err(silent(sentinel))) {
                Ok(client) => return Ok(client),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| (ErrorKind::InvalidClientConfig, "the URL names no Sentinel").into()))
    }

    async fn ask_sentinel(
        &self,
        sentinel: &ConnectionInfo,
        primary: &str,
        settings: &ConnectionInfo,
    ) -> RedisResult<Client> {
        let mut own = sentinel.redis_settings().clone();
        if let Some((username, password)) = &self.sentinel_credentials {
            own = own.set_password(password);
            if let Some(username) = username {
                own = own.set_username(username);
            }
        }
        // A new connection for each attempt: an old one may be dead.
        let client = Client::open(with_nodelay(sentinel).set_redis_settings(own))?;
        let mut connection = self.multiplexed(&client).await?;
        let mut question = cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(primary);
        let named: Option<(String, u16)> = question.query_async(&mut connection).await?;
        let unknown = || (ErrorKind::MasterNameNotFoundBySentinel, "a Sentinel knows no primary of this name");
        let (host, port) = named.ok_or_else(unknown)?;
        let client = self.client_of(&settings.clone().set_addr(elsewhere(settings.addr(), &host, port)))?;
        // During a failover, a Sentinel may still name the old primary.
        if is_primary(&mut self.multiplexed(&client).await?).await? {
            return Ok(client);
        }
        Err((ErrorKind::MasterNameNotFoundBySentinel, "a Sentinel names a server that is not a primary").into())
    }
}

async fn is_primary(connection: &mut MultiplexedConnection) -> RedisResult<bool> {
    let role: RedisResult<Value> = cmd("ROLE").query_async(connection).await;
    match role {
        Ok(Value::Array(role)) => Ok(role.first().is_some_and(|role| match role {
            Value::BulkString(role) => role == b"master",
            Value::SimpleString(role) => role == "master",
            _ => false,
        })),
        Ok(_) => Ok(false),
        // A user may be permitted only one of the two commands.
        Err(error) => {
            let info: RedisResult<String> = cmd("INFO").arg("replication").query_async(connection).await;
            info.map(|info| info.lines().any(|line| line.trim() == "role:master")).map_err(|_| error)
        }
    }
}

fn silent(sentinel: &ConnectionInfo) -> RedisError {
    let text = format!("the Sentinel {} has not named a primary in time", sentinel.addr());
    io::Error::new(io::ErrorKind::TimedOut, text).into()
}
