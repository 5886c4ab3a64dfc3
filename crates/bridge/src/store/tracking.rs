//! From the announcements of Redis to the log of changes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{select_all, try_join_all};
use isocache::__bridge::{Connection, Invalidated, Tracking, primaries};
use isocache::{CacheError, Result};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::invalidations::{Change, Log};

/// How long after a failure the next attempt begins. The pause doubles with every attempt that fails.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long a server may take to confirm that it announces changes. Heartbeats wait for it.
const CONFIRM_LIMIT: Duration = Duration::from_secs(5);

/// What to observe, and how often to confirm that it is observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcements {
    /// The interval of heartbeats.
    pub heartbeat: Duration,
    /// The prefixes of the keys that Redis announces; all keys if there is none. Each costs Redis time at every write.
    pub prefixes: Vec<Vec<u8>>,
}

impl Default for Announcements {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(10), prefixes: Vec::new() }
    }
}

/// Keeps the log open while Redis announces changes.
pub(super) async fn run(connection: Connection, log: Arc<Log>, announcements: Announcements) -> Infallible {
    let (mut pause, mut logged) = (FIRST_PAUSE, String::new());
    loop {
        let Err(error) = observe(&connection, &log, &announcements).await;
        if log.is_open() {
            (pause, logged) = (FIRST_PAUSE, String::new());
        }
        log.close();
        let reason = error.to_string();
        if reason != logged {
            tracing::warn!("changed keys are not announced, readers begin again later: {reason}");
            logged = reason;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Opens a connection to each server, and then the log. Returns as soon as a change may have been missed.
async fn observe(connection: &Connection, log: &Arc<Log>, announcements: &Announcements) -> Result<Infallible> {
    let Announcements { heartbeat, prefixes } = announcements;
    let nodes = nodes(connection).await?;
    let track = |server: Connection| {
        let log = Arc::clone(log);
        async move { server.track(prefixes, move |invalidated| record(&log, invalidated)).await }
    };
    let servers = if nodes.is_empty() {
        vec![connection.clone()]
    } else {
        nodes.iter().map(|node| connection.to_node(&node.host, node.port)).collect()
    };
    let mut tracked: Vec<Tracking> = try_join_all(servers.into_iter().map(track)).await?;
    if self::nodes(connection).await? != nodes {
        return Err(moved());
    }
    log.open();
    let mut ticks = interval(*heartbeat);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = select_all(tracked.iter_mut().map(|server| Box::pin(server.ended()))) => {
                return Err(CacheError::Connection(format!("{}: the connection broke", connection.names())));
            }
            _ = ticks.tick() => {}
        }
        try_join_all(tracked.iter_mut().map(|server| server.confirm(CONFIRM_LIMIT))).await?;
        if self::nodes(connection).await? != nodes {
            return Err(moved());
        }
        log.heartbeat();
    }
}

/// The primaries of a cluster; nothing for one server.
async fn nodes(connection: &Connection) -> Result<Vec<isocache::__bridge::Primary>> {
    if connection.is_cluster() { primaries(connection).await } else { Ok(Vec::new()) }
}

fn moved() -> CacheError {
    CacheError::Unavailable("slots of the cluster moved to other nodes".into())
}

fn record(log: &Log, invalidated: Invalidated) {
    match invalidated {
        Invalidated::Keys(keys) => log.keys(keys.into_iter().map(|key| Change::from(Bytes::from(key))).collect()),
        Invalidated::All => log.all(),
    }
}
