//! Observing every server that can change a key: one server, the primary behind Sentinels, or all primaries of a cluster.

use std::time::Duration;

use futures_util::future::{Either, select, select_all, try_join_all};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::clear_pattern::{Primary, primaries};
use super::connection::Connection;
use super::tracking::{Invalidated, Tracking};
use crate::clock::Stopwatch;
use crate::error::{CacheError, Result};

/// A report of [`observe`].
#[derive(Debug)]
pub enum Observed {
    /// From now on, no change is missed. Finding that out took this long.
    Opened(Duration),
    /// Changes. They may also come before `Opened`.
    Changed(Invalidated),
    /// All changes have been passed on. Confirming it took this long.
    Confirmed(Duration),
}

/// Opens a connection to each server, and passes on its announcements. Every `heartbeat`, all servers confirm that they
/// still announce changes and are still the right ones; each has `limit` for it. Returns as soon as a change may have
/// been missed.
///
/// # Errors
/// Always. It says why the observation ended.
pub async fn observe<F>(
    connection: &Connection,
    prefixes: &[Vec<u8>],
    (heartbeat, limit): (Duration, Duration),
    tell: F,
) -> Result<std::convert::Infallible>
where
    F: Fn(Observed) + Clone + Send + Sync + 'static,
{
    let places = places(connection).await?;
    let track = |server: Connection| {
        let tell = tell.clone();
        async move { server.track(prefixes, move |invalidated| tell(Observed::Changed(invalidated))).await }
    };
    let servers = match &places {
        Places::One | Places::Primary(_) => vec![connection.clone()],
        Places::Cluster(nodes) => nodes.iter().map(|node| connection.to_node(&node.host, node.port)).collect(),
    };
    let mut tracked: Vec<Tracking> = try_join_all(servers.into_iter().map(track)).await?;
    let begun = Stopwatch::start();
    check(connection, &places, limit).await?;
    tell(Observed::Opened(begun.elapsed()));
    let mut ticks = interval(heartbeat);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is immediate.
    ticks.tick().await;
    loop {
        {
            let ended = select_all(tracked.iter_mut().map(|server| Box::pin(server.ended())));
            let tick = std::pin::pin!(ticks.tick());
            if let Either::Left(_) = select(ended, tick).await {
                return Err(CacheError::Connection(format!("{}: the connection broke", connection.names())));
            }
        }
        let begun = Stopwatch::start();
        try_join_all(tracked.iter_mut().map(|server| server.confirm(limit))).await?;
        check(connection, &places, limit).await?;
        tell(Observed::Confirmed(begun.elapsed()));
    }
}

/// The servers on which keys change.
#[derive(PartialEq, Eq)]
enum Places {
    One,
    /// The address of the primary that Sentinels name.
    Primary(String),
    Cluster(Vec<Primary>),
}

async fn places(connection: &Connection) -> Result<Places> {
    if connection.is_cluster() {
        return Ok(Places::Cluster(primaries(connection).await?));
    }
    Ok(connection.primary().await?.map_or(Places::One, Places::Primary))
}

async fn check(connection: &Connection, before: &Places, limit: Duration) -> Result<()> {
    let timed_out = |_| CacheError::Timeout(format!("{}: no reply within {limit:?}", connection.names()));
    if timeout(limit, places(connection)).await.map_err(timed_out)?? == *before {
        return Ok(());
    }
    Err(CacheError::Unavailable(format!("{}: another server has become primary, or slots moved", connection.names())))
}
