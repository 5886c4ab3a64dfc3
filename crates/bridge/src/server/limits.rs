//! [`ServerLimits`]: the limits of the server as a whole.

use std::time::Duration;

/// Limits of the server as a whole. Those of a token are in its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// The timeout for the body of a request.
    pub body_timeout: Duration,
    /// The maximum number of requests in progress.
    pub max_in_flight: u64,
    /// The maximum number of open subscriptions.
    pub max_streams: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { body_timeout: Duration::from_secs(10), max_in_flight: 4096, max_streams: 1024 }
    }
}
