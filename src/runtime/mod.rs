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

/// Runs background tasks and timers. Loading uses it for background refreshes and time limits.
///
/// The default needs no configuration. Natively it uses tokio if called within a tokio runtime, with the feature
/// `tokio` (on by default); otherwise background tasks run on a thread of their own, and a helper thread runs the
/// timers. In WebAssembly it is the event loop, with the feature `tokio` or `http`.
pub trait Runtime: Send + Sync {
    /// Starts a task. If that is not possible, the task is returned, and the caller runs it itself.
    ///
    /// # Errors
    /// The task, if it could not be started.
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>>;

    /// Returns a future that completes after `time`; `None` to use the timer of the default runtime.
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

/// Whether this code runs in an event loop, so that starting a task costs next to nothing.
pub(crate) fn has_event_loop() -> bool {
    platform::has_event_loop()
}

/// A future that completes after `time`.
pub(crate) fn platform_sleep(time: Duration) -> BoxFuture<'static, ()> {
    platform::sleep(time)
}

/// Whether there is a timer.
pub(crate) const HAS_TIMER: bool = platform::HAS_TIMER;
