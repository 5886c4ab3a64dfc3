//! A connection that opens when it is needed, reopens when it breaks, and limits every wait.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisResult, Value};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::cluster::Effort;
use super::error::{Verdict, of_connection, verdict, verdict_of_replies};
use super::open_connection::{OpenConnection, Target};
use super::tracking::Pushes;
use super::url::Servers;
use crate::error::{CacheError, Result};

/// After a failed attempt to connect, operations fail at once for this long, so that a server that is down is not
/// flooded with attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// After this many operations in a row without a reply, the connection counts as cut. A network can drop packets without
/// telling either end.
const UNANSWERED_LIMIT: u32 = 3;

/// One connection, opened when it is first needed and reopened whenever it breaks. Clones share it.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    target: Target,
    attempts: AtomicU64,
    /// The last attempt to connect. `None` before the first, and after a connection has broken.
    attempt: RwLock<Option<watch::Receiver<Attempt>>>,
}

/// The outcome of an attempt; `None` while it is in progress. Its sender is dropped when a new attempt may begin: after a
/// failure, at the end of the pause.
type Attempt = Option<Result<Current>>;

/// An open connection and its health.
#[derive(Clone)]
struct Current {
    connection: OpenConnection,
    id: ConnectionId,
    /// Operations in a row without a reply.
    unanswered: Arc<AtomicU32>,
}

/// Distinguishes successive connections.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct ConnectionId(u64);

/// Commands sent together.
pub enum Request {
    /// One command.
    One(Cmd),
    /// In one round trip, not atomic. A cluster keeps no order between them.
    Batch(Pipeline),
    /// Idempotent commands on one key, one after the other in one round trip, not atomic.
    InOrder(Pipeline),
    /// Between MULTI and EXEC.
    Atomic(Pipeline),
}

/// Whether a request may be sent again when it may already have been executed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Executing it twice has the same effect as once.
    Idempotent,
    /// Executing it twice could have another effect.
    Never,
}

impl Connection {
    /// A connection that has not been opened yet.
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

    /// Whether it leads to a cluster, which keeps no order between commands sent together.
    pub fn is_cluster(&self) -> bool {
        matches!(self.shared.target.servers, Servers::Cluster(_))
    }

    /// A separate connection for subscriptions. In a cluster it leads to any node, since channels span all nodes.
    pub async fn subscriber(&self) -> Result<redis::aio::PubSub> {
        let target = &self.shared.target;
        let limit = target.timeout();
        let opened = timeout(limit, async {
            let opened = target.authenticated().await?.open_subscriber().await;
            opened.map_err(|error| of_connection(&error, &self.names()))
        });
        opened.await.unwrap_or_else(|_| Err(self.not_connected_within(limit)))
    }

    /// The address of the primary that the Sentinels currently name; `None` without Sentinels.
    pub async fn primary(&self) -> Result<Option<String>> {
        let target = &self.shared.target;
        if !matches!(target.servers, Servers::Sentinel { .. }) {
            return Ok(None);
        }
        let limit = target.timeout();
        let asked = timeout(limit, async {
            let address = target.authenticated().await?.address().await;
            address.map(Some).map_err(|error| of_connection(&error, &self.names()))
        });
        asked.await.unwrap_or_else(|_| Err(self.not_connected_within(limit)))
    }

    /// A separate connection to one node of the cluster.
    pub fn to_node(&self, host: &str, port: u16) -> Self {
        Self::new(self.shared.target.node(host, port))
    }

    /// Sends one command and returns its reply.
    pub async fn one(&self, command: Cmd, retry: Retry) -> Result<Value> {
        self.one_with_id(command, retry).await.map(|(reply, _)| reply)
    }

    /// Sends one command and returns its reply, with the connection that it came from.
    pub(super) async fn one_with_id(&self, command: Cmd, retry: Retry) -> Result<(Value, ConnectionId)> {
        let (mut replies, id) = self.send_with_id(Request::One(command), retry).await?;
        let reply = replies.pop().ok_or_else(|| CacheError::Protocol("expected 1 reply, got 0".into()))?;
        Ok((reply, id))
    }

    /// Sends a request and returns its replies, within the limit of an operation. An error of the server is a reply.
    pub async fn send(&self, request: Request, retry: Retry) -> Result<Vec<Value>> {
        self.send_with_id(request, retry).await.map(|(replies, _)| replies)
    }

