//! Listing keys, step by step.

use super::clear_pattern::{MAX_WALKS, Primary, Step, primaries, scan};
use super::client::Client;
use super::connection::{Connection, ConnectionId};
use crate::error::{CacheError, Result};
use crate::remote::StaleCheck;

/// A position in a listing of all keys.
#[derive(Default)]
pub(crate) struct ScanCursor {
    /// The servers still to be scanned, the current one last; `None` before the first step.
    servers: Option<Vec<Connection>>,
    /// The nodes of the cluster at the start of the walk.
    nodes: Vec<Primary>,
    cursor: u64,
    /// The connection to which the cursor belongs.
    connection_id: Option<ConnectionId>,
    walks: u32,
}

/// Runs one step of a listing of all keys, without stale entries that `check` recognizes. Returns the next position if
/// there are more.
pub(super) async fn step(
    connection: &Connection,
    pattern: &[u8],
    mut place: ScanCursor,
    check: Option<StaleCheck>,
) -> Result<(Vec<Vec<u8>>, Option<ScanCursor>)> {
    if place.servers.is_none() {
        place.begin(connection).await?;
    }
    let Some(server) = place.servers.as_ref().and_then(|servers| servers.last()).cloned() else {
        return Ok((Vec::new(), None));
    };
    let Step { cursor, mut keys, id } = scan(&server, place.cursor, pattern).await?;
    if let Some(check) = check {
        // That server itself says which are stale: while a slot moves, its keys are on two servers.
        (keys, _) = check.without_stale(&Client::new(server.clone()), keys).await?;
    }
    // A cursor is valid only for the server that returned it, and only until that server restarts.
    if *place.connection_id.get_or_insert(id) != id {
        place.again(&server.names())?;
        (place.cursor, place.connection_id) = (0, None);
        return Ok((keys, Some(place)));
    }
    place.cursor = cursor;
    if cursor != 0 {
        return Ok((keys, Some(place)));
    }
    place.connection_id = None;
    if let Some(servers) = &mut place.servers {
        servers.pop();
        if !servers.is_empty() {
            return Ok((keys, Some(place)));
        }
    }
    if connection.database().is_none() && primaries(connection).await? != place.nodes {
        // Keys of slots that have moved may have been missed.
        place.again(&connection.names())?;
        place.servers = None;
        return Ok((keys, Some(place)));
    }
    Ok((keys, None))
}

impl ScanCursor {
    async fn begin(&mut self, connection: &Connection) -> Result<()> {
        self.servers = Some(if connection.database().is_some() {
            vec![connection.clone()]
        } else {
            self.nodes = primaries(connection).await?;
            self.nodes.iter().map(|node| connection.to_node(&node.host, node.port)).collect()
        });
        Ok(())
    }

    fn again(&mut self, servers: &str) -> Result<()> {
        self.walks += 1;
        if self.walks < MAX_WALKS {
            return Ok(());
        }
        let reason = format!("{servers}: the connection broke or slots moved {MAX_WALKS} times while keys were listed");
        Err(CacheError::Unavailable(reason))
    }
}
