//! The options of cached functions.

use super::errors::Policy;
use crate::load::{Event, Problem};
use crate::{CacheError, LoadOptions};

/// The options of a function. If they are the same for all calls, they are built once.
pub struct Options {
    limited: LoadOptions,
    unlimited: LoadOptions,
}

impl Options {
    #[must_use]
    pub fn new(options: LoadOptions) -> Self {
        Self { unlimited: options.clone().timeout(None), limited: options }
    }

    /// A timeout must be an error, so a function that cannot return one has no time limit.
    pub(super) fn of<E>(&self, policy: &Policy<E>) -> &LoadOptions {
        if policy.convert.is_some() { &self.limited } else { &self.unlimited }
    }

    /// Counts and reports an error that the caller does not see: the function runs as if nothing were cached.
    pub(super) fn passed_over<E>(&self, error: &CacheError, policy: &Policy<E>) {
        if let (Some(monitor), false) = (self.limited.counting(), policy.propagate && policy.convert.is_some()) {
            monitor.count(Event::Bypass);
            monitor.report(&Problem::Failed(error.clone()));
        }
    }
}