    async fn send_with_id(&self, request: Request, retry: Retry) -> Result<(Vec<Value>, ConnectionId)> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(CacheError::Connection(
                "there is no tokio runtime here: call Redis from within a tokio runtime".into(),
            ));
        }
        let limit = self.shared.target.operation_timeout;
        let mut used = None;
        let effort = Effort { until: Instant::now() + limit, retry };
        let outcome = timeout_at(effort.until, self.send_once_or_twice(&request, effort, &mut used)).await;
        let Some(current) = used else {
            return Err(outcome.ok().and_then(Result::err).unwrap_or_else(|| self.not_connected_within(limit)));
        };
        if let Ok(replies) = outcome {
            return Ok((replies?, current.id));
        }
        if current.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= UNANSWERED_LIMIT {
            self.discard(&current);
        }
        Err(CacheError::Timeout(format!("{}: no reply within {limit:?}", self.names())))
    }

    pub(super) fn not_connected_within(&self, limit: Duration) -> CacheError {
        CacheError::Timeout(format!("{}: no connection within {limit:?}", self.names()))
    }

    /// Stores the connection in use in `used`.
    async fn send_once_or_twice(
        &self,
        request: &Request,
        effort: Effort,
        used: &mut Option<Current>,
    ) -> Result<Vec<Value>> {
        let first = self.try_once(request, effort, used).await?;
        let again = match first.as_ref().map_or_else(verdict, |replies| verdict_of_replies(replies)) {
            // The first commands of a batch may have been executed.
            Verdict::NotServed => effort.retry == Retry::Idempotent || !matches!(request, Request::Batch(_)),
            Verdict::Broken => effort.retry == Retry::Idempotent,
            Verdict::Final => false,
        };
        let last = if again { self.try_once(request, effort, used).await? } else { first };
        last.map_err(|error| of_connection(&error, &self.names()))
    }

    /// Sends the request, and discards the connection if it is no longer usable.
    async fn try_once(
        &self,
        request: &Request,
        effort: Effort,
        used: &mut Option<Current>,
    ) -> Result<RedisResult<Vec<Value>>> {
        // No connection is in use while a new one is opened.
        *used = None;
        let current = used.insert(self.current().await?);
        let outcome = run(current.connection.clone(), request, effort).await;
        match outcome.as_ref().map_or_else(verdict, |replies| verdict_of_replies(replies)) {
            Verdict::Final => current.unanswered.store(0, Ordering::Relaxed),
            Verdict::Broken | Verdict::NotServed => self.discard(current),
        }
        Ok(outcome)
    }

    /// Sends a request once, and leaves the limit to the caller. The outer error means that nothing was sent.
    pub(super) async fn exchange(&self, request: &Request, effort: Effort) -> Result<RedisResult<Vec<Value>>> {
        self.try_once(request, effort, &mut None).await
    }

    /// Opens a connection to one server that receives pushes.
    pub(super) async fn open_for_pushes(&self, pushes: Pushes) -> Result<MultiplexedConnection> {
        let opened = self.shared.target.authenticated().await?.open_for_pushes(pushes).await;
        opened.map_err(|error| of_connection(&error, &self.names()))
    }

    /// The limit on opening a connection.
    pub(super) fn connect_limit(&self) -> Duration {
        self.shared.target.timeout()
    }

    /// Forgets a connection, unless a newer one has replaced it.
    fn discard(&self, broken: &Current) {
        let mut attempt = self.attempt();
        let is_current = attempt
            .as_ref()
            .is_some_and(|attempt| matches!(&*attempt.borrow(), Some(Ok(current)) if current.id == broken.id));
        if is_current {
            *attempt = None;
        }
    }

    fn attempt(&self) -> RwLockWriteGuard<'_, Option<watch::Receiver<Attempt>>> {
        self.shared.attempt.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the connection if it is open. Nearly every operation takes this path, so it takes only a shared lock.
    fn open(&self) -> Option<Current> {
        let attempt = self.shared.attempt.read().unwrap_or_else(PoisonError::into_inner);
        match &*attempt.as_ref()?.borrow() {
            Some(Ok(current)) => Some(current.clone()),
            _ => None,
        }
    }

    /// The open connection, or the one that is being opened.
    async fn current(&self) -> Result<Current> {
        if let Some(current) = self.open() {
            return Ok(current);
        }
        let mut attempt = {
            let mut last = self.attempt();
            let usable = last.as_ref().filter(|attempt| {
                // Closed without a connection: its pause is over, or its runtime has ended.
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

    /// Starts to connect in a separate task, so that cancelling an operation does not stop it.
    fn connect(&self) -> watch::Receiver<Attempt> {
        let (sender, receiver) = watch::channel(None);
        let this = self.clone();
        tokio::spawn(async move {
            let target = &this.shared.target;
            let limit = target.timeout();
            let opening = async {
                let opened = target.authenticated().await?.open().await;
                opened.map_err(|error| of_connection(&error, &this.names()))
            };
            let outcome = match timeout(limit, opening).await {
                Ok(Ok(connection)) => {
                    let id = ConnectionId(this.shared.attempts.fetch_add(1, Ordering::Relaxed));
                    Ok(Current { connection, id, unanswered: Arc::default() })
                }
                Ok(Err(error)) => Err(error),
                Err(_) => Err(this.not_connected_within(limit)),
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

async fn run(mut connection: OpenConnection, request: &Request, effort: Effort) -> RedisResult<Vec<Value>> {
    match request {
        Request::One(command) => connection.run(command, effort).await.map(|reply| vec![reply]),
        Request::Batch(commands) => connection.run_all(commands, effort).await,
        Request::InOrder(commands) => connection.run_in_order(commands, effort).await,
        Request::Atomic(commands) => connection.run_atomically(commands, effort).await,
    }
}
