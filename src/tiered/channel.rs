//! [`InvalidationChannel`]: announcements that the program makes itself.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::position::Position;
use super::source::{Announce, Invalidation, InvalidationSource};
use crate::error::CacheError;
use crate::provider::BoxFuture;

/// An [`InvalidationSource`] within the process: an announcement of the program reaches every tiered cache that uses
/// the channel, at once and in the calling thread. For your own message bus, and for tests.
///
/// It is connected from the start. If the bus may break, call [`disconnect`](Self::disconnect) when it does, and
/// [`connect`](Self::connect) when it is back. Cloning it is cheap, and clones share the channel.
///
/// ```
/// use isocache::{CacheError, InvalidationChannel};
///
/// let channel = InvalidationChannel::new();
/// channel.keys(["user:1", "user:2"]);
/// channel.all();
/// channel.disconnect(CacheError::Connection("the bus is down".into()));
/// // Changes were missed, so copies made before are dropped.
/// channel.connect();
/// ```
#[derive(Clone)]
pub struct InvalidationChannel {
    shared: Arc<Mutex<State>>,
}

struct State {
    heartbeat: Duration,
    connected: Result<(), CacheError>,
    listeners: BTreeMap<u64, Announce>,
    next: u64,
}

impl InvalidationChannel {
    /// Creates a channel that does not need heartbeats.
    #[must_use]
    pub fn new() -> Self {
        Self::with_heartbeat(Duration::MAX)
    }

    /// Creates a channel that is [`Suspect`](crate::LinkState::Suspect) after two `heartbeat`s without an announcement.
    /// The program calls [`heartbeat`](Self::heartbeat) at least that often, whenever it knows that its bus works.
    #[must_use]
    pub fn with_heartbeat(heartbeat: Duration) -> Self {
        let state = State { heartbeat, connected: Ok(()), listeners: BTreeMap::new(), next: 0 };
        Self { shared: Arc::new(Mutex::new(state)) }
    }

    /// Announces that these keys have changed.
    pub fn keys<K: Into<String>>(&self, keys: impl IntoIterator<Item = K>) {
        let keys = keys.into_iter().map(Into::into).collect();
        self.announce(&Invalidation::Keys { keys, own: Vec::new(), position: None });
    }

    /// Announces that every key may have changed.
    pub fn all(&self) {
        self.announce(&Invalidation::All { position: None });
    }

    /// Announces that all changes so far have been announced.
    pub fn heartbeat(&self) {
        self.announce(&Invalidation::Heartbeat { position: None, took: Duration::ZERO });
    }

    /// Announces that changes may be missed from now on.
    pub fn disconnect(&self, error: CacheError) {
        self.state().connected = Err(error.clone());
        self.announce(&Invalidation::Disconnected { error });
    }

    /// Announces that no change will be missed from now on. Copies made before are dropped.
    pub fn connect(&self) {
        let heartbeat = {
            let mut state = self.state();
            state.connected = Ok(());
            state.heartbeat
        };
        self.announce(&connected(heartbeat));
    }

    /// Passes on any announcement. It must follow the rules of [`InvalidationSource`].
    pub fn announce(&self, event: &Invalidation) {
        // Outside the lock: a listener may use the channel.
        let listeners: Vec<Announce> = self.state().listeners.values().cloned().collect();
        for listener in listeners {
            listener(event.clone());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for InvalidationChannel {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for InvalidationChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        let mut shown = f.debug_struct("InvalidationChannel");
        shown.field("connected", &state.connected).field("listeners", &state.listeners.len()).finish_non_exhaustive()
    }
}

fn connected(heartbeat: Duration) -> Invalidation {
    Invalidation::Connected { position: None, resumed: false, heartbeat, took: Duration::ZERO }
}

/// A registered listener. Dropping it removes the listener.
struct Registered {
    number: u64,
    channel: InvalidationChannel,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let listener = self.channel.state().listeners.remove(&self.number);
        // Outside the lock: it may hold the last handle to something that uses the channel.
        drop(listener);
    }
}

impl InvalidationSource for InvalidationChannel {
    fn run(&self, _since: Option<Position>, announce: Announce) -> BoxFuture<'static, ()> {
        let channel = self.clone();
        Box::pin(async move {
            let (number, connection) = {
                let mut state = channel.state();
                let number = state.next;
                state.next += 1;
                state.listeners.insert(number, Arc::clone(&announce));
                (number, state.connected.clone().map(|()| state.heartbeat))
            };
            let _registered = Registered { number, channel };
            announce(match connection {
                Ok(heartbeat) => connected(heartbeat),
                Err(error) => Invalidation::Disconnected { error },
            });
            pending::<()>().await;
        })
    }
}
