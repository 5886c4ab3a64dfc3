//! Waits for the load of another caller.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use super::call::{Call, Outcome};
use super::flight::Ended;
use super::loaded::LoadError;
use super::single_flight::Follower;
use super::wait::{Limit, race, sleep};

/// How long a leader's future may be ready but not polled before a follower takes over.
const TAKEOVER_DELAY: Duration = Duration::from_secs(1);

/// The outcome of waiting as a follower.
pub(super) enum Followed<T, E> {
    Outcome(Outcome<T, E>),
    /// The flight has another value type than the caller.
    Foreign,
    /// The leader was dropped, or had its value before this call began.
    Gone,
    /// The leader is ready but is not polled.
    Idle,
    TimedOut,
}

impl<P: ?Sized> Call<'_, P> {
    /// Waits for a leader: within the time limit of this call, and only while the leader is polled.
    pub(super) async fn follow<T, E>(&self, follower: &Follower, limit: &mut Limit<'_>) -> Followed<T, E>
    where
        T: Clone + 'static,
        E: 'static,
    {
        let of = |outcome: &Arc<dyn Any + Send + Sync>| {
            let outcome = outcome.downcast_ref::<Outcome<T, E>>();
            outcome.map_or(Followed::Foreign, |outcome| Followed::Outcome(outcome.clone()))
        };
        let mut idle = None;
        loop {
            let mut takeover = sleep(self.options, self.is_blocking, TAKEOVER_DELAY);
            // If the wait ends before the value is stored, the outcome may already be known. Storing may still fail.
            match limit.within(race(follower.ended(), &mut takeover)).await {
                None => return follower.outcome().as_ref().map_or(Followed::TimedOut, of),
                Some(Some(Ended { store_error: Some(error), .. })) => {
                    return Followed::Outcome(Err(LoadError::Cache(error)));
                }
                Some(Some(Ended { outcome, .. })) => return outcome.as_ref().map_or(Followed::Gone, of),
                Some(None) => {
                    let now = follower.leader_idle_since();
                    if now.is_some() && now == idle {
                        return follower.outcome().as_ref().map_or(Followed::Idle, of);
                    }
                    idle = now;
                }
            }
        }
    }
}
