//! Waiting with a time limit.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::options::LoadOptions;
use crate::provider::BoxFuture;
use crate::runtime::thread_sleep;

/// Boxes a future in a stack frame of its own, so that recursive functions can nest loads deeply.
#[inline(never)]
pub(super) fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

/// The output of `work`, unless `limit` ends first.
pub(crate) async fn race<F: Future>(work: F, limit: &mut BoxFuture<'static, ()>) -> Option<F::Output> {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(output) = work.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        limit.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// Sleeps on the runtime of a call, or with a timer thread that wakes the blocked thread.
pub(super) fn sleep(options: &LoadOptions, is_blocking: bool, time: Duration) -> BoxFuture<'static, ()> {
    if is_blocking {
        return thread_sleep(time);
    }
    options.run_on().sleep(time).unwrap_or_else(|| crate::runtime::platform_sleep(time))
}

/// The time limit of one call. It starts with the first wait.
pub(super) struct Limit<'a> {
    options: &'a LoadOptions,
    is_blocking: bool,
    length: Option<Duration>,
    timer: Option<BoxFuture<'static, ()>>,
}

impl<'a> Limit<'a> {
    pub(super) fn new(options: &'a LoadOptions, is_blocking: bool) -> Self {
        Self { options, is_blocking, length: options.limit(), timer: None }
    }

    /// The length of the limit.
    pub(super) fn length(&self) -> Option<Duration> {
        self.length
    }

    /// The output of `work`, unless the limit ends first.
    pub(super) async fn within<F: Future>(&mut self, work: F) -> Option<F::Output> {
        let Some(limit) = self.length else { return Some(work.await) };
        let (options, is_blocking) = (self.options, self.is_blocking);
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(output) = work.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            // The timer starts only when there is something to wait for.
            let timer = self.timer.get_or_insert_with(|| sleep(options, is_blocking, limit));
            timer.as_mut().poll(context).map(|()| None)
        })
        .await
    }
}
