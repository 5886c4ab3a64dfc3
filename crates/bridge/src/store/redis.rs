//! Redis behind the bridge: one connection for the commands of all requests, and one for each subscription.

use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use isocache::__bridge::{Client, Connection, Request, Retry, StaleCheck, clear};
use isocache::{CacheError, RedisCacheBuilder, Result};
use isocache_protocol::{Command, Reply};
use redis::{Cmd, Pipeline, Value};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::cluster::Cluster;
use super::rounds::rounds;
use super::scripts::{ReplyFix, Scripts};
use super::tracking::{self, Announcements};
use super::{Batch, Message, StoreError};
use crate::invalidations::Log;

/// The maximum number of messages that wait for a subscriber before it is disconnected.
const QUEUE: usize = 1000;

/// A Redis store. Clones share the connection.
///
/// The commands of many callers share one connection. That is safe because [`access`](crate::access) forwards no
/// command that changes the connection or the number of replies.
#[derive(Clone)]
pub struct RedisStore {
    connection: Connection,
    /// The nodes, if it is a cluster.
    cluster: Option<Arc<Cluster>>,
    command_timeout: Duration,
    scripts: Arc<Scripts>,
    log: Arc<Log>,
    /// Done once changes are observed.
    tracking: Arc<Once>,
}

/// Messages from Redis.
pub struct Messages {
    queue: mpsc::Receiver<Message>,
}

impl Messages {
    pub(super) async fn next(&mut self) -> Option<Message> {
        self.queue.recv().await
    }
}

impl RedisStore {
    /// Creates a Redis store from the options of a builder. It connects on first use.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`], which names an option that is not valid.
    pub fn new(builder: &RedisCacheBuilder<()>, command_timeout: Duration) -> Result<Self> {
        let connection = builder.connection()?;
        let cluster = connection.is_cluster().then(|| Arc::new(Cluster::new(connection.clone())));
        Ok(Self {
            connection,
            cluster,
            command_timeout,
            scripts: Arc::default(),
            log: Arc::default(),
            tracking: Arc::new(Once::new()),
        })
    }

    /// The address of the store. It contains no password.
    pub fn names(&self) -> String {
        self.connection.names()
    }

    pub(super) async fn run(&self, batch: Batch) -> Result<Vec<Reply>, StoreError> {
        let Batch { commands, only_reads } = batch;
        let cluster = self.cluster.as_ref().filter(|_| !only_reads || commands.iter().any(Cluster::scans));
        // Commands that only read have the same replies in any order.
        let Some(cluster) = cluster else {
            return self.run_together(commands.iter().collect(), only_reads).await;
        };
        let started = Instant::now();
        let mut replies = vec![Reply::Nil; commands.len()];
        for round in rounds(&commands) {
            if started.elapsed() >= self.command_timeout {
                return Err(StoreError::Timeout(format!("a pipeline took more than {:?}", self.command_timeout)));
            }
            let together: Vec<&Command> = round.iter().filter_map(|&at| commands.get(at)).collect();
            let own = match together.as_slice() {
                // It is alone in its round, because it may touch any key.
                [scan] if Cluster::scans(scan) => vec![cluster.scan(scan).await?],
                _ => self.run_together(together, only_reads).await?,
            };
            for (at, reply) in round.into_iter().zip(own) {
                if let Some(place) = replies.get_mut(at) {
                    *place = reply;
                }
            }
        }
        Ok(replies)
    }

    async fn run_together(&self, commands: Vec<&Command>, only_reads: bool) -> Result<Vec<Reply>, StoreError> {
        let retry = if only_reads { Retry::Idempotent } else { Retry::Never };
        let (pipeline, fixes) = self.pipeline(&commands);
        let expected = pipeline.len();
        let values = self.connection.send(Request::Batch(pipeline), retry).await?;
        replies(values, expected, fixes)
    }

    pub(super) async fn transaction(&self, batch: Batch) -> Result<Vec<Reply>, StoreError> {
        let (pipeline, fixes) = self.pipeline(&batch.commands.iter().collect::<Vec<_>>());
        let expected = pipeline.len();
        let values = self.connection.send(Request::Atomic(pipeline), Retry::Never).await.map_err(discarded)?;
        replies(values, expected, fixes)
    }

    pub(super) async fn clear(&self, pattern: &[u8], check: Option<StaleCheck>) -> Result<u64, StoreError> {
        Ok(clear(&Client::new(self.connection.clone()), pattern, check).await?)
    }

