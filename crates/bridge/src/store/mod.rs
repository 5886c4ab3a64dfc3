//! What is behind the bridge.

mod cluster;
pub mod memory;
mod redis;
mod rounds;
mod scripts;

use std::time::Duration;

use bytes::Bytes;
use isocache::{CacheError, Result};
use isocache_protocol::{Command, Reply};

pub use self::redis::RedisStore;
use memory::MemoryStore;

/// A store: the embedded one, or Redis. Its clones are the same store.
#[derive(Clone)]
pub enum Store {
    /// In the memory of the bridge.
    Memory(MemoryStore),
    /// A real Redis.
    Redis(RedisStore),
}

/// Why a store did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or does not serve now. It may be asked again later.
    #[error("ERR the store is not available")]
    Unavailable(String),
    /// It did not answer in time. Whether the commands were carried out is not known.
    #[error("ERR the store did not answer in time")]
    Timeout(String),
    /// It answered something that is none.
    #[error("ERR the store answered something that is not understood")]
    Protocol(String),
    /// It refused a transaction as a whole; nothing was carried out. The text is the store's.
    #[error("{0}")]
    Discarded(String),
}

/// Commands that go to the store together.
pub struct Batch {
    /// In the order in which they are carried out.
    pub commands: Vec<Command>,
    /// Whether none of them changes anything, so that they may be sent again after a connection has broken.
    pub only_reads: bool,
}

/// A message to a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The pattern that the channel matched, for who subscribed to patterns.
    pub pattern: Option<Bytes>,
    /// The channel that it was published to.
    pub channel: Bytes,
    /// What was published.
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
    /// The next message; `None` when the subscription has ended, because the subscriber was too slow or the store has gone.
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

impl Store {
    /// Redis at a URL, as [`RedisCacheBuilder::new`](isocache::RedisCacheBuilder::new) takes it.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a URL that is none.
    pub fn redis(url: &str, connect_timeout: Duration, command_timeout: Duration) -> Result<Self> {
        RedisStore::new(url, connect_timeout, command_timeout).map(Self::Redis)
    }

    /// Carries commands out, one after the other; one reply for each.
    ///
    /// # Errors
    /// [`StoreError`], for all of them.
    pub async fn run(&self, batch: Batch) -> Result<Vec<Reply>, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.run(&batch.commands)),
            Self::Redis(store) => store.run(batch).await,
        }
    }

    /// Carries commands out with nothing between them, or none of them; one reply for each.
    ///
    /// # Errors
    /// [`StoreError`], for all of them.
    pub async fn transaction(&self, batch: Batch) -> Result<Vec<Reply>, StoreError> {
        match self {
            Self::Memory(store) => store.transaction(&batch.commands).map_err(StoreError::Discarded),
            Self::Redis(store) => store.transaction(batch).await,
        }
    }

    /// Removes the keys that match a pattern, in steps; how many there were.
    ///
    /// # Errors
    /// [`StoreError`]; what had been removed stays removed.
    pub async fn clear(&self, pattern: &[u8]) -> Result<u64, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.clear(pattern)),
            Self::Redis(store) => store.clear(pattern).await,
        }
    }

    /// Subscribes to channels and to patterns.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn subscribe(&self, channels: &[Bytes], patterns: &[Bytes]) -> Result<Messages, StoreError> {
        match self {
            Self::Memory(store) => Ok(Messages::Memory(store.subscribe(channels, patterns))),
            Self::Redis(store) => store.subscribe(channels, patterns).await.map(Messages::Redis),
        }
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// [`StoreError`] if not.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let ping: Command = ["PING"].into_iter().collect();
        let replies = self.run(Batch { commands: vec![ping], only_reads: true }).await?;
        match replies.first() {
            Some(Reply::Error(text)) => Err(StoreError::Unavailable(String::from_utf8_lossy(text).into_owned())),
            _ => Ok(()),
        }
    }

    /// What it is, for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
            Self::Redis(_) => "redis",
        }
    }
}

impl StoreError {
    /// The status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unavailable(_) => 503,
            Self::Timeout(_) => 504,
            Self::Protocol(_) => 502,
            Self::Discarded(_) => 400,
        }
    }

    /// What the operator should know, and the caller need not.
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
