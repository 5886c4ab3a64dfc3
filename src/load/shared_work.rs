//! Work that is done once for all concurrent callers that need it, without storing the outcome.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::flight::Ended;
use super::single_flight::{Place, SingleFlight};
use super::wait::race;
use crate::error::Result;
use crate::provider::MaybeSend;
use crate::runtime::{Platform, Runtime, has_event_loop, platform_sleep};

/// The maximum time a caller waits for the work of another. The work is one operation of a store, which has its own
/// time limit; it takes longer only if its future is not polled.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Returns the outcome of `work`, or of another caller's work under the same name. The name is not a key: a write to
/// the key comes from the work itself, and must not make other callers begin their own.
///
/// The outcome may have been read before the caller began. The caller decides whether that matters, by the name or by
/// the outcome.
///
/// The work runs in the background if there is an event loop, so that no caller depends on another being polled.
///
/// In WebAssembly every caller does its own work. In an edge worker, a caller that is woken by another request runs as
/// part of that request, and may no longer send or read anything in its own.
pub(crate) async fn once<T, W, Fut>(single_flight: &SingleFlight, name: &str, work: W) -> Result<T>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    W: Fn() -> Fut + MaybeSend + 'static,
    Fut: Future<Output = Result<T>> + MaybeSend + 'static,
{
    if cfg!(target_arch = "wasm32") {
        return work().await;
    }
    loop {
        let follower = match single_flight.join(name, 0) {
            Place::Leader(leader) => {
                let follower = leader.follower();
                let working = work();
                let task = async move {
                    let outcome = Arc::new(working.await);
                    leader.share(outcome, leader.reads());
                };
                if has_event_loop() {
                    if let Err(task) = Platform.spawn(Box::pin(task)) {
                        task.await;
                    }
                } else {
                    task.await;
                }
                follower
            }
            Place::Follower(follower) => follower,
            Place::Own => return work().await,
        };
        match race(follower.ended(), &mut platform_sleep(LONGEST_WAIT)).await {
            // The runtime has dropped the work, so this caller does its own.
            Some(Ended { outcome: None, .. }) => {}
            Some(Ended { outcome: Some(outcome), .. }) => match outcome.downcast_ref::<Result<T>>() {
                Some(outcome) => return outcome.clone(),
                // The name is also the key of an entry.
                None => return work().await,
            },
            None => return work().await,
        }
    }
}
