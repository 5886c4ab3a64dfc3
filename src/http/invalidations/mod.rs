//! [`HttpInvalidations`]: announcements of changed keys over HTTP.
//!
//! | file | what it does |
//! |---|---|
//! | `open` | requests, and the errors if they fail |
//! | `stream` | one connection after another, each from where the last one ended |
//! | `poll` | one request each time |
//! | `event` | turns the messages of the bridge into announcements |

mod event;
mod open;
mod poll;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use super::origin::OwnOrigin;
use super::session::Session;
use crate::error::{CacheError, Result};
use crate::provider::BoxFuture;
use crate::remote::Namespace;
use crate::tiered::{Announce, Invalidation, InvalidationSource, Position};

/// The announcements of a bridge, from [`HttpCacheProvider::invalidations`](crate::HttpCacheProvider::invalidations):
/// the changed keys of the provider's namespace, whoever changed them.
///
/// It holds one stream, of server-sent events, to `GET /invalidations`: with reqwest natively, and with `fetch` in
/// WebAssembly. When the stream breaks, or is silent for two heartbeats, it reconnects after a pause of 0.1 to 10
/// seconds with random jitter, and the bridge announces the missed changes. If the bridge no longer has them, because
/// it was restarted or its connection to Redis broke, it announces [`Reset`](Invalidation::Reset). Each attempt takes
/// no longer than the [`timeout`](crate::HttpCacheBuilder::timeout) of the provider. Errors are announced as
/// [`Disconnected`](Invalidation::Disconnected), including those that somebody must fix: a refused token, or a server
/// that is not a bridge.
///
/// A tiered cache runs it. A program that keeps other copies, such as rendered pages, runs it itself:
///
/// ```no_run
/// use isocache::{HttpCacheProvider, Invalidation, InvalidationSource};
/// use std::sync::Arc;
///
/// # async fn example() -> isocache::Result<()> {
/// let cache: HttpCacheProvider<String> =
///     HttpCacheProvider::builder("https://cache.example.com").token("token").namespace("shop").build()?;
/// let announce = Arc::new(|event| match event {
///     // Keys as `cache` knows them, without the namespace.
///     Invalidation::Keys { keys, .. } => println!("render again: {keys:?}"),
///     Invalidation::All { .. } | Invalidation::Reset { .. } => println!("render everything again"),
///     Invalidation::Connected { resumed: false, .. } => println!("changes may have been missed before this"),
///     Invalidation::Disconnected { error } => eprintln!("not told of changes: {error}"),
///     _ => {}
/// });
/// tokio::spawn(cache.invalidations().run(None, announce));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct HttpInvalidations {
    session: Arc<Session>,
    namespace: Namespace,
    /// The name of own requests, if own changes must be recognized.
    own: Option<OwnOrigin>,
    interval: Option<Duration>,
}

/// The allowed intervals between polls.
const INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3600);

impl HttpInvalidations {
    pub(super) fn new(session: Arc<Session>, namespace: Namespace, own: Option<OwnOrigin>) -> Self {
        Self { session, namespace, own, interval: None }
    }

    /// Polls at an interval and holds no stream, for places that cannot hold one, such as workers at the edge. A tiered
    /// cache polls when it is read after that time, so a near copy is at most `interval` old; it polls earlier if a
    /// response shows that there are changes. [`run`](InvalidationSource::run) polls continuously.
    ///
    /// ```
    /// use isocache::{HttpCacheProvider, InvalidationSource};
    /// use std::time::Duration;
    ///
    /// let cache: HttpCacheProvider<String> = HttpCacheProvider::new("https://cache.example.com", "token")?;
    /// let source = cache.invalidations().polling(Duration::from_secs(5))?;
    /// assert_eq!(source.check_interval(), Some(Duration::from_secs(5)));
    /// # Ok::<(), isocache::CacheError>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](CacheError::InvalidArgument) for less than 10 milliseconds or more than an hour.
    pub fn polling(mut self, interval: Duration) -> Result<Self> {
        if !INTERVALS.contains(&interval) {
            let reason = format!("must be from 10 milliseconds to an hour, not {interval:?}");
            return Err(CacheError::invalid("interval", reason));
        }
        self.interval = Some(interval);
        Ok(self)
    }
}

impl InvalidationSource for HttpInvalidations {
    fn run(&self, since: Option<Position>, announce: Announce) -> BoxFuture<'static, ()> {
        match self.interval {
            Some(interval) => Box::pin(poll::run(self.clone(), interval, since, announce)),
            None => Box::pin(stream::run(self.clone(), since, announce)),
        }
    }

    fn check_interval(&self) -> Option<Duration> {
        self.interval
    }

    fn poll(&self, since: Option<Position>) -> BoxFuture<'static, Result<Invalidation>> {
        let source = self.clone();
        Box::pin(async move { poll::once(&source, since).await })
    }

    fn latest(&self) -> Option<Position> {
        self.session.latest()
    }
}

/// Shows the address of the server, never a token.
impl std::fmt::Debug for HttpInvalidations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("HttpInvalidations");
        shown.field("url", &self.session.url).field("interval", &self.interval).finish_non_exhaustive()
    }
}
