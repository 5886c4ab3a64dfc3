//! [`RedisInvalidations`]: Redis as a source of announcements.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::connection::Connection;
use super::observe::{Observed, observe};
use super::provider::RedisCacheProvider;
use super::tracking::Invalidated;
use crate::error::{CacheError, Result};
use crate::provider::BoxFuture;
use crate::remote::Namespace;
use crate::tiered::{Announce, Invalidation, InvalidationSource, Position};

/// The pause before the first retry. It doubles with every failed attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often the servers confirm that they announce changes.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The announcements of Redis, from [`RedisCacheProvider::invalidations`]: client-side caching in broadcast mode, on a
/// separate connection to every server that can change a key.
///
/// It announces the keys of the provider's namespace, or all keys of the server without one. It covers writes by any
/// client, expirations, evictions, scripts and `FLUSHALL`. In a cluster, it observes every primary, and starts over
/// when slots move or another node becomes primary; behind Sentinels, when they name another primary. Whenever a
/// connection breaks, all near copies are dropped: Redis does not repeat missed announcements. Announcements do not say
/// who made a change.
///
/// It needs Redis 6 or Valkey, and permission for `CLIENT TRACKING` and `HELLO`. It costs Redis about two microseconds for
/// each change.
///
/// ```no_run
/// use isocache::{RedisCacheProvider, TieredCacheProvider};
/// use std::time::Duration;
///
/// # async fn example() -> isocache::Result<()> {
/// let redis: RedisCacheProvider<String> =
///     RedisCacheProvider::builder("redis://127.0.0.1").namespace("shop").build()?;
/// let source = redis.invalidations().heartbeat(Duration::from_secs(2))?;
/// let users = TieredCacheProvider::builder(redis).invalidations(source).build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisInvalidations {
    connection: Connection,
    namespace: Namespace,
    heartbeat: Duration,
}

impl<T, S> RedisCacheProvider<T, S> {
    /// Returns the announcements of changed keys, for a [`TieredCacheProvider`](crate::TieredCacheProvider) in front of
    /// this provider, or for direct use.
    #[must_use]
    pub fn invalidations(&self) -> RedisInvalidations {
        let (connection, namespace) = self.parts();
        RedisInvalidations { connection, namespace, heartbeat: HEARTBEAT }
    }
}

impl RedisInvalidations {
    /// Sets how often the servers confirm that they announce changes, with a `PING` on each connection. The default is 5
    /// seconds. If the network falls silent, a near copy is served for two heartbeats at most.
    ///
    /// # Errors
    /// [`InvalidArgument`](CacheError::InvalidArgument) for less than 10 milliseconds or more than an hour.
    pub fn heartbeat(mut self, heartbeat: Duration) -> Result<Self> {
        if !(Duration::from_millis(10)..=Duration::from_secs(3600)).contains(&heartbeat) {
            let reason = format!("must be from 10 milliseconds to an hour, not {heartbeat:?}");
            return Err(CacheError::invalid("heartbeat", reason));
        }
        self.heartbeat = heartbeat;
        Ok(self)
    }
}

impl std::fmt::Debug for RedisInvalidations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisInvalidations").field("servers", &self.connection.names()).finish_non_exhaustive()
    }
}

impl InvalidationSource for RedisInvalidations {
    fn run(&self, _since: Option<Position>, announce: Announce) -> BoxFuture<'static, ()> {
        let Self { connection, namespace, heartbeat } = self.clone();
        Box::pin(async move {
            if tokio::runtime::Handle::try_current().is_err() {
                let reason = "there is no tokio runtime here: use the cache from within a tokio runtime";
                announce(Invalidation::Disconnected { error: CacheError::Connection(reason.into()) });
                return;
            }
            let prefixes = namespace.prefix().map(|prefix| vec![prefix.as_bytes().to_vec()]).unwrap_or_default();
            let opened = Arc::new(std::sync::atomic::AtomicBool::new(false));
            let mut pause = FIRST_PAUSE;
            loop {
                let tell = {
                    let (announce, namespace, opened) = (Arc::clone(&announce), namespace.clone(), Arc::clone(&opened));
                    move |observed| {
                        opened.fetch_or(matches!(observed, Observed::Opened(_)), std::sync::atomic::Ordering::Relaxed);
                        announce(announcement(observed, &namespace, heartbeat));
                    }
                };
                let Err(error) = observe(&connection, &prefixes, (heartbeat, heartbeat), tell).await;
                announce(Invalidation::Disconnected { error });
                if opened.swap(false, std::sync::atomic::Ordering::Relaxed) {
                    pause = FIRST_PAUSE;
                }
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        })
    }
}

fn announcement(observed: Observed, namespace: &Namespace, heartbeat: Duration) -> Invalidation {
    match observed {
        Observed::Opened(took) => Invalidation::Connected { position: None, resumed: false, heartbeat, took },
        Observed::Confirmed(took) => Invalidation::Heartbeat { position: None, took },
        Observed::Changed(Invalidated::All) => Invalidation::All { position: None },
        Observed::Changed(Invalidated::Keys(keys)) => {
            // All keys of callers are UTF-8.
            let texts = keys.iter().filter_map(|key| std::str::from_utf8(key).ok());
            let keys = texts.filter_map(|key| namespace.strip(key)).map(str::to_owned).collect();
            Invalidation::Keys { keys, own: Vec::new(), position: None }
        }
    }
}
