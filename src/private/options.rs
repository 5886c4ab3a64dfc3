//! The options of functions.

use super::errors::Policy;
use crate::load::{Event, Problem};
use crate::{CacheError, LoadOptions};

/// The options of a function. Where they are the same for all calls, they are made once.
pub struct Options {
    limited: LoadOptions,
    unlimited: LoadOptions,
}

impl Options {
    #[must_use]
    pub fn new(options: LoadOptions) -> Self {
        Self { unlimited: options.clone().timeout(None), limited: options }
    }

    /// A run that takes too long ends with an error: where there is none, there is no limit.
    pub(super) fn of<E>(&self, policy: &Policy<E>) -> &LoadOptions {
        if policy.convert.is_some() { &self.limited } else { &self.unlimited }
    }

    /// Counts and reports an error that the caller does not get: the function answers as if nothing were cached.
    pub(super) fn passed_over<E>(&self, error: &CacheError, policy: &Policy<E>) {
        if let (Some(monitor), false) = (self.limited.counting(), policy.propagate && policy.convert.is_some()) {
            monitor.count(Event::Bypass);
            monitor.report(&Problem::Failed(error.clone()));
        }
    }
}
