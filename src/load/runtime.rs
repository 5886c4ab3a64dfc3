//! Where loads behind run, and time limits are kept.

use std::time::Duration;

use crate::provider::BoxFuture;

/// Runs what nobody waits for, and waits. Needed for loads behind answered callers and for the time limits of loaders.
///
/// The default is tokio natively, with the feature `tokio` and within its runtime; and the platform's promises and timers
/// in WebAssembly, with the feature `http`. Elsewhere a caller who finds a stale value loads the new one itself, and
/// loaders have no limit.
pub trait Runtime: Send + Sync {
    /// Begins a task. It is handed back if that is not possible.
    ///
    /// # Errors
    /// The task, if there is nothing to run it.
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>>;

    /// Ends after `time`; `None` if there is no timer.
    fn sleep(&self, time: Duration) -> Option<BoxFuture<'static, ()>>;
}

/// The runtime of the platform.
struct Platform;

#[cfg(all(feature = "tokio", not(target_arch = "wasm32")))]
impl Runtime for Platform {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
        match tokio::runtime::Handle::try_current() {
            Ok(handle) => {
                handle.spawn(task);
                Ok(())
            }
            Err(_) => Err(task),
        }
    }

    fn sleep(&self, time: Duration) -> Option<BoxFuture<'static, ()>> {
        tokio::runtime::Handle::try_current().ok()?;
        Some(Box::pin(tokio::time::sleep(time)))
    }
}

#[cfg(all(feature = "http", target_arch = "wasm32", target_os = "unknown"))]
impl Runtime for Platform {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
        wasm_bindgen_futures::spawn_local(task);
        Ok(())
    }

    fn sleep(&self, time: Duration) -> Option<BoxFuture<'static, ()>> {
        Some(Box::pin(crate::http::sleep(time)))
    }
}

#[cfg(not(any(
    all(feature = "tokio", not(target_arch = "wasm32")),
    all(feature = "http", target_arch = "wasm32", target_os = "unknown")
)))]
impl Runtime for Platform {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
        Err(task)
    }

    fn sleep(&self, _: Duration) -> Option<BoxFuture<'static, ()>> {
        None
    }
}

pub(super) fn default_runtime() -> &'static dyn Runtime {
    &Platform
}
