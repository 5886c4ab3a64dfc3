//! tokio within a tokio runtime, threads elsewhere.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::provider::BoxFuture;

pub(super) const HAS_TIMER: bool = true;

pub(super) fn has_event_loop() -> bool {
    #[cfg(feature = "tokio")]
    return tokio::runtime::Handle::try_current().is_ok();
    #[cfg(not(feature = "tokio"))]
    false
}

pub(super) fn spawn(task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
    #[cfg(feature = "tokio")]
    if let Ok(handle) = tokio::runtime::Handle::try_current() {
        handle.spawn(task);
        return Ok(());
    }
    // Stored so that it can be taken back if no thread can be started.
    let task = Arc::new(Mutex::new(Some(task)));
    let taken =
        |task: &Mutex<Option<BoxFuture<'static, ()>>>| task.lock().unwrap_or_else(PoisonError::into_inner).take();
    let own = Arc::clone(&task);
    let started = thread::Builder::new().name("isocache-background".to_owned()).spawn(move || {
        if let Some(task) = taken(&own) {
            block_on(task);
        }
    });
    match (started, task) {
        (Ok(_), _) => Ok(()),
        (Err(_), task) => taken(&task).map_or(Ok(()), Err),
    }
}

pub(super) fn sleep(time: Duration) -> BoxFuture<'static, ()> {
    #[cfg(feature = "tokio")]
    if tokio_keeps_time() {
        return Box::pin(tokio::time::sleep(time));
    }
    thread_sleep(time)
}

/// A future that completes after `time`, on any executor, even if the thread blocks on it.
pub(crate) fn thread_sleep(time: Duration) -> BoxFuture<'static, ()> {
    Box::pin(super::timer::sleep(time))
}

/// Whether the current runtime has a timer. tokio reports that only by a panic, whose message may appear once for each
/// thread of a runtime that was built without a timer.
#[cfg(feature = "tokio")]
fn tokio_keeps_time() -> bool {
    use std::cell::Cell;
    use tokio::runtime::{Handle, Id};

    thread_local! {
        static KNOWN: Cell<Option<(Id, bool)>> = const { Cell::new(None) };
    }
    let Ok(handle) = Handle::try_current() else { return false };
    match KNOWN.get() {
        Some((id, keeps)) if id == handle.id() => keeps,
        _ => {
            let keeps = std::panic::catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).is_ok();
            KNOWN.set(Some((handle.id(), keeps)));
            keeps
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread on a future.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    thread_local! {
        static WAKER: Waker = Waker::from(Arc::new(Unpark(thread::current())));
    }
    let mut future = pin!(future);
    let waker = WAKER.with(Waker::clone);
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
