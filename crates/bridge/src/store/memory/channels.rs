//! Publishing and subscribing, by channel and by pattern.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use isocache::__bridge::matches_bytes;
use tokio::sync::mpsc;

/// A published message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The pattern of the subscription that the channel matches; `None` if the subscription names the channel.
    pub pattern: Option<Bytes>,
    /// The channel that it was published to.
    pub channel: Bytes,
    /// The published bytes.
    pub payload: Bytes,
}

/// The subscriber read its messages too slowly and was disconnected. It receives no messages after the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the subscriber lagged behind: its queue was full, and it was disconnected")]
pub struct Lagged;

/// The messages of one subscriber, in the order of their publication: a [`Stream`]. It ends after [`Lagged`]. Dropping it
/// unsubscribes.
pub struct Subscription {
    id: u64,
    queue: mpsc::Receiver<Message>,
    lagged: Arc<AtomicBool>,
    channels: Arc<Channels>,
}

impl Subscription {
    /// Receives the next message, or [`Lagged`] if the subscriber was disconnected; `None` after that.
    pub async fn recv(&mut self) -> Option<Result<Message, Lagged>> {
        std::future::poll_fn(|context| self.poll_recv(context)).await
    }

    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Message, Lagged>>> {
        self.queue.poll_recv(context).map(|message| match message {
            Some(message) => Some(Ok(message)),
            None => self.lagged.swap(false, Ordering::Relaxed).then_some(Err(Lagged)),
        })
    }
}

impl Stream for Subscription {
    type Item = Result<Message, Lagged>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(context)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut directory = self.channels.lock();
        directory.remove(self.id);
        self.channels.count(&directory);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("waiting", &self.queue.len()).finish_non_exhaustive()
    }
}

/// The subscribers and their channels and patterns.
pub(super) struct Channels {
    queue: usize,
    /// The number of subscribers. While it is 0, publishing takes no lock.
    subscribers: AtomicUsize,
    directory: Mutex<Directory>,
}

#[derive(Default)]
struct Directory {
    next_id: u64,
    subscribers: HashMap<u64, Subscriber>,
    channels: HashMap<Bytes, BTreeSet<u64>>,
    patterns: HashMap<Bytes, BTreeSet<u64>>,
}

struct Subscriber {
    queue: mpsc::Sender<Message>,
    lagged: Arc<AtomicBool>,
    channels: Vec<Bytes>,
    patterns: Vec<Bytes>,
}

impl Channels {
    pub(super) fn new(queue: usize) -> Self {
        Self { queue, subscribers: AtomicUsize::new(0), directory: Mutex::default() }
    }

    pub(super) fn subscribe(self: &Arc<Self>, channels: &[Bytes], patterns: &[Bytes]) -> Subscription {
        let (sender, queue) = mpsc::channel(self.queue);
        let lagged = Arc::new(AtomicBool::new(false));
        let mut directory = self.lock();
        let id = directory.next_id;
        directory.next_id += 1;
        for channel in channels {
            directory.channels.entry(channel.clone()).or_default().insert(id);
        }
        for pattern in patterns {
            directory.patterns.entry(pattern.clone()).or_default().insert(id);
        }
        let subscriber = Subscriber {
            queue: sender,
            lagged: Arc::clone(&lagged),
            channels: channels.to_vec(),
            patterns: patterns.to_vec(),
        };
        directory.subscribers.insert(id, subscriber);
        self.count(&directory);
        drop(directory);
        Subscription { id, queue, lagged, channels: Arc::clone(self) }
    }

    /// Sends a message to all subscribers without waiting. Returns the number of deliveries: one for the channel and one for
    /// each pattern, as in Redis. A subscriber with a full queue is disconnected.
    pub(super) fn publish(&self, channel: &[u8], payload: &[u8]) -> i64 {
        if self.subscribers.load(Ordering::Acquire) == 0 {
            return 0;
        }
        let (channel, payload) = (Bytes::copy_from_slice(channel), Bytes::copy_from_slice(payload));
        let mut directory = self.lock();
        let mut lagging = Vec::new();
        let mut received = 0;
        let named = directory.channels.get(&channel).into_iter().map(|ids| (None, ids));
        let fitting = directory.patterns.iter().filter(|(pattern, _)| matches_bytes(pattern, &channel));
        for (pattern, ids) in named.chain(fitting.map(|(pattern, ids)| (Some(pattern.clone()), ids))) {
            for id in ids {
                let Some(subscriber) = directory.subscribers.get(id) else { continue };
                if lagging.contains(id) {
                    continue;
                }
                let message = Message { pattern: pattern.clone(), channel: channel.clone(), payload: payload.clone() };
                match subscriber.queue.try_send(message) {
                    Ok(()) => received += 1,
                    Err(_) => lagging.push(*id),
                }
            }
        }
        for id in lagging {
            if let Some(subscriber) = directory.subscribers.get(&id) {
                subscriber.lagged.store(true, Ordering::Relaxed);
            }
            directory.remove(id);
        }
        self.count(&directory);
        received
    }

    /// The channels with at least one subscriber by name.
    pub(super) fn active(&self, pattern: Option<&[u8]>) -> Vec<Bytes> {
        let directory = self.lock();
        let fits = |channel: &&Bytes| pattern.is_none_or(|pattern| matches_bytes(pattern, channel));
        directory.channels.keys().filter(fits).cloned().collect()
    }

    /// The number of subscribers to a channel by name.
    pub(super) fn subscribers_of(&self, channel: &[u8]) -> usize {
        self.lock().channels.get(channel).map_or(0, BTreeSet::len)
    }

    /// The number of channels, and of different patterns, with a subscriber.
    pub(super) fn counts(&self) -> (usize, usize) {
        let directory = self.lock();
        (directory.channels.len(), directory.patterns.len())
    }

    fn lock(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, directory: &Directory) {
        self.subscribers.store(directory.subscribers.len(), Ordering::Release);
    }
}

impl Directory {
    fn remove(&mut self, id: u64) {
        let Some(subscriber) = self.subscribers.remove(&id) else { return };
        for (names, map) in [(subscriber.channels, &mut self.channels), (subscriber.patterns, &mut self.patterns)] {
            for name in names {
                if let Some(ids) = map.get_mut(&name) {
                    ids.remove(&id);
                    if ids.is_empty() {
                        map.remove(&name);
                    }
                }
            }
        }
    }
}
