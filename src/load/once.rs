//! Work that is done once for all who need it at the same time, and whose outcome is not stored.

use std::future::Future;
use std::sync::Arc;

use super::flights::{Flights, Place};
use crate::error::Result;

/// What `work` brings, or what that of another caller brings who is at it under this name. The name is no key: a write to
/// the key that the work is about comes from the work itself, and must not let others begin.
pub(crate) async fn once<T, Fut>(flights: &Flights, name: &str, work: impl Fn() -> Fut) -> Result<T>
where
    T: Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<T>>,
{
    loop {
        match flights.join(name) {
            Place::Leader(led) => {
                let outcome = work().await;
                led.share(Arc::new(outcome.clone()));
                return outcome;
            }
            Place::Follower(follower) => {
                // Without an outcome, its leader has gone, and another is needed.
                if let Some(outcome) = follower.outcome().await {
                    return match outcome.downcast_ref::<Result<T>>() {
                        Some(outcome) => outcome.clone(),
                        // Somebody's entry has this name.
                        None => work().await,
                    };
                }
            }
            Place::Own => return work().await,
        }
    }
}
