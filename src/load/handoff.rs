//! Passes the outcome of a background load to the caller that waits for it.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::call::{Call, Outcome};
use super::loaded::LoadError;
use super::wait::Limit;
use crate::error::CacheError;
use crate::provider::{BoxFuture, MaybeSend};
use crate::runtime::Runtime;

/// The receiving end.
pub(super) struct Handoff<O> {
    slot: Arc<Mutex<Slot<O>>>,
    /// The work, if no runtime runs it.
    in_place: Option<BoxFuture<'static, ()>>,
}

struct Slot<O> {
    output: Option<O>,
    has_ended: bool,
    waker: Option<Waker>,
}

/// The sending end. If it is dropped without an output, the receiver is notified.
struct Sender<O>(Arc<Mutex<Slot<O>>>);

impl<O> Drop for Sender<O> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = lock(&self.0);
            slot.has_ended = true;
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<O: MaybeSend + 'static> Handoff<O> {
    /// Runs `work` in the background; if that is not possible, the receiver runs it.
    pub(super) fn start(runtime: &dyn Runtime, work: impl Future<Output = O> + MaybeSend + 'static) -> Self {
        let slot = Arc::new(Mutex::new(Slot { output: None, has_ended: false, waker: None }));
        let sender = Sender(Arc::clone(&slot));
        let task = async move {
            let output = work.await;
            lock(&sender.0).output = Some(output);
        };
        let in_place = runtime.spawn(Box::pin(task)).err();
        Self { slot, in_place }
    }

    /// The output; `None` if the work panicked, or its runtime dropped it.
    async fn output(mut self) -> Option<O> {
        if let Some(work) = self.in_place.take() {
            work.await;
        }
        poll_fn(|context| {
            let mut slot = lock(&self.slot);
            if slot.has_ended {
                return Poll::Ready(slot.output.take());
            }
            slot.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

fn lock<O>(slot: &Mutex<Slot<O>>) -> MutexGuard<'_, Slot<O>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<P: ?Sized> Call<'_, P> {
    /// Waits for a background load, within the time limit of this call.
    pub(super) async fn receive<T, E>(&self, handoff: Handoff<Outcome<T, E>>, fallback: Option<T>) -> Outcome<T, E>
    where
        T: Clone + MaybeSend + 'static,
        E: MaybeSend + Send + Sync + 'static,
    {
        let mut limit = Limit::new(self.options, false);
        match limit.within(handoff.output()).await {
            Some(Some(outcome)) => outcome,
            Some(None) => {
                let reason = "the load in the background panicked, or its runtime has shut down";
                Err(LoadError::Cache(CacheError::Unavailable(reason.into())))
            }
            None => self.or_stale(Err(self.timed_out(&limit)), fallback),
        }
    }
}
