//! Deleting by pattern.

use futures_util::future::{try_join, try_join_all};
use redis::{Value, cmd};

use super::client::{Client, failure};
use super::link::{Link, Repeat, WireId};
use crate::error::{CacheError, Result};

/// How many keys the server looks at in one step, and so how long it keeps others waiting.
const KEYS_PER_STEP: u32 = 512;

/// How often the walk begins again, because a server was replaced or slots moved, before it is given up.
const MAX_WALKS: u32 = 5;

/// Removes the keys that match, in steps that leave room for others. What another client adds meanwhile may stay.
pub async fn clear(client: &Client, pattern: &[u8]) -> Result<u64> {
    let link = &client.link;
    if link.database().is_some() {
        return walk(client, link, pattern).await;
    }
    // Whatever had moved to a node that was done with is found by the next walk.
    let mut removed = 0;
    let mut nodes = primaries(link).await?;
    for _ in 0..MAX_WALKS {
        let links: Vec<Link> = nodes.iter().map(|node| link.to_node(&node.host, node.port)).collect();
        removed += try_join_all(links.iter().map(|node| walk(client, node, pattern))).await?.iter().sum::<u64>();
        let now = primaries(link).await?;
        if now == nodes {
            return Ok(removed);
        }
        nodes = now;
    }
    Err(CacheError::Unavailable(format!("{}: slots kept moving while {removed} keys were removed", link.names())))
}

/// Walks the keys of one server.
async fn walk(client: &Client, server: &Link, pattern: &[u8]) -> Result<u64> {
    let mut removed = 0;
    for _ in 0..MAX_WALKS {
        let (mut cursor, mut found, mut first) = (0, Vec::new(), None);
        loop {
            // The keys of one step go while the next step is on its way.
            let (step, unlinked) = try_join(scan(server, cursor, pattern), client.unlink(&found)).await?;
            removed += unlinked;
            // A cursor means nothing to another server, nor to the same one after a restart.
            if *first.get_or_insert(step.wire) != step.wire {
                break;
            }
            (cursor, found) = (step.cursor, step.keys);
            if cursor == 0 {
                return Ok(removed + client.unlink(&found).await?);
            }
        }
    }
    Err(CacheError::Connection(format!("{}: broke again and again while keys were removed", server.names())))
}

struct Step {
    /// Where the next step goes on; 0 at the end.
    cursor: u64,
    keys: Vec<Vec<u8>>,
    wire: WireId,
}

async fn scan(server: &Link, cursor: u64, pattern: &[u8]) -> Result<Step> {
    let mut command = cmd("SCAN");
    command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(KEYS_PER_STEP);
    let (reply, wire) = server.one_by_wire(command, Repeat::Harmless).await?;
    let strange = || CacheError::Protocol("SCAN was not answered with a cursor and keys".into());
    let Value::Array(parts) = reply else { return Err(failure("SCAN", reply, None)) };
    let Ok([Value::BulkString(cursor), Value::Array(keys)]) = <[Value; 2]>::try_from(parts) else {
        return Err(strange());
    };
    let cursor = std::str::from_utf8(&cursor).ok().and_then(|cursor| cursor.parse().ok()).ok_or_else(strange)?;
    let key = |key| if let Value::BulkString(key) = key { Ok(key) } else { Err(strange()) };
    let keys = keys.into_iter().map(key).collect::<Result<_>>()?;
    Ok(Step { cursor, keys, wire })
}

/// A node of a cluster that owns slots, and which.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Primary {
    /// Its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    slots: Vec<(i64, i64)>,
}

/// Which node owns which slots now.
pub async fn primaries(link: &Link) -> Result<Vec<Primary>> {
    let mut command = cmd("CLUSTER");
    command.arg("SLOTS");
    let reply = link.one(command, Repeat::Harmless).await?;
    let Value::Array(ranges) = reply else { return Err(failure("CLUSTER SLOTS", reply, None)) };
    let strange = || CacheError::Protocol("CLUSTER SLOTS does not tell where the nodes are".into());
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
    // In one order, so that two answers compare.
    for primary in &mut primaries {
        primary.slots.sort_unstable();
    }
    primaries.sort_unstable();
    Ok(primaries)
}
