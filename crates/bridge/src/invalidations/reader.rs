//! [`Reader`]: a caller that receives changes as they happen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::pending::{Event, Pending};
use super::{Log, Position};

/// The changes that wait for a reader, and its waker.
#[derive(Debug)]
pub(super) struct Queue {
    pending: Mutex<Pending>,
    changed: Notify,
}

impl Queue {
    pub(super) fn new(pending: Pending) -> Self {
        Self { pending: Mutex::new(pending), changed: Notify::new() }
    }

    pub(super) fn with<R>(&self, change: impl FnOnce(&mut Pending) -> R) -> R {
        let result = change(&mut self.pending());
        self.changed.notify_one();
        result
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader of the log. Dropping it ends the registration.
#[derive(Debug)]
pub struct Reader {
    pub(super) audience: u64,
    pub(super) id: u64,
    /// The position at which it began.
    pub position: Position,
    pub(super) queue: Arc<Queue>,
    pub(super) log: Arc<Log>,
}

impl Reader {
    /// Waits for the next event; `None` at the end of the epoch.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            {
                let mut pending = self.queue.pending();
                if pending.ended {
                    return None;
                }
                if let Some((event, since)) = pending.take() {
                    drop(pending);
                    self.log.counts().taken(since);
                    return Some(event);
                }
            }
            self.queue.changed.notified().await;
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.log.remove(self);
    }
}
