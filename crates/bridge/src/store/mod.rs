//! The stores behind the bridge.

mod cluster;
pub mod memory;
mod redis;
mod rounds;
mod scripts;
mod tracking;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use isocache::__bridge::StaleCheck;
use isocache::{CacheError, Estimate, RedisCacheBuilder, Result};
use isocache_protocol::{Command, Reply};

pub use self::redis::RedisStore;
pub use self::tracking::Announcements;
use crate::invalidations::{Log, Origin};
use memory::MemoryStore;

/// A store: the embedded one, or Redis. Clones share the same store.
#[derive(Clone)]
pub enum Store {
    /// In the memory of the bridge.
    Memory(MemoryStore),
    /// A Redis, with one server or as a cluster.
    Redis(RedisStore),
}

/// Why a store did not reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or is not serving at the moment.
    #[error("ERR the store is not available")]
    Unavailable(String),
    /// It did not reply in time. The commands may or may not have been executed.
    #[error("ERR the store did not reply in time")]
    Timeout(String),
    /// Its reply is malformed.
    #[error("ERR the store sent a reply that the bridge does not understand")]
    Protocol(String),
    /// It refused a whole transaction and executed nothing. The text is the store's.
    #[error("{0}")]
    Discarded(String),
}

/// Commands sent to the store together.
pub struct Batch {
    /// The commands, in the order of execution.
    pub commands: Vec<Command>,
    /// Whether they only read, so that they can be sent again if a connection breaks.
    pub only_reads: bool,
}

/// A message to a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The pattern that the channel matches, for a subscription to patterns.
    pub pattern: Option<Bytes>,
    /// The channel that it was published to.
    pub channel: Bytes,
    /// The published bytes.
    pub payload: Bytes,
}

/// The messages of some channels or patterns.
pub enum Messages {
    /// From the embedded store.
    Memory(memory::Subscription),
    /// From Redis.
    Redis(redis::Messages),
}

impl Messages {
    /// Receives the next message. Returns `None` once the subscription has ended, because the subscriber was too slow
    /// or the store is gone.
    pub async fn next(&mut self) -> Option<Message> {
        match self {
            Self::Memory(subscription) => {
                let message = subscription.recv().await?.ok()?;
                Some(Message { pattern: message.pattern, channel: message.channel, payload: message.payload })
            }
            Self::Redis(messages) => messages.next().await,
        }
    }
}

// Redis futures are boxed: they are deeply nested, and much larger than those of the embedded store. Every request
// would carry their size.
impl Store {
    /// Creates a Redis store from the options of a builder. It connects on first use.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`], which names an option that is not valid.
    pub fn redis(builder: &RedisCacheBuilder<()>, command_timeout: Duration) -> Result<Self> {
        RedisStore::new(builder, command_timeout).map(Self::Redis)
    }

    /// The address of the store, for messages. It contains no password.
    pub fn names(&self) -> String {
        match self {
            Self::Memory(_) => "memory".to_owned(),
            Self::Redis(store) => store.names(),
        }
    }

    /// The same store, for the commands of an origin. Redis does not say who changed a key.
    #[must_use]
    pub fn by(&self, origin: Origin) -> Self {
        match self {
            Self::Memory(store) => Self::Memory(store.by(origin)),
            Self::Redis(store) => Self::Redis(store.clone()),
        }
    }

    /// Executes commands in order, and returns one reply for each.
    ///
    /// # Errors
    /// [`StoreError`] if the batch fails.
    pub async fn run(&self, batch: Batch) -> Result<Vec<Reply>, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.run(&batch.commands)),
            Self::Redis(store) => store.run(batch).boxed().await,
        }
    }

    /// Executes all commands as a transaction, or none of them. Returns one reply for each.
    ///
    /// # Errors
    /// [`StoreError`] if the transaction fails.
    pub async fn transaction(&self, batch: Batch) -> Result<Vec<Reply>, StoreError> {
        match self {
            Self::Memory(store) => store.transaction(&batch.commands).map_err(StoreError::Discarded),
            Self::Redis(store) => store.transaction(batch).boxed().await,
        }
    }

    /// Removes the keys that match a pattern, in steps, and returns their number. Stale entries that `check` recognizes
    /// do not count.
    ///
    /// # Errors
    /// [`StoreError`]. Keys that were already removed stay removed.
    pub async fn clear(&self, pattern: &[u8], check: Option<StaleCheck>) -> Result<u64, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.clear(pattern, check)),
            Self::Redis(store) => store.clear(pattern, check).boxed().await,
        }
    }

    /// Subscribes to channels and to patterns.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn subscribe(&self, channels: &[Bytes], patterns: &[Bytes]) -> Result<Messages, StoreError> {
        match self {
            Self::Memory(store) => Ok(Messages::Memory(store.subscribe(channels, patterns))),
            Self::Redis(store) => store.subscribe(channels, patterns).boxed().await.map(Messages::Redis),
        }
    }

    /// The log of the store's changes, which are recorded from the first call on. `None` if they cannot be observed at
    /// present.
    pub async fn changes(&self, announcements: &Announcements) -> Option<Arc<Log>> {
        match self {
            Self::Memory(store) => Some(store.changes(announcements.heartbeat)),
            Self::Redis(store) => store.changes(announcements).await,
        }
    }

    /// The log of the changes, open or not.
    pub fn log(&self) -> &Log {
        match self {
            Self::Memory(store) => store.log(),
            Self::Redis(store) => store.log(),
        }
    }

    /// Estimates of the embedded store's hits at other sizes and under each policy, if enabled.
    pub fn advise(&self) -> Vec<Estimate> {
        match self {
            Self::Memory(store) => store.advise(),
            Self::Redis(_) => Vec::new(),
        }
    }

    /// Checks that the store replies.
    ///
    /// # Errors
    /// [`StoreError`] if it does not.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let ping: Command = ["PING"].into_iter().collect();
        let replies = self.run(Batch { commands: vec![ping], only_reads: true }).await?;
        match replies.first() {
            Some(Reply::Error(text)) => Err(StoreError::Unavailable(String::from_utf8_lossy(text).into_owned())),
            _ => Ok(()),
        }
    }

    /// The kind of the store, for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
            Self::Redis(_) => "redis",
        }
    }
}

impl StoreError {
    /// The HTTP status of the response.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unavailable(_) => 503,
            Self::Timeout(_) => 504,
            Self::Protocol(_) => 502,
            Self::Discarded(_) => 400,
        }
    }

    /// Details for the operator. Never send them to the caller.
    pub fn detail(&self) -> &str {
        match self {
            Self::Unavailable(detail) | Self::Timeout(detail) | Self::Protocol(detail) | Self::Discarded(detail) => {
                detail
            }
        }
    }
}

impl From<CacheError> for StoreError {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Timeout(_) => Self::Timeout(error.to_string()),
            CacheError::Protocol(_) => Self::Protocol(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}