    pub(super) async fn subscribe(&self, channels: &[Bytes], patterns: &[Bytes]) -> Result<Messages, StoreError> {
        let mut subscriber = self.connection.subscriber().await?;
        let failed = |error: redis::RedisError| StoreError::Unavailable(error.to_string());
        let subscribed = timeout(self.command_timeout, async {
            for channel in channels {
                subscriber.subscribe(channel.as_ref()).await.map_err(failed)?;
            }
            for pattern in patterns {
                subscriber.psubscribe(pattern.as_ref()).await.map_err(failed)?;
            }
            Ok::<(), StoreError>(())
        });
        let silent = |_| StoreError::Timeout(format!("no reply to a subscription within {:?}", self.command_timeout));
        subscribed.await.map_err(silent)??;
        let (sender, queue) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            let mut messages = subscriber.into_on_message();
            // Ends with the connection, with the subscriber, or when the subscriber is too slow.
            while let Some(message) = tokio::select! {
                message = messages.next() => message,
                () = sender.closed() => None,
            } {
                let pattern: Option<Vec<u8>> = message.get_pattern().ok();
                let message = Message {
                    pattern: pattern.filter(|_| message.from_pattern()).map(Bytes::from),
                    channel: Bytes::from(message.get_channel::<Vec<u8>>().unwrap_or_default()),
                    payload: Bytes::copy_from_slice(message.get_payload_bytes()),
                };
                if sender.try_send(message).is_err() {
                    break;
                }
            }
        });
        Ok(Messages { queue })
    }

    pub(super) async fn changes(&self, announcements: &Announcements) -> Option<Arc<Log>> {
        self.tracking.call_once(|| {
            tokio::spawn(tracking::run(self.connection.clone(), Arc::clone(&self.log), announcements.clone()));
        });
        timeout(self.command_timeout, self.log.opened()).await.ok()?;
        Some(Arc::clone(&self.log))
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    fn pipeline(&self, commands: &[&Command]) -> (Pipeline, Vec<(usize, ReplyFix)>) {
        let mut pipeline = Pipeline::with_capacity(commands.len());
        let mut fixes = Vec::new();
        for (at, command) in commands.iter().enumerate() {
            if let Some((rewritten, after)) = self.scripts.rewrite(command) {
                pipeline.add_command(cmd(&rewritten));
                fixes.push((at, after));
            } else {
                pipeline.add_command(cmd(command));
            }
        }
        (pipeline, fixes)
    }
}

pub(super) fn cmd(command: &Command) -> Cmd {
    let mut cmd = Cmd::with_capacity(command.len(), command.size());
    for arg in command.args() {
        cmd.arg(arg);
    }
    cmd
}

/// Converts the error of a transaction. If Redis refused it, it was discarded; other errors are those of any request.
fn discarded(error: CacheError) -> StoreError {
    match error {
        CacheError::Full(text) | CacheError::Refused(text) => StoreError::Discarded(text),
        CacheError::Protocol(text) if text.starts_with(|first: char| first.is_ascii_uppercase()) => {
            StoreError::Discarded(text)
        }
        other => other.into(),
    }
}

fn replies(values: Vec<Value>, expected: usize, fixes: Vec<(usize, ReplyFix)>) -> Result<Vec<Reply>, StoreError> {
    if values.len() != expected {
        return Err(StoreError::Protocol(format!("{expected} commands had {} replies", values.len())));
    }
    let mut replies: Vec<Reply> = values.into_iter().map(reply).collect();
    for (at, after) in fixes {
        if let Some(reply) = replies.get_mut(at) {
            *reply = after.apply(std::mem::replace(reply, Reply::Nil));
        }
    }
    Ok(replies)
}

/// Converts a value to a reply of RESP2.
pub(super) fn reply(value: Value) -> Reply {
    match value {
        Value::Nil => Reply::Nil,
        Value::Okay => Reply::OK,
        Value::Int(number) => Reply::Integer(number),
        Value::BulkString(bytes) => Reply::Bulk(bytes.into()),
        Value::SimpleString(text) => Reply::Status(text.into()),
        Value::Array(values) | Value::Set(values) | Value::Push { data: values, .. } => {
            Reply::Array(values.into_iter().map(reply).collect())
        }
        Value::Map(pairs) => {
            Reply::Array(pairs.into_iter().flat_map(|(key, value)| [reply(key), reply(value)]).collect())
        }
        Value::Attribute { data, .. } => reply(*data),
        Value::Double(number) => Reply::bulk(number.to_string()),
        Value::Boolean(yes) => Reply::Integer(yes.into()),
        Value::VerbatimString { text, .. } => Reply::bulk(text),
        Value::ServerError(error) => {
            let details = error.details().map(|details| format!(" {details}")).unwrap_or_default();
            Reply::error(format!("{}{details}", error.code()))
        }
        _ => Reply::error("ERR the store replied with a type that the bridge does not support"),
    }
}
