//! Background tasks and timers, on every target.

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod native;
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod timer;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod wasm;

use std::time::Duration;

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
use native as platform;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm as platform;

pub(crate) use platform::{block_on, thread_sleep};

use crate::provider::BoxFuture;

/// Runs background tasks, and sleeps. Loads use it for refreshes in the background and for time limits.
///
/// The default needs no setting. Natively it is tokio, within its runtime and with the feature `tokio` (on by default);
/// elsewhere background tasks run on a thread of their own, and a helper thread keeps the time. In WebAssembly it is the event
/// loop, with the feature `tokio` or `http`.
pub trait Runtime: Send + Sync {
    /// Starts a task. It is handed back if that is not possible; the caller then runs it itself.
    ///
    /// # Errors
    /// The task, if there is nothing to run it.
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>>;

    /// A future that ends after `time`; `None` to use the timer of the default runtime.
    fn sleep(&self, time: Duration) -> Option<BoxFuture<'static, ()>>;
}

/// The default runtime.
pub(crate) struct Platform;

impl Runtime for Platform {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
        platform::spawn(task)
    }

    fn sleep(&self, time: Duration) -> Option<BoxFuture<'static, ()>> {
        Some(platform_sleep(time))
    }
}

/// Whether tasks are polled by an event loop around this code, so that starting one costs next to nothing.
pub(crate) fn has_event_loop() -> bool {
    platform::has_event_loop()
}

/// A future that ends after `time`.
pub(crate) fn platform_sleep(time: Duration) -> BoxFuture<'static, ()> {
    platform::sleep(time)
}

/// Whether there is a timer.
pub(crate) const HAS_TIMER: bool = platform::HAS_TIMER;
