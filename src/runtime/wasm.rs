//! The JavaScript event loop.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::provider::BoxFuture;

pub(super) const HAS_TIMER: bool = cfg!(any(feature = "tokio", feature = "http"));

pub(super) fn has_event_loop() -> bool {
    HAS_TIMER
}

#[cfg(any(feature = "tokio", feature = "http"))]
// As on the other platforms, where it may fail.
#[allow(clippy::unnecessary_wraps)]
pub(super) fn spawn(task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
    wasm_bindgen_futures::spawn_local(task);
    Ok(())
}

#[cfg(not(any(feature = "tokio", feature = "http")))]
pub(super) fn spawn(task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
    Err(task)
}

#[cfg(any(feature = "tokio", feature = "http"))]
pub(super) fn sleep(time: Duration) -> BoxFuture<'static, ()> {
    Box::pin(timer::sleep(time))
}

/// There is no timer: options that need one are rejected.
#[cfg(not(any(feature = "tokio", feature = "http")))]
pub(super) fn sleep(_: Duration) -> BoxFuture<'static, ()> {
    Box::pin(std::future::pending())
}

/// There are no threads that could block here.
pub(crate) fn thread_sleep(time: Duration) -> BoxFuture<'static, ()> {
    sleep(time)
}

/// Polls a future that does not wait.
///
/// # Panics
/// If the future waits: there is one thread, and nothing could wake it.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a synchronous load cannot wait for an asynchronous load of its key in WebAssembly"),
    }
}

#[cfg(any(feature = "tokio", feature = "http"))]
mod timer {
    use std::time::Duration;

    use js_sys::{Function, Promise, Reflect};
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::JsFuture;

    /// A timer that is cleared when it is dropped.
    struct Timer {
        id: JsValue,
        resolve: Function,
    }

    impl Drop for Timer {
        fn drop(&mut self) {
            if let Some(clear) = global("clearTimeout") {
                let _ = clear.call1(&JsValue::UNDEFINED, &self.id);
            }
            // Callbacks that a future registers on a promise are freed only when the promise settles.
            let _ = self.resolve.call0(&JsValue::UNDEFINED);
        }
    }

    pub(super) async fn sleep(time: Duration) {
        let ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs());
        let mut timer = None;
        let promise = Promise::new(&mut |resolve, _| {
            let id = global("setTimeout").and_then(|set| set.call2(&JsValue::UNDEFINED, &resolve, &ms.into()).ok());
            timer = id.map(|id| Timer { id, resolve });
        });
        let _ = JsFuture::from(promise).await;
        drop(timer);
    }

    fn global(name: &str) -> Option<Function> {
        Reflect::get(&js_sys::global(), &name.into()).ok()?.dyn_into().ok()
    }
}
