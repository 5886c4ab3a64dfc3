//! Keeps one connection open, and gives every wait a limit.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use redis::{Cmd, Pipeline, RedisResult, Value};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::connection::{Connection, Target};
use super::errors::{Verdict, of_connection, verdict};
use super::url::Servers;
use crate::error::{CacheError, Result};

/// After a failed attempt to connect, operations fail at once for this long, so that a server that is down is not
/// stormed.
const PAUSE: Duration = Duration::from_millis(100);

/// So many operations in a row without an answer, and the connection counts as cut: a network can swallow what is sent
/// without telling anybody.
const UNANSWERED_LIMIT: u32 = 3;

/// One connection, opened when it is first needed and again whenever it breaks. Its clones share it.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    target: Target,
    attempts: AtomicU64,
    /// The last attempt to connect; `None` if there was none, or if what it gave has broken.
    attempt: RwLock<Option<watch::Receiver<Attempt>>>,
}

/// What an attempt came to; `None` while it goes on. Its sender goes away when the attempt need not be waited for any
/// longer: after a failure, that is when the pause is over.
type Attempt = Option<Result<Wire>>;

/// An open connection, with what is known of its health.
#[derive(Clone)]
struct Wire {
    connection: Connection,
    id: WireId,
    /// Operations in a row that had no answer.
    unanswered: Arc<AtomicU32>,
}

/// Tells connections of one link apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct WireId(u64);

/// What is sent together.
pub enum Request {
    /// One command.
    One(Cmd),
    /// In one round trip, not atomic.
    Batch(Pipeline),
    /// Between MULTI and EXEC.
    Atomic(Pipeline),
}

/// Whether a request may be sent again when it is not known whether it was carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Once more gives the same as once.
    Harmless,
    /// Once more might do it twice.
    Never,
}

impl Link {
    /// A link that has not connected yet.
    pub(super) fn new(target: Target) -> Self {
        Self { shared: Arc::new(Shared { target, attempts: AtomicU64::new(0), attempt: RwLock::new(None) }) }
    }

    /// The addresses, for messages.
    pub fn names(&self) -> String {
        self.shared.target.servers.names()
    }

    /// The number of the database; `None` for a cluster.
    pub fn database(&self) -> Option<i64> {
        match &self.shared.target.servers {
            Servers::Standalone(info) | Servers::Sentinel { settings: info, .. } => Some(info.redis_settings().db()),
            Servers::Cluster(_) => None,
        }
    }

    /// Whether there is a cluster at the other end, which keeps no order between commands that are sent together.
    pub fn is_cluster(&self) -> bool {
        matches!(self.shared.target.servers, Servers::Cluster(_))
    }

    /// A connection of its own for subscriptions; to any node of a cluster, whose channels are everywhere.
    pub async fn subscriber(&self) -> Result<redis::aio::PubSub> {
        let target = &self.shared.target;
        let limit = target.patience();
        let opened = timeout(limit, target.open_subscriber()).await;
        let late = |_| CacheError::Timeout(format!("{}: no connection within {limit:?}", self.names()));
        opened.map_err(late)?.map_err(|error| of_connection(&error, &self.names()))
    }

    /// A link of its own to one node of the cluster.
    pub fn to_node(&self, host: &str, port: u16) -> Self {
        Self::new(self.shared.target.node(host, port))
    }

    /// One command; its reply.
    pub async fn one(&self, command: Cmd, repeat: Repeat) -> Result<Value> {
        self.one_by_wire(command, repeat).await.map(|(reply, _)| reply)
    }

    /// One command; its reply, and which connection it came by.
    pub(super) async fn one_by_wire(&self, command: Cmd, repeat: Repeat) -> Result<(Value, WireId)> {
        let (mut replies, wire) = self.send_by_wire(Request::One(command), repeat).await?;
        let reply = replies.pop().ok_or_else(|| CacheError::Protocol("a command had no reply".into()))?;
        Ok((reply, wire))
    }

    /// The replies to a request, within the limit of an operation. An error of the server is one of the replies.
    pub async fn send(&self, request: Request, repeat: Repeat) -> Result<Vec<Value>> {
        self.send_by_wire(request, repeat).await.map(|(replies, _)| replies)
    }

