//! The queue of failed writes, which are sent again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::admission::Outcome;
use super::provider::{Shared, until};
use super::spans::Span;
use crate::engine::Millis;
use crate::error::{CacheError, Result};
use crate::provider::{CacheProvider, MaybeSend};
use crate::ttl::ttl_ms;

/// The first and the longest pause before queued writes are sent again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Receives the error, the operation, and the key of a write that was given up.
pub(super) type OnUnsent = Box<dyn Fn(&CacheError, &'static str, &str) + Send + Sync>;

/// The queued writes, in the order in which they were issued.
pub(super) struct Retries<T> {
    limit: usize,
    waiting: Mutex<Waiting<T>>,
    unsent: AtomicU64,
    listener: Option<OnUnsent>,
}

struct Waiting<T> {
    writes: VecDeque<Write<T>>,
    next: u64,
    /// Whether a task is sending them.
    is_sending: bool,
}

/// A write that can be sent again, because it is idempotent. It concerns one key or one pattern.
#[derive(Clone)]
pub(super) enum Change<T> {
    Set(String, T, Option<Duration>),
    Delete(String),
    ClearPattern(String),
}

/// A queued write.
#[derive(Clone)]
struct Write<T> {
    number: u64,
    change: Change<T>,
    /// When it was issued: its ttl counts from then.
    issued: Millis,
    error: CacheError,
}

impl<T> Waiting<T> {
    fn push(&mut self, changes: Vec<Change<T>>, issued: Millis, error: &CacheError) {
        for change in changes {
            self.next += 1;
            self.writes.push_back(Write { number: self.next, change, issued, error: error.clone() });
        }
    }
}

impl<T> Change<T> {
    fn check(&self) -> Result<()> {
        match self {
            Self::Set(key, _, ttl) => crate::key::check(key).and_then(|()| ttl_ms(*ttl).map(drop)),
            Self::Delete(key) => crate::key::check(key),
            Self::ClearPattern(_) => Ok(()),
        }
    }

    /// Its name, and its key or pattern.
    fn name(&self) -> (&'static str, &str) {
        match self {
            Self::Set(key, ..) => ("set", key),
            Self::Delete(key) => ("delete", key),
            Self::ClearPattern(pattern) => ("clear_pattern", pattern),
        }
    }
}

impl<T> Retries<T> {
    pub(super) fn new(limit: usize, listener: Option<OnUnsent>) -> Self {
        let waiting = Waiting { writes: VecDeque::new(), next: 0, is_sending: false };
        Self { limit, waiting: Mutex::new(waiting), unsent: AtomicU64::new(0), listener }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The changes to send again if they fail; `None` if retries are disabled.
    pub(super) fn again(&self, changes: impl FnOnce() -> Vec<Change<T>>) -> Option<Vec<Change<T>>> {
        (self.limit > 0).then(changes)
    }

    pub(super) fn queued(&self) -> u64 {
        self.waiting().writes.len() as u64
    }

    pub(super) fn unsent(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed)
    }

    /// Queues failed changes, all or none. Returns whether there was room for them, and whether a task must be started.
    fn take(&self, changes: Vec<Change<T>>, issued: Millis, error: &CacheError) -> (bool, bool) {
        let mut waiting = self.waiting();
        if waiting.writes.len() + changes.len() > self.limit {
            return (false, false);
        }
        waiting.push(changes, issued, error);
        let has_work = !waiting.writes.is_empty();
        (true, has_work && !std::mem::replace(&mut waiting.is_sending, true))
    }

    /// Queues changes behind others, which a task is sending. `None` if the queue is empty; an error if there is no
    /// room.
    fn take_behind(&self, changes: &[Change<T>], issued: Millis) -> Option<Result<()>>
    where
        T: Clone,
    {
        let mut waiting = self.waiting();
        let error = waiting.writes.back()?.error.clone();
        if waiting.writes.len() + changes.len() > self.limit {
            return Some(Err(error));
        }
        waiting.push(changes.to_vec(), issued, &error);
        Some(Ok(()))
    }

    fn give_up(&self, write: &Write<T>, error: &CacheError) {
        self.unsent.fetch_add(1, Ordering::Relaxed);
        let (operation, key) = write.change.name();
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "isocache", operation, "a write was given up: {error}");
        if let Some(listener) = &self.listener {
            listener(error, operation, key);
        }
    }
}

impl<T> Drop for Retries<T> {
    fn drop(&mut self) {
        let writes = std::mem::take(&mut self.waiting().writes);
        for write in writes {
            self.give_up(&write, &write.error);
        }
    }
}

