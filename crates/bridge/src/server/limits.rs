//! [`ServerLimits`]: what the server as a whole takes on.

use std::time::Duration;

/// Limits of the server as a whole. Those of a token are in its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// The number of requests in progress.
    pub max_in_flight: u64,
    /// The number of open subscriptions.
    pub max_streams: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { body_timeout: Duration::from_secs(10), max_in_flight: 4096, max_streams: 1024 }
    }
}
