//! The statistics of a tiered cache.

use std::time::Duration;

/// Whether near copies may be served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// Changes are being announced: near copies are served.
    Connected,
    /// The announcements have been silent for two heartbeats, or the next poll is due.
    Suspect,
    /// There is no connection to the source of announcements, or none yet.
    #[default]
    Disconnected,
}

/// How near copies are handled while the announcements are silent or disconnected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServeSuspect {
    /// They are not served: every read goes to the far provider, and fails if that fails.
    #[default]
    Never,
    /// They are served if the far provider fails, for at most
    /// [`serve_suspect_for`](crate::TieredCacheBuilder::serve_suspect_for).
    IfFarFails,
    /// They are served without a request to the far provider, for at most
    /// [`serve_suspect_for`](crate::TieredCacheBuilder::serve_suspect_for).
    Always,
}

/// The statistics of a tiered cache. Its views share the statistics of the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TierStats {
    /// Lookups that a near copy answered.
    pub near_hits: u64,
    /// Lookups that the far provider answered with a value.
    pub far_hits: u64,
    /// Lookups that found nothing.
    pub misses: u64,
    /// Lookups that a near copy answered although the link was not connected. Included in `near_hits`.
    pub suspect_hits: u64,
    /// Keys that were announced as changed.
    pub invalidations: u64,
    /// The number of times all near copies were dropped at once.
    pub resets: u64,
    /// The total time near copies could not be served, since the link was first connected.
    pub suspect_time: Duration,
    /// The last measured time from a write of this process to its announcement; `None` before the first.
    pub lag: Option<Duration>,
    /// Queued writes, which will be sent again.
    pub queued_writes: u64,
    /// Writes that were given up.
    pub unsent_writes: u64,
    /// The state of the link.
    pub link: LinkState,
}
