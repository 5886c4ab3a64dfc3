//! Feeds the announcements of Redis into the log of changes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use isocache::__bridge::{Connection, Invalidated, Observed};
use isocache::Result;
use tokio::time::sleep;

use crate::invalidations::{Change, Log};

/// The pause before the first retry. It doubles with every failed attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The timeout for a server to confirm that it announces changes. Heartbeats wait for it.
const CONFIRM_LIMIT: Duration = Duration::from_secs(5);

/// The changes to observe, and how often to confirm that they are observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcements {
    /// The interval of heartbeats.
    pub heartbeat: Duration,
    /// The prefixes of the keys that Redis announces; all keys if empty. Each prefix costs Redis time at every write.
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

/// Opens the log while every server announces changes. Returns as soon as a change may have been missed.
async fn observe(connection: &Connection, log: &Arc<Log>, announcements: &Announcements) -> Result<Infallible> {
    let Announcements { heartbeat, prefixes } = announcements;
    let log = Arc::clone(log);
    let tell = move |observed| match observed {
        Observed::Opened(_) => log.open(),
        Observed::Changed(invalidated) => record(&log, invalidated),
        Observed::Confirmed(_) => log.heartbeat(),
    };
    isocache::__bridge::observe(connection, prefixes, (*heartbeat, CONFIRM_LIMIT), tell).await
}

fn record(log: &Log, invalidated: Invalidated) {
    match invalidated {
        Invalidated::Keys(keys) => log.keys(keys.into_iter().map(|key| Change::from(Bytes::from(key))).collect()),
        Invalidated::All => log.all(),
    }
}
