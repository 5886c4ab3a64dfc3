//! Work that is done once for all callers that need it at the same time, and whose outcome is not stored.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::single_flight::{Place, SingleFlight};
use super::wait::race;
use crate::error::Result;
use crate::provider::MaybeSend;
use crate::runtime::{Platform, Runtime, has_event_loop, platform_sleep};

/// The longest that a caller waits for the work of another. The work is one operation of a store, which has a limit of its
/// own; it takes longer only where nobody polls it.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The outcome of `work`, or of that of another caller under this name. The name is no key: a write to the key that the work
/// is about comes from the work itself, and must not let others begin.
///
/// The work runs in the background where there is an event loop, so that nobody waits for a caller that is not polled.
pub(crate) async fn once<T, W, Fut>(single_flight: &SingleFlight, name: &str, work: W) -> Result<T>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    W: Fn() -> Fut + MaybeSend + 'static,
    Fut: Future<Output = Result<T>> + MaybeSend + 'static,
{
    loop {
        let follower = match single_flight.join(name) {
            Place::Leader(leader) => {
                let follower = leader.follower();
                let working = work();
                let task = async move { leader.share(Arc::new(working.await)) };
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
        match race(follower.outcome(), &mut platform_sleep(LONGEST_WAIT)).await {
            // The runtime has dropped it, and another is needed.
            Some(None) => {}
            Some(Some(outcome)) => match outcome.downcast_ref::<Result<T>>() {
                Some(outcome) => return outcome.clone(),
                // The name is the key of somebody's entry.
                None => return work().await,
            },
            None => return work().await,
        }
    }
}
