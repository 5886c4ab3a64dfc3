//! Deletion by pattern.

use futures_util::future::{try_join, try_join_all};
use redis::{Value, cmd};

use super::client::Client;
use super::connection::{Connection, ConnectionId, Retry};
use super::replies::failure;
use crate::error::{CacheError, Result};
use crate::remote::StaleCheck;

/// The number of keys that the server visits in one step. Other clients wait for the step to end.
const KEYS_PER_STEP: u32 = 512;

/// The maximum number of walks. Another one starts after a server was replaced or slots moved.
pub(super) const MAX_WALKS: u32 = 5;

/// Removes the keys that match, in steps between which other clients are served, and returns their number. Stale
/// entries that `check` recognizes do not count. Keys that other clients add in the meantime may stay.
pub async fn clear(client: &Client, pattern: &[u8], check: Option<StaleCheck>) -> Result<u64> {
    let connection = &client.connection;
    if connection.database().is_some() {
        return walk(client, connection, pattern, check).await;
    }
    // A key may move to a node that was already walked. The next walk finds it.
    let mut removed = 0;
    let mut nodes = primaries(connection).await?;
    for _ in 0..MAX_WALKS {
        let walked: Vec<Connection> = nodes.iter().map(|node| connection.to_node(&node.host, node.port)).collect();
        removed +=
            try_join_all(walked.iter().map(|node| walk(client, node, pattern, check))).await?.iter().sum::<u64>();
        let now = primaries(connection).await?;
        if now == nodes {
            return Ok(removed);
        }
        nodes = now;
    }
    Err(CacheError::Unavailable(format!(
        "{}: slots moved during each of {MAX_WALKS} walks; {removed} keys were removed, try again",
        connection.names()
    )))
}

/// Walks the keys of one server.
async fn walk(client: &Client, server: &Connection, pattern: &[u8], check: Option<StaleCheck>) -> Result<u64> {
    let mut removed = 0;
    for _ in 0..MAX_WALKS {
        let (mut cursor, mut found, mut first) = (0, Vec::new(), None);
        loop {
            // The keys of one step are removed while the next step runs.
            let (step, unlinked) =
                try_join(scan(server, cursor, pattern), remove(client, server, &found, check)).await?;
            removed += unlinked;
            // A cursor is valid only for the server that returned it, and only until that server restarts.
            if *first.get_or_insert(step.id) != step.id {
                break;
            }
            (cursor, found) = (step.cursor, step.keys);
            if cursor == 0 {
                return Ok(removed + remove(client, server, &found, check).await?);
            }
        }
    }
    Err(CacheError::Connection(format!(
        "{}: the connection broke during each of {MAX_WALKS} walks; {removed} keys were removed, try again",
        server.names()
    )))
}

/// Removes keys that a server has listed, and returns their number without stale entries. That server itself says which
/// are stale: while a slot moves, its keys are on two servers.
async fn remove(client: &Client, server: &Connection, keys: &[Vec<u8>], check: Option<StaleCheck>) -> Result<u64> {
    let stale = match check {
        Some(check) => check.without_stale(&Client::new(server.clone()), keys.to_vec()).await?.1,
        None => 0,
    };
    Ok(client.unlink(keys).await?.saturating_sub(stale))
}

/// The result of one step.
pub(super) struct Step {
    /// The cursor of the next step; 0 at the end.
    pub(super) cursor: u64,
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) id: ConnectionId,
}

pub(super) async fn scan(server: &Connection, cursor: u64, pattern: &[u8]) -> Result<Step> {
    let mut command = cmd("SCAN");
    command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(KEYS_PER_STEP);
    let (reply, id) = server.one_with_id(command, Retry::Idempotent).await?;
    let strange = || CacheError::Protocol("unexpected reply to SCAN: expected a cursor and an array of keys".into());
    let Value::Array(parts) = reply else { return Err(failure("SCAN", reply, None)) };
    let Ok([Value::BulkString(cursor), Value::Array(keys)]) = <[Value; 2]>::try_from(parts) else {
        return Err(strange());
    };
    let cursor = std::str::from_utf8(&cursor).ok().and_then(|cursor| cursor.parse().ok()).ok_or_else(strange)?;
    let key = |key| if let Value::BulkString(key) = key { Ok(key) } else { Err(strange()) };
    let keys = keys.into_iter().map(key).collect::<Result<_>>()?;
    Ok(Step { cursor, keys, id })
}

/// A node of a cluster that owns slots, and the slots.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Primary {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    slots: Vec<(i64, i64)>,
}

/// The nodes that currently own slots.
pub async fn primaries(connection: &Connection) -> Result<Vec<Primary>> {
    let mut command = cmd("CLUSTER");
    command.arg("SLOTS");
    let reply = connection.one(command, Retry::Idempotent).await?;
    let Value::Array(ranges) = reply else { return Err(failure("CLUSTER SLOTS", reply, None)) };
    let strange = || {
        CacheError::Protocol(
            "unexpected reply to CLUSTER SLOTS: expected ranges of slots, each with a host and a port".into(),
        )
    };
    let mut primaries: Vec<Primary> = Vec::new();
    for range in ranges {
        let Value::Array(range) = range else { return Err(strange()) };
        let [Value::Int(first), Value::Int(last), Value::Array(node), ..] = range.as_slice() else {
            return Err(strange());
        };
        let [Value::BulkString(host), Value::Int(port), ..] = node.as_slice() else { return Err(strange()) };
        let host = std::str::from_utf8(host).ok().filter(|host| !host.is_empty()).ok_or_else(strange)?;
        let port = u16::try_from(*port).map_err(|_| strange())?;
        match primaries.iter_mut().find(|primary| primary.host == host && primary.port == port) {
            Some(primary) => primary.slots.push((*first, *last)),
            None => primaries.push(Primary { host: host.to_owned(), port, slots: vec![(*first, *last)] }),
        }
    }
    // Sorted, so that two replies compare.
    for primary in &mut primaries {
        primary.slots.sort_unstable();
    }
    primaries.sort_unstable();
    Ok(primaries)
}
