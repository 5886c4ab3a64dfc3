//! [`InvalidationSource`] announces changed keys to a tiered cache.

use std::sync::Arc;
use std::time::Duration;

use super::position::Position;
use crate::error::{CacheError, Result};
use crate::provider::BoxFuture;

/// A source of announcements of changed keys.
///
/// There are three kinds: a stream of the bridge (`HttpCacheProvider::invalidations`), Redis itself
/// (`RedisCacheProvider::invalidations`), and [`InvalidationChannel`](crate::InvalidationChannel), whose announcements
/// the program makes itself. A [tiered cache](crate::TieredCacheProvider) runs its source. A program that keeps copies
/// of its own can run one too:
///
/// ```
/// use isocache::{Invalidation, InvalidationChannel, InvalidationSource};
/// use std::sync::{Arc, Mutex};
///
/// # pollster::block_on(async {
/// let channel = InvalidationChannel::new();
/// let changed = Arc::new(Mutex::new(Vec::new()));
/// let seen = Arc::clone(&changed);
/// let announce = Arc::new(move |event| match event {
///     Invalidation::Keys { keys, .. } => seen.lock().unwrap().extend(keys),
///     Invalidation::All { .. } | Invalidation::Reset { .. } => seen.lock().unwrap().push("everything".into()),
///     _ => {}
/// });
/// let mut running = channel.run(None, announce);
/// # let waker = std::task::Waker::noop();
/// # let _ = running.as_mut().poll(&mut std::task::Context::from_waker(waker));
/// // In a program: `tokio::spawn(running)`.
/// channel.keys(["user:1"]);
/// assert_eq!(*changed.lock().unwrap(), ["user:1"]);
/// # });
/// ```
///
/// # Implementing a source
///
/// [`run`](Self::run) must follow these rules, on which the guarantees of a tiered cache depend:
///
/// - It announces [`Connected`](Invalidation::Connected) first, and again after each reconnection. With `resumed`,
///   everything since the last announcement, or since the position passed to `run`, has been announced *before* it.
///   Without `resumed`, changes may have been missed.
/// - From then on, it announces every change, in order, and none can be missed without a
///   [`Reset`](Invalidation::Reset), a [`Disconnected`](Invalidation::Disconnected), or silence.
/// - It announces something at least once per `heartbeat`. It closes a connection that has been silent for two
///   heartbeats, and reconnects.
/// - A key is announced as callers of the far provider know it, without a namespace.
pub trait InvalidationSource: Send + Sync {
    /// Announces changes until the future is dropped. It never ends by itself: if the connection breaks, it reconnects
    /// after a pause.
    ///
    /// `since` is the position up to which the caller has seen everything. `announce` must not block.
    fn run(&self, since: Option<Position>, announce: Announce) -> BoxFuture<'static, ()>;

    /// How long after a [`poll`](Self::poll) the next one is due, for a source that cannot hold a stream. `None` if
    /// announcements arrive by themselves. In that case [`run`](Self::run) is called, otherwise `poll`.
    fn check_interval(&self) -> Option<Duration> {
        None
    }

    /// Requests the changes since a position, once. Returns [`Keys`](Invalidation::Keys) or
    /// [`Reset`](Invalidation::Reset), with the position up to which it is complete. Without `since`, returns a
    /// [`Reset`](Invalidation::Reset) with the current position.
    ///
    /// # Errors
    /// Any error of the store. The default implementation always fails.
    fn poll(&self, since: Option<Position>) -> BoxFuture<'static, Result<Invalidation>> {
        let _ = since;
        Box::pin(std::future::ready(Err(CacheError::invalid(
            "invalidations",
            "this source has a check_interval but cannot be polled: implement InvalidationSource::poll",
        ))))
    }

    /// The latest position that any response of the store has shown, for a source that is [polled](Self::poll): if it
    /// is later than the last poll, or of another epoch, the next one is due. `None` if it is unknown.
    fn latest(&self) -> Option<Position> {
        None
    }
}

impl<S: InvalidationSource + ?Sized> InvalidationSource for Arc<S> {
    fn run(&self, since: Option<Position>, announce: Announce) -> BoxFuture<'static, ()> {
        (**self).run(since, announce)
    }

    fn check_interval(&self) -> Option<Duration> {
        (**self).check_interval()
    }

    fn poll(&self, since: Option<Position>) -> BoxFuture<'static, Result<Invalidation>> {
        (**self).poll(since)
    }

    fn latest(&self) -> Option<Position> {
        (**self).latest()
    }
}

/// The function that a source calls with each announcement. It must not block.
pub type Announce = Arc<dyn Fn(Invalidation) + Send + Sync>;

/// An announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalidation {
    /// Changes are announced from now on.
    Connected {
        /// The position of the stream, if its source counts positions.
        position: Option<Position>,
        /// Whether everything since the last connection was announced.
        resumed: bool,
        /// The longest time between two announcements.
        heartbeat: Duration,
        /// The time from the request to this announcement: changes are known to be announced since that request. Zero
        /// if it is unknown. A source that knows it but counts no positions must announce each heartbeat, since only
        /// heartbeats show that nothing is missing.
        took: Duration,
    },
    /// These keys were written or removed, or have expired.
    Keys {
        /// All of them, each once.
        keys: Vec<String>,
        /// Those among `keys` whose last change was made by this client itself. Empty if the source cannot tell.
        own: Vec<String>,
        /// The position after these changes.
        position: Option<Position>,
    },
    /// Every key may have changed: the store was emptied.
    All {
        /// The position after this change.
        position: Option<Position>,
    },
    /// Announcements were missed: every key may have changed.
    Reset {
        /// The position at which the stream continues.
        position: Option<Position>,
    },
    /// Nothing has changed since the last announcement.
    Heartbeat {
        /// The position up to which every change was announced.
        position: Option<Position>,
        /// The time since the source requested the heartbeat: every change before the request has been announced. Zero
        /// if it does not request heartbeats.
        took: Duration,
    },
    /// Changes are not announced until the next [`Connected`](Self::Connected).
    Disconnected {
        /// The cause.
        error: CacheError,
    },
}

impl Invalidation {
    /// The position of the announcement.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Connected { position, .. }
            | Self::Keys { position, .. }
            | Self::All { position }
            | Self::Reset { position }
            | Self::Heartbeat { position, .. } => *position,
            Self::Disconnected { .. } => None,
        }
    }
}
