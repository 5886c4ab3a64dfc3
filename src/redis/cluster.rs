//! Requests to a cluster: each command goes to the node of its keys, even while slots move and primaries are replaced.
//!
//! The redis crate (1.8.1) knows which node has a slot, and connects to the nodes. Redirections are followed here,
//! because the crate does three things that a cache cannot accept:
//!
//! - It sends `ASKING` separately from the command. On a connection that tasks share, another task's command may come
//!   between them, and the node then redirects the command back.
//! - It repeats a command on several keys as long as its slot is half moved, and the server refuses it all that time
//!   (`TRYAGAIN`). Commands on single keys succeed meanwhile.
//! - It repeats any command whose connection has broken, even one that counts.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::ConnectionLike;
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerError, ServerErrorKind, Value};
use tokio::time::{Instant, sleep};

use super::cluster_split::Split;
use super::connection::{Connection, Request, Retry};
use super::open_connection::Target;
use crate::error::CacheError;

/// The first pause before a command is sent again. Pauses double.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The number of redirections in a row without a pause. Nodes may send a command back and forth until they agree.
const QUICK_REDIRECTIONS: u32 = 4;

/// How often a request waits for the crate to repair a connection that broke or cannot be opened.
const REPAIRS: u32 = 8;

/// A connection to a cluster. Clones share it.
#[derive(Clone)]
pub(super) struct Cluster {
    connection: ClusterConnection,
    redirections: Arc<Redirections>,
}

/// Connections to the nodes to which commands were redirected.
struct Redirections {
    target: Target,
    nodes: Mutex<HashMap<(String, u16), Connection>>,
}