    async fn send_by_wire(&self, request: Request, repeat: Repeat) -> Result<(Vec<Value>, WireId)> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(CacheError::Connection("Redis needs a tokio runtime, and there is none here".into()));
        }
        let limit = self.shared.target.operation_timeout;
        let mut wire = None;
        let answer = timeout(limit, self.send_once_or_twice(&request, repeat, &mut wire)).await;
        let Some(wire) = wire else {
            let late = || CacheError::Timeout(format!("{}: no connection within {limit:?}", self.names()));
            return Err(answer.ok().and_then(Result::err).unwrap_or_else(late));
        };
        if let Ok(replies) = answer {
            return Ok((replies?, wire.id));
        }
        if wire.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= UNANSWERED_LIMIT {
            self.discard(&wire);
        }
        Err(CacheError::Timeout(format!("{}: no answer within {limit:?}", self.names())))
    }

    /// Notes the connection in use in `used`.
    async fn send_once_or_twice(
        &self,
        request: &Request,
        repeat: Repeat,
        used: &mut Option<Wire>,
    ) -> Result<Vec<Value>> {
        let first = self.try_once(request, used).await?;
        let again = match first.as_ref().map_or_else(verdict, |replies| verdict_of_replies(replies)) {
            // The first ones of a batch may have been carried out before.
            Verdict::Demoted => repeat == Repeat::Harmless || !matches!(request, Request::Batch(_)),
            Verdict::Broken => repeat == Repeat::Harmless,
            Verdict::Final => false,
        };
        let last = if again { self.try_once(request, used).await? } else { first };
        last.map_err(|error| of_connection(&error, &self.names()))
    }

    /// Sends the request, and gives the connection up if it is of no more use.
    async fn try_once(&self, request: &Request, used: &mut Option<Wire>) -> Result<RedisResult<Vec<Value>>> {
        // None is in use while a new one is waited for.
        *used = None;
        let wire = used.insert(self.wire().await?);
        let outcome = run(wire.connection.clone(), request).await;
        match outcome.as_ref().map_or_else(verdict, |replies| verdict_of_replies(replies)) {
            Verdict::Final => wire.unanswered.store(0, Ordering::Relaxed),
            Verdict::Broken | Verdict::Demoted => self.discard(wire),
        }
        Ok(outcome)
    }

    /// Forgets a connection, unless a newer one has taken its place.
    fn discard(&self, wire: &Wire) {
        let mut attempt = self.attempt();
        let is_current = attempt
            .as_ref()
            .is_some_and(|attempt| matches!(&*attempt.borrow(), Some(Ok(current)) if current.id == wire.id));
        if is_current {
            *attempt = None;
        }
    }

    fn attempt(&self) -> RwLockWriteGuard<'_, Option<watch::Receiver<Attempt>>> {
        self.shared.attempt.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection if it is open: what nearly every operation finds, so that nobody waits for anybody.
    fn open(&self) -> Option<Wire> {
        let attempt = self.shared.attempt.read().unwrap_or_else(PoisonError::into_inner);
        match &*attempt.as_ref()?.borrow() {
            Some(Ok(wire)) => Some(wire.clone()),
            _ => None,
        }
    }

    /// The open connection; where there is none, the one that is being opened.
    async fn wire(&self) -> Result<Wire> {
        if let Some(wire) = self.open() {
            return Ok(wire);
        }
        let mut attempt = {
            let mut last = self.attempt();
            let usable = last.as_ref().filter(|attempt| {
                // Closed without a connection: its pause is over, or the runtime that it ran on has ended.
                matches!(&*attempt.borrow(), Some(Ok(_))) || attempt.has_changed().is_ok()
            });
            match usable {
                Some(attempt) => match &*attempt.borrow() {
                    Some(outcome) => return outcome.clone(),
                    None => attempt.clone(),
                },
                None => last.insert(self.connect()).clone(),
            }
        };
        let outcome = attempt.wait_for(Option::is_some).await.map(|outcome| (*outcome).clone());
        let ended = || CacheError::Connection(format!("{}: the runtime ended while connecting", self.names()));
        outcome.ok().flatten().unwrap_or_else(|| Err(ended()))
    }

    /// Starts to connect, in a task of its own, so that an operation that is given up does not stop it.
    fn connect(&self) -> watch::Receiver<Attempt> {
        let (sender, receiver) = watch::channel(None);
        let link = self.clone();
        tokio::spawn(async move {
            let target = &link.shared.target;
            let limit = target.patience();
            let outcome = match timeout(limit, target.open()).await {
                Ok(Ok(connection)) => {
                    let id = WireId(link.shared.attempts.fetch_add(1, Ordering::Relaxed));
                    Ok(Wire { connection, id, unanswered: Arc::default() })
                }
                Ok(Err(error)) => Err(of_connection(&error, &link.names())),
                Err(_) => Err(CacheError::Timeout(format!("{}: no connection within {limit:?}", link.names()))),
            };
            let failed = outcome.is_err();
            sender.send_replace(Some(outcome));
            if failed {
                sleep(PAUSE).await;
            }
        });
        receiver
    }
}

async fn run(mut connection: Connection, request: &Request) -> RedisResult<Vec<Value>> {
    match request {
        Request::One(command) => connection.run(command).await.map(|reply| vec![reply]),
        Request::Batch(commands) => connection.run_all(commands).await,
        Request::Atomic(commands) => connection.run_atomically(commands).await,
    }
}

fn verdict_of_replies(replies: &[Value]) -> Verdict {
    let demoted = replies.iter().any(|reply| matches!(reply, Value::ServerError(error) if error.code() == "READONLY"));
    if demoted { Verdict::Demoted } else { Verdict::Final }
}