impl<T, P> Shared<T, P>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    P: CacheProvider<T> + 'static,
{
    /// Queues failed changes, if they may succeed later and there is room. The result is then `later`.
    pub(super) fn retried<R>(
        self: &Arc<Self>,
        again: Option<Vec<Change<T>>>,
        (issued, result): (Millis, Result<R>),
        later: R,
    ) -> Result<R> {
        let (changes, error) = match (again, result) {
            (Some(changes), Err(error)) if error.is_retryable() => (changes, error),
            (_, result) => return result,
        };
        let (is_taken, starts) = self.retries.take(changes, issued, &error);
        if starts {
            let task = send(Arc::downgrade(self), self.hub.sleeper());
            if self.hub.spawn(Box::pin(task)).is_err() {
                let mut waiting = self.retries.waiting();
                waiting.is_sending = false;
                waiting.writes.clear();
                return Err(error);
            }
        }
        if is_taken { Ok(later) } else { Err(error) }
    }

    /// Queues changes behind others, which they must not overtake. Returns whether it did.
    ///
    /// # Errors
    /// The last error of the store, if there is no room; [`InvalidArgument`](CacheError::InvalidArgument) for a change
    /// that no store would accept.
    pub(super) fn waits(&self, again: Option<&[Change<T>]>) -> Result<bool> {
        let Some(changes) = again else { return Ok(false) };
        changes.iter().try_for_each(Change::check)?;
        let Some(taken) = self.retries.take_behind(changes, self.hub.now()) else { return Ok(false) };
        taken?;
        // Near copies are older than the queued writes.
        for change in changes {
            match change {
                Change::Set(key, ..) | Change::Delete(key) => self.begin_write_now(key).end(Outcome::Done),
                Change::ClearPattern(pattern) => drop(self.hub.clear(pattern)),
            }
        }
        Ok(true)
    }

    /// Sends a write again.
    async fn send_again(&self, write: &Write<T>) -> Result<()> {
        match &write.change {
            Change::Set(key, value, ttl) => {
                let ttl = self.left(write.issued, *ttl)?;
                let writing = self.begin_write(key).await;
                let copy = self.copy(value, ttl);
                self.wrote(writing, self.put(self.far.set(key, value.clone(), ttl)).await, |()| copy)
            }
            Change::Delete(key) => {
                let removing = self.begin_write(key).await;
                self.wrote(removing, self.remove(self.far.delete(key)).await, |_| None).map(drop)
            }
            Change::ClearPattern(pattern) => {
                self.hub.prepare().await;
                let _clearing = self.hub.clear(pattern);
                Span::flush(&self.hub).around(self.far.clear_pattern(pattern)).await.map(drop)
            }
        }
    }

    /// The remaining ttl of a value that was written at `issued`.
    fn left(&self, issued: Millis, ttl: Option<Duration>) -> Result<Option<Duration>> {
        let Some(ttl) = ttl.filter(|ttl| *ttl < Duration::MAX) else { return Ok(ttl) };
        let left = until(issued, ttl) - self.hub.now();
        match Duration::try_from_secs_f64(left / 1000.0) {
            Ok(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(CacheError::invalid("ttl", "has passed before the value could be stored")),
        }
    }
}

/// Sends the queued writes one after the other, until the queue is empty or the cache is dropped.
async fn send<T, P>(shared: Weak<Shared<T, P>>, sleep: super::hub::Sleeper)
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    P: CacheProvider<T> + 'static,
{
    let mut pause = FIRST_PAUSE;
    loop {
        sleep(pause).await;
        let Some(shared) = shared.upgrade() else { return };
        let first = {
            let mut waiting = shared.retries.waiting();
            let first = waiting.writes.front().cloned();
            waiting.is_sending = first.is_some();
            first
        };
        let Some(first) = first else { return };
        let sent = shared.send_again(&first).await;
        if sent.as_ref().is_err_and(CacheError::is_retryable) {
            pause = (pause * 2).min(LONGEST_PAUSE);
            continue;
        }
        pause = Duration::ZERO;
        let removed = {
            let mut waiting = shared.retries.waiting();
            let at = waiting.writes.iter().position(|write| write.number == first.number);
            at.and_then(|at| waiting.writes.remove(at))
        };
        if let (Some(write), Err(error)) = (removed, sent) {
            shared.retries.give_up(&write, &error);
        }
    }
}
