//! Polls a source that cannot hold a stream.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::hub::{Hub, LONGEST_PAUSE, Outdated};
use super::source::Invalidation;
use crate::error::{CacheError, Result};
use crate::load::millis;
use crate::load::shared_work::once;

impl Hub {
    /// Requests the missed changes, once for all concurrent callers.
    pub(super) async fn poll(self: &Arc<Self>) -> Result<()> {
        let this = Arc::clone(self);
        once(&self.polls, "poll", move || Arc::clone(&this).poll_once()).await
    }

    async fn poll_once(self: Arc<Self>) -> Result<()> {
        let Some(source) = &self.source else { return Ok(()) };
        let interval = source.check_interval().unwrap_or_default();
        let sent = self.now();
        let since = {
            let state = self.state();
            if sent < state.next_poll {
                return Err(CacheError::Unavailable("the last poll failed a moment ago".into()));
            }
            state.link.position()
        };
        let polled = source.poll(since).await;
        let now = self.now();
        let outdated = {
            let mut state = self.state();
            match &polled {
                Ok(event) => {
                    let until = state.link.serves_until();
                    let meaning = state.link.polled(event, sent, millis(interval));
                    self.report(event);
                    self.took(&mut state, event, meaning, until, now)
                }
                Err(error) => {
                    state.next_poll = now + millis(interval.min(LONGEST_PAUSE));
                    state.last_loss = Some(error.clone());
                    self.report(&Invalidation::Disconnected { error: error.clone() });
                    Outdated::Nothing
                }
            }
        };
        self.forget(&outdated);
        polled.map(drop)
    }

    /// Checks the positions in the responses of the store: one after the last announced position means that a poll is
    /// due.
    pub(super) fn compare_positions(&self) {
        // A stream delivers everything by itself, and the stream of one bridge may be behind the responses of another.
        let polled = self.source.as_ref().filter(|source| source.check_interval().is_some());
        let Some(latest) = polled.and_then(|source| source.latest()) else { return };
        let mut state = self.state();
        let Some(known) = state.link.position() else { return };
        if latest.is_after(known) || latest.epoch != known.epoch {
            state.link.doubt();
            self.serves_until.store(state.link.serves_until().to_bits(), Ordering::Release);
        }
    }
}
