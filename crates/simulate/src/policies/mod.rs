//! The simulated eviction policies.

mod arc;
mod engine;
mod fifo;
mod list;
mod optimum;
mod sieve;

use serde::{Serialize, Serializer};

use crate::trace::Trace;

/// No key, or no place.
pub(crate) const NONE: u32 = u32::MAX;

/// An eviction policy that can be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// Evicts the least recently used entry, as isocache does by default.
    Lru,
    /// S3-FIFO, as in isocache with the policy `s3fifo`.
    S3Fifo,
    /// Evicts the oldest entry.
    Fifo,
    /// SIEVE: evicts the oldest entry that was not used since it was last examined.
    Sieve,
    /// ARC, which balances recency and frequency.
    Arc,
    /// The best possible policy: evicts the entry that is needed last. It knows the future, so no cache can have it.
    Optimum,
}

impl Policy {
    /// All policies, in display order.
    pub const ALL: [Self; 6] = [Self::Lru, Self::S3Fifo, Self::Fifo, Self::Sieve, Self::Arc, Self::Optimum];

    /// Its name in options and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lru => "lru",
            Self::S3Fifo => "s3fifo",
            Self::Fifo => "fifo",
            Self::Sieve => "sieve",
            Self::Arc => "arc",
            Self::Optimum => "optimum",
        }
    }

    /// Its display name.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Lru => "LRU",
            Self::S3Fifo => "S3-FIFO",
            Self::Fifo => "FIFO",
            Self::Sieve => "SIEVE",
            Self::Arc => "ARC",
            Self::Optimum => "optimum",
        }
    }

    /// Whether isocache offers it.
    #[must_use]
    pub const fn is_offered(self) -> bool {
        matches!(self, Self::Lru | Self::S3Fifo)
    }

    /// The hits of a cache of `size` entries that starts empty. Each request is a lookup, and a write follows each
    /// miss.
    ///
    /// ```
    /// use isocache_simulate::{Policy, Trace};
    ///
    /// let trace: Trace = ["a", "b", "a", "c", "a"].into_iter().collect();
    /// assert_eq!(Policy::Lru.hits(&trace, 2), 2);
    /// assert_eq!(Policy::Fifo.hits(&trace, 2), 1);
    /// ```
    #[must_use]
    pub fn hits(self, trace: &Trace, size: u32) -> u64 {
        let size = size.max(1);
        match self {
            Self::Lru => engine::hits(isocache::Policy::Lru, trace, size),
            Self::S3Fifo => engine::hits(isocache::Policy::S3Fifo, trace, size),
            Self::Fifo => fifo::hits(trace, size),
            Self::Sieve => sieve::hits(trace, size),
            Self::Arc => arc::hits(trace, size),
            Self::Optimum => optimum::hits(trace, size),
        }
    }
}

impl std::str::FromStr for Policy {
    type Err = String;

    /// Parses a [`name`](Policy::name).
    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|policy| policy.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|policy| policy.name()).collect();
            format!("{name:?} is not a policy: use {}", names.join(", "))
        })
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
