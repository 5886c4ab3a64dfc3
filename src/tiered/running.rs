//! The task that runs a source, and how it is stopped.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use crate::provider::BoxFuture;

/// Tells a task to end, and records whether it has.
#[derive(Default)]
pub(super) struct Stop {
    stopped: AtomicBool,
    ended: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Stop {
    /// A task that runs `work` until it is stopped.
    pub(super) fn guard(self: &Arc<Self>, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let guarded = Ended(Arc::clone(self));
        let mut work = Some(work);
        Box::pin(poll_fn(move |context| {
            let stop = &guarded.0;
            *stop.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
            if let Some(running) = work.as_mut().filter(|_| !stop.stopped.load(Ordering::Acquire))
                && running.as_mut().poll(context).is_pending()
                && !stop.stopped.load(Ordering::Acquire)
            {
                return Poll::Pending;
            }
            work = None;
            Poll::Ready(())
        }))
    }
}

/// Dropped with the task, even if its runtime ends.
struct Ended(Arc<Stop>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
    }
}

/// A handle to the task. Dropping it stops the task.
pub(super) struct Running {
    stop: Arc<Stop>,
}

impl Running {
    pub(super) fn new(stop: &Arc<Stop>) -> Self {
        Self { stop: Arc::clone(stop) }
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.stop.ended.load(Ordering::Acquire)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stopped.store(true, Ordering::Release);
        let waker = self.stop.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
