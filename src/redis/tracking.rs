//! The announcements of changed keys that Redis sends: client-side caching in broadcast mode.
//!
//! Redis announces every change of every key, once for each turn of its event loop, in the order of the changes. It
//! does so on the connection that requested it. If that connection is lost, announcements are lost with it.

use std::sync::Arc;

use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{PushInfo, PushKind, Value, cmd};
use tokio::sync::watch;
use tokio::time::timeout;

use super::connection::Connection;
use super::error::{of_connection, of_server};
use crate::error::{CacheError, Result};

/// An announcement of Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalidated {
    /// These keys have changed.
    Keys(Vec<Vec<u8>>),
    /// The database was emptied.
    All,
}

/// A connection on which one server announces changed keys. Announcements end when it is dropped.
pub struct Tracking {
    connection: MultiplexedConnection,
    ended: watch::Receiver<bool>,
    names: String,
}

impl Connection {
    /// Requests announcements of changed keys with these prefixes, or of all keys if there are none. `announced` is
    /// called with each, in order, and must not block.
    pub async fn track<F>(&self, prefixes: &[Vec<u8>], announced: F) -> Result<Tracking>
    where
        F: Fn(Invalidated) + Send + Sync + 'static,
    {
        let (end, ended) = watch::channel(false);
        let pushes = move |push: PushInfo| {
            match (push.kind, push.data.into_iter().next()) {
                (PushKind::Invalidate, Some(Value::Array(keys))) => announced(Invalidated::Keys(
                    keys.into_iter()
                        .filter_map(|key| if let Value::BulkString(key) = key { Some(key) } else { None })
                        .collect(),
                )),
                (PushKind::Invalidate, _) => announced(Invalidated::All),
                (PushKind::Disconnection, _) => drop(end.send_replace(true)),
                _ => {}
            }
            Ok::<(), std::convert::Infallible>(())
        };
        let limit = self.connect_limit();
        let opened = timeout(limit, async {
            let mut connection = self.open_for_pushes(Arc::new(pushes)).await?;
            let mut command = cmd("CLIENT");
            command.arg("TRACKING").arg("ON").arg("BCAST");
            for prefix in prefixes {
                command.arg("PREFIX").arg(prefix);
            }
            let reply = connection.send_packed_command(&command).await;
            match reply.map_err(|error| of_connection(&error, &self.names()))? {
                Value::ServerError(error) => Err(of_server(&error, None)),
                _ => Ok(connection),
            }
        });
        let connection = opened.await.unwrap_or_else(|_| Err(self.not_connected_within(limit)))?;
        Ok(Tracking { connection, ended, names: self.names() })
    }
}

impl Tracking {
    /// Waits until the connection is lost.
    pub async fn ended(&mut self) {
        // An error means that the connection is gone, which also ends the announcements.
        let _ = self.ended.wait_for(|ended| *ended).await;
    }

    /// Waits for a reply of the server. By then, all earlier changes have been announced, or follow in the same
    /// packets: the server announces the changes of a turn of its event loop at the end of that turn.
    pub async fn confirm(&mut self, limit: std::time::Duration) -> Result<()> {
        let reply = timeout(limit, self.connection.send_packed_command(&cmd("PING"))).await;
        let timed_out = |_| CacheError::Timeout(format!("{}: no reply to PING within {limit:?}", self.names));
        match reply.map_err(timed_out)?.map_err(|error| of_connection(&error, &self.names))? {
            Value::ServerError(error) => Err(of_server(&error, None)),
            _ => Ok(()),
        }
    }
}

/// A closure that takes pushes, shared.
pub(super) type Pushes = Arc<dyn AsyncPushSender>;