/// A part of a request that one node executes.
#[derive(Clone, Copy)]
enum Unit<'a> {
    One(&'a Cmd),
    /// In order, from MULTI to EXEC.
    Transaction(&'a Pipeline),
    /// In order. If any of it is sent again, all of it is.
    Row(&'a Pipeline),
}

/// The deadline of a request, and whether it may be sent again when it may already have been executed.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    pub(super) until: Instant,
    pub(super) retry: Retry,
}

/// The next step after an outcome.
enum Next {
    Done,
    /// Send it to this node. `asking` says that the node is only about to get the slot.
    To {
        node: (String, u16),
        asking: bool,
    },
    /// Send it again later.
    Later,
    /// Send it again later, unless there has been no connection for some time: then a new one to the whole cluster may
    /// help.
    Reconnected,
}

impl Cluster {
    pub(super) fn new(connection: ClusterConnection, target: Target) -> Self {
        Self { connection, redirections: Arc::new(Redirections { target, nodes: Mutex::default() }) }
    }

    /// Runs one command. A command on several keys may run in parts, if they are on several nodes.
    pub(super) async fn run(&self, command: &Cmd, effort: Effort) -> RedisResult<Value> {
        let Some(split) = Split::of(command) else { return self.single(command, effort).await };
        let slots = split.by_slot();
        let replies = join_all(slots.iter().map(|keys| self.within_slot(&split, keys, effort))).await;
        split.combine(slots.into_iter().zip(replies))
    }

    /// Runs the part of a command on keys of one slot.
    async fn within_slot(&self, split: &Split<'_>, keys: &[usize], effort: Effort) -> RedisResult<Value> {
        let part = split.part(keys);
        if keys.len() == 1 {
            return self.single(&part, effort).await;
        }
        let whole = self.unit(Unit::One(&part), effort, true).await.and_then(one);
        let error = whole.as_ref().map_or_else(of_error, of_value);
        if !error.is_some_and(|error| is_half_moved(&error)) {
            return whole;
        }
        // Some keys may be here and some there. Each one by itself is found.
        let replies = join_all(keys.iter().map(async |&key| self.single(&split.part(&[key]), effort).await)).await;
        // In the order of the part.
        split.combine((0..).map(|at| vec![at]).zip(replies))
    }

    async fn single(&self, command: &Cmd, effort: Effort) -> RedisResult<Value> {
        self.unit(Unit::One(command), effort, false).await.and_then(one)
    }

    /// Runs commands on one slot, from MULTI to EXEC, on its node.
    pub(super) async fn run_transaction(&self, commands: &Pipeline, effort: Effort) -> RedisResult<Vec<Value>> {
        self.unit(Unit::Transaction(commands), effort, false).await
    }

    /// Runs idempotent commands on one slot in order, on its node.
    pub(super) async fn run_row(&self, commands: &Pipeline, effort: Effort) -> RedisResult<Vec<Value>> {
        self.unit(Unit::Row(commands), effort, false).await
    }

    /// Follows redirections until there is a reply or no time is left, and then returns the last outcome.
    ///
    /// If the unit is divisible, a refusal because its slot is half moved counts as a reply.
    async fn unit(&self, unit: Unit<'_>, effort: Effort, divisible: bool) -> RedisResult<Vec<Value>> {
        let (mut pause, mut redirections, mut repairs, mut place) = (FIRST_PAUSE, 0, 0, None);
        loop {
            let outcome = match &place {
                None => self.by_slot(unit).await,
                Some((node, asking)) => self.redirections.send(node, *asking, unit, effort).await,
            };
            match next(&outcome, effort.retry, divisible) {
                Next::Done => return outcome,
                Next::To { node, asking } => {
                    redirections += 1;
                    place = Some((node, asking));
                    if redirections < QUICK_REDIRECTIONS {
                        continue;
                    }
                }
                Next::Later => place = None,
                Next::Reconnected if repairs == REPAIRS => return outcome,
                Next::Reconnected => {
                    repairs += 1;
                    place = None;
                }
            }
            if Instant::now() + pause >= effort.until {
                return given_up(outcome);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Sends to the node that is known to own the slot of the keys.
    async fn by_slot(&self, unit: Unit<'_>) -> RedisResult<Vec<Value>> {
        let mut connection = self.connection.clone();
        match unit {
            Unit::One(command) => connection.req_packed_command(command).await.map(|reply| vec![reply]),
            Unit::Transaction(commands) | Unit::Row(commands) => {
                connection.req_packed_commands(commands, 0, commands.len()).await
            }
        }
    }
}

impl Unit<'_> {
    /// The commands, with `ASKING` before each that needs it if `asking` is set, and whether each is `ASKING`.
    fn asking(self, asking: bool) -> (Pipeline, Vec<bool>) {
        let (mut all, mut words) = (redis::pipe(), Vec::new());
        let mut add = |command: &Cmd, needs_word: bool| {
            if asking && needs_word {
                all.cmd("ASKING");
                words.push(true);
            }
            all.add_command(command.clone());
            words.push(false);
        };
        match self {
            Unit::One(command) => add(command, true),
            // `ASKING` before MULTI holds until EXEC.
            Unit::Transaction(commands) => {
                commands.cmd_iter().enumerate().for_each(|(at, command)| add(command, at == 0));
            }
            Unit::Row(commands) => commands.cmd_iter().for_each(|command| add(command, true)),
        }
        (all, words)
    }
}

impl Redirections {
    /// Sends to a node, with `ASKING` in the same write if it is needed.
    ///
    /// Boxed, because the type of the future contains itself: a node is also a connection.
    fn send<'a>(
        &'a self,
        (host, port): &'a (String, u16),
        asking: bool,
        unit: Unit<'a>,
        effort: Effort,
    ) -> Pin<Box<dyn Future<Output = RedisResult<Vec<Value>>> + Send + 'a>> {
        Box::pin(async move {
            let (all, words) = unit.asking(asking);
            let replies = self
                .node(host, *port)
                .exchange(&Request::Batch(all), effort)
                .await
                .map_err(|error| not_sent(&error))??;
            // If the user may not send `ASKING`, the command was redirected again. The refusal says why.
            if asking && let Some(refused) = replies.first().and_then(of_value) {
                return Err(RedisError::from(refused));
            }
            let words = words.into_iter().chain(std::iter::repeat(false));
            Ok(replies.into_iter().zip(words).filter_map(|(reply, is_word)| (!is_word).then_some(reply)).collect())
        })
    }

    fn node(&self, host: &str, port: u16) -> Connection {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || Connection::new(self.target.node(host, port));
        nodes.entry((host.to_owned(), port)).or_insert_with(open).clone()
    }
}

fn next(outcome: &RedisResult<Vec<Value>>, retry: Retry, divisible: bool) -> Next {
    let error = match outcome {
        Ok(replies) => replies.iter().find_map(of_value),
        Err(error) => match of_error(error) {
            Some(error) => Some(error),
            // Nothing was sent.
            None if error.kind() == ErrorKind::ClusterConnectionNotFound => return Next::Reconnected,
            // A new connection may have other credentials.
            None if error.kind() == ErrorKind::AuthenticationFailed => None,
            None if retry == Retry::Idempotent && is_broken(error) => return Next::Reconnected,
            None => None,
        },
    };
    let Some(error) = error else { return Next::Done };
    if divisible && is_half_moved(&error) {
        return Next::Done;
    }
    match error.kind() {
        // The server has executed nothing. Without an address, the crate finds the new owner of the slot.
        Some(kind @ (ServerErrorKind::Moved | ServerErrorKind::Ask)) => {
            node_of(&error).map_or(Next::Later, |node| Next::To { node, asking: kind == ServerErrorKind::Ask })
        }
        Some(
            ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::ReadOnly,
        ) => Next::Later,
        _ => Next::Done,
    }
}

/// The outcome when no time is left. A redirection means nothing to the caller, whose client is for the whole cluster.
fn given_up(outcome: RedisResult<Vec<Value>>) -> RedisResult<Vec<Value>> {
    let error = match &outcome {
        Ok(replies) => replies.iter().find_map(of_value),
        Err(error) => of_error(error),
    };
    let Some(error) = error.filter(|error| node_of(error).is_some()) else { return outcome };
    let text = format!("{} {}", error.code(), error.details().unwrap_or_default());
    Err(RedisError::from((ServerErrorKind::TryAgain.into(), "nodes redirected it until no time was left", text)))
}

/// Whether a slot is being moved, and its node does not have all keys of the command.
fn is_half_moved(error: &ServerError) -> bool {
    matches!(error.kind(), Some(ServerErrorKind::TryAgain | ServerErrorKind::Ask))
}

fn is_broken(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_connection_dropped()
}

fn of_value(value: &Value) -> Option<ServerError> {
    if let Value::ServerError(error) = value { Some(error.clone()) } else { None }
}

fn of_error(error: &RedisError) -> Option<ServerError> {
    error.clone().into_server_errors()?.first().map(|(_, error)| error.clone())
}

/// The address in `MOVED 3999 127.0.0.1:6381` and `ASK 3999 127.0.0.1:6381`.
fn node_of(error: &ServerError) -> Option<(String, u16)> {
    matches!(error.kind(), Some(ServerErrorKind::Moved | ServerErrorKind::Ask)).then_some(())?;
    let (host, port) = error.details()?.split(' ').nth(1)?.rsplit_once(':')?;
    (!host.is_empty()).then_some(())?;
    Some((host.to_owned(), port.parse().ok()?))
}

fn one(mut replies: Vec<Value>) -> RedisResult<Value> {
    replies.pop().ok_or_else(|| RedisError::from((ErrorKind::UnexpectedReturnType, "expected 1 reply, got 0")))
}

/// The error of a node that could not be reached.
fn not_sent(error: &CacheError) -> RedisError {
    let kind = match error {
        CacheError::Refused(_) => ErrorKind::AuthenticationFailed,
        _ => ErrorKind::ClusterConnectionNotFound,
    };
    RedisError::from((kind, "no connection to the node of the slot", error.to_string()))
}
