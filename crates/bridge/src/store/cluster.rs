//! `SCAN` over all nodes of a cluster.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use isocache::__bridge::primaries;
use isocache::__bridge::{Connection, Retry};
use isocache_protocol::{Command, Reply};

use super::StoreError;
use super::redis::{cmd, reply};

/// The number of low bits of a cursor that hold the cursor of a node. The higher bits hold the number of the node.
const NODE_CURSOR_BITS: u32 = 48;

/// A cluster, with a connection to each node.
pub(super) struct Cluster {
    connection: Connection,
    nodes: Mutex<HashMap<(String, u16), Connection>>,
}

impl Cluster {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, nodes: Mutex::default() }
    }

    /// Whether a command is `SCAN`, which a node answers only for its own keys.
    pub(super) fn scans(command: &Command) -> bool {
        command.arg_is(0, "SCAN")
    }

    /// Runs one step of a `SCAN` over all nodes. The cursor contains the number of the node. A node that leaves the
    /// cluster in the meantime may be skipped.
    pub(super) async fn scan(&self, command: &Command) -> Result<Reply, StoreError> {
        let cursor = command.arg(1).and_then(|cursor| std::str::from_utf8(cursor).ok()?.parse::<u64>().ok());
        let Some(cursor) = cursor else { return Ok(Reply::error("ERR invalid cursor")) };
        let nodes = primaries(&self.connection).await?;
        let number = cursor >> NODE_CURSOR_BITS;
        let node = usize::try_from(number).ok().and_then(|number| nodes.get(number));
        let Some(node) = node else { return Ok(step(0, Vec::new())) };
        let own = cursor & ((1 << NODE_CURSOR_BITS) - 1);
        let args = command.args().enumerate();
        let own: Command =
            args.map(|(at, arg)| if at == 1 { own.to_string().into_bytes() } else { arg.to_vec() }).collect();
        let scanned = reply(self.node(&node.host, node.port).one(cmd(&own), Retry::Idempotent).await?);
        let Reply::Array(parts) = &scanned else { return Ok(scanned) };
        let [Reply::Bulk(next), Reply::Array(keys)] = parts.as_slice() else { return Ok(scanned) };
        let next = std::str::from_utf8(next).ok().and_then(|next| next.parse::<u64>().ok());
        let next = next.filter(|next| next >> NODE_CURSOR_BITS == 0);
        let next = next.ok_or_else(|| StoreError::Protocol("a cursor of a node is too large".into()))?;
        let is_last = number + 1 >= nodes.len() as u64;
        let next = match next {
            0 if is_last => 0,
            0 => (number + 1) << NODE_CURSOR_BITS,
            next => number << NODE_CURSOR_BITS | next,
        };
        Ok(step(next, keys.clone()))
    }

    fn node(&self, host: &str, port: u16) -> Connection {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = nodes.entry((host.to_owned(), port)).or_insert_with(|| self.connection.to_node(host, port));
        connection.clone()
    }
}

fn step(cursor: u64, keys: Vec<Reply>) -> Reply {
    Reply::Array(vec![Reply::bulk(cursor.to_string()), Reply::Array(keys)])
}
