//! [`Operation`]: a read or write in progress, from its beginning to its end.

use std::sync::Arc;

use super::admission::{Outcome, Ticket, Unchanged};
use super::hub::Hub;
use crate::engine::Millis;
use crate::error::CacheError;

impl Hub {
    /// Begins to read a key.
    pub(super) fn read(self: &Arc<Self>, key: &str) -> Operation {
        let sent = self.now();
        let ticket = self.state().admission.read(key);
        Operation { hub: Arc::clone(self), ticket: Some(ticket), sent, version: None }
    }

    /// Begins to write or remove a key, and drops its copies.
    pub(super) fn write(self: &Arc<Self>, key: &str, version: Option<u64>) -> Operation {
        let sent = self.now();
        let ticket = {
            let mut state = self.state();
            if state.probe.is_none() {
                state.probe = Some((key.into(), sent));
            }
            state.admission.write(key)
        };
        self.each(|copies| copies.forget(key));
        Operation { hub: Arc::clone(self), ticket: Some(ticket), sent, version }
    }

    /// Begins to remove all keys that match, and drops their copies now and at the end.
    pub(super) fn clear(self: &Arc<Self>, pattern: &str) -> Clearing {
        let clearing = Clearing { hub: Arc::clone(self), pattern: pattern.to_owned() };
        clearing.forget();
        clearing
    }

    /// The version of a key. Reads of the same version may share a request.
    pub(super) fn version(&self, key: &str) -> u64 {
        self.state().admission.version(key)
    }
}

/// An operation in progress on one key. Dropping it before its end means that its outcome is unknown.
pub(super) struct Operation {
    hub: Arc<Hub>,
    ticket: Option<Ticket>,
    /// When it began.
    pub(super) sent: Millis,
    /// The version of its key in the far provider when it began.
    pub(super) version: Option<u64>,
}

impl Operation {
    pub(super) fn key(&self) -> &str {
        self.ticket.as_ref().map_or("", Ticket::key)
    }

    /// Whether its value may be kept.
    pub(super) fn is_valid(&self) -> bool {
        self.ticket.as_ref().is_some_and(|ticket| self.hub.state().admission.is_valid(ticket))
    }

    pub(super) fn end(mut self, outcome: Outcome) {
        self.finish(outcome);
    }

    /// Ends a write whose value is about to be kept. Returns whether that is permitted.
    pub(super) fn keep(mut self, unchanged: Option<Unchanged>) -> bool {
        self.finish(Outcome::Kept(unchanged))
    }

    /// Ends an operation that failed.
    pub(super) fn fail(self, error: &CacheError) {
        let changed_nothing = matches!(error, CacheError::InvalidArgument { .. } | CacheError::Serialize { .. });
        self.end(if changed_nothing { Outcome::Done } else { Outcome::Unknown });
    }

    fn finish(&mut self, outcome: Outcome) -> bool {
        let Some(ticket) = self.ticket.take() else { return false };
        let is_valid = self.hub.state().admission.end(ticket, outcome);
        self.hub.compare_positions();
        is_valid
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.finish(Outcome::Unknown);
    }
}

/// The removal of all keys that match a pattern, in progress.
pub(super) struct Clearing {
    hub: Arc<Hub>,
    pattern: String,
}

impl Clearing {
    fn forget(&self) {
        self.hub.state().admission.everything();
        self.hub.each(|copies| copies.forget_matching(&self.pattern));
    }
}

impl Drop for Clearing {
    fn drop(&mut self) {
        self.forget();
    }
}
