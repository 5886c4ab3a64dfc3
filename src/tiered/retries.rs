//! Writes that the far provider did not take, and that are sent again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::admission::Outcome;
use super::provider::{Shared, until};
use crate::engine::Millis;
use crate::error::{CacheError, Result};
use crate::provider::{CacheProvider, MaybeSend};

/// The first and the longest pause before waiting writes are sent again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is told of a write that was given up: the error, the operation, and the key.
pub(super) type OnUnsent = Box<dyn Fn(&CacheError, &'static str, &str) + Send + Sync>;

/// Writes that wait, in the order in which they were issued.
pub(super) struct Retries<T> {
    limit: usize,
    waiting: Mutex<Waiting<T>>,
    unsent: AtomicU64,
    listener: Option<OnUnsent>,
}

struct Waiting<T> {
    writes: VecDeque<Write<T>>,
    next: u64,
    /// Whether a task sends them.
    is_sending: bool,
}

/// A write that waits.
#[derive(Clone)]
struct Write<T> {
    number: u64,
    key: String,
    /// The value and its ttl; `None` for a removal.
    value: Option<(T, Option<Duration>)>,
    /// When it was issued: its ttl counts from then.
    issued: Millis,
    error: CacheError,
}

impl<T> Write<T> {
    fn operation(&self) -> &'static str {
        if self.value.is_some() { "set" } else { "delete" }
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

    pub(super) fn is_on(&self) -> bool {
        self.limit > 0
    }

    pub(super) fn queued(&self) -> u64 {
        self.waiting().writes.len() as u64
    }

    pub(super) fn unsent(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed)
    }

    /// Takes a write that failed. Returns whether there is a place for it, and whether a task has to be started.
    fn take(&self, write: Write<T>) -> (bool, bool) {
        let mut waiting = self.waiting();
        if waiting.writes.len() >= self.limit {
            return (false, false);
        }
        waiting.next += 1;
        let number = waiting.next;
        waiting.writes.push_back(Write { number, ..write });
        (true, !std::mem::replace(&mut waiting.is_sending, true))
    }

    fn give_up(&self, write: &Write<T>, error: &CacheError) {
        self.unsent.fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "isocache", operation = write.operation(), "a write was given up: {error}");
        if let Some(listener) = &self.listener {
            listener(error, write.operation(), &write.key);
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
    /// Takes over a write that failed, if it may succeed later and there is a place for it. `value` is that of a `set`.
    pub(super) fn retried<R>(
        self: &Arc<Self>,
        key: &str,
        value: Option<(T, Option<Duration>)>,
        (issued, result): (Millis, Result<R>),
        later: R,
    ) -> Result<R> {
        let error = match result {
            Err(error) if self.retries.is_on() && error.is_retryable() => error,
            result => return result,
        };
        let write = Write { number: 0, key: key.to_owned(), value, issued, error: error.clone() };
        let (is_taken, starts) = self.retries.take(write);
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

    /// Puts a write behind those that wait, which it must not overtake. Returns whether it was taken.
    pub(super) fn waits(&self, key: &str, value: Option<(T, Option<Duration>)>) -> bool {
        if !self.retries.is_on() {
            return false;
        }
        let Some(error) = self.retries.waiting().writes.back().map(|write| write.error.clone()) else { return false };
        // What is kept near is no longer what this process has written.
        self.begin_write_now(key).end(Outcome::Done);
        let write = Write { number: 0, key: key.to_owned(), value, issued: self.hub.now(), error };
        self.retries.take(write).0
    }

    /// Sends a write once more.
    async fn send_again(&self, write: &Write<T>) -> Result<()> {
        let now = self.hub.now();
        let Some((value, ttl)) = &write.value else {
            let removing = self.begin_write(&write.key).await;
            return self.wrote(removing, self.far.delete(&write.key).await, |_| None).map(drop);
        };
        let left = match ttl {
            Some(ttl) if *ttl < Duration::MAX => {
                let left = until(write.issued, *ttl) - now;
                match Duration::try_from_secs_f64(left / 1000.0) {
                    Ok(left) if !left.is_zero() => Some(left),
                    _ => return Err(CacheError::invalid("ttl", "has passed before the value could be stored")),
                }
            }
            ttl => *ttl,
        };
        let writing = self.begin_write(&write.key).await;
        let copy = left.map(|left| (value.clone(), left));
        self.wrote(writing, self.far.set(&write.key, value.clone(), left).await, |()| copy)
    }
}

/// Sends what waits, one after the other, until nothing does or the cache is gone.
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
