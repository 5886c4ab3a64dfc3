//! The parts of this crate that `isocache-bridge` uses. It depends on exactly this version; other crates should not use
//! this module, which may change in any release.

#[cfg(all(feature = "redis", not(target_arch = "wasm32")))]
pub use self::redis::*;
pub use crate::glob::matches_bytes;
pub use crate::memory::table::{Entry, Hashed, Key, Leavers, Lookup, Removed, Table};

#[cfg(all(feature = "redis", not(target_arch = "wasm32")))]
mod redis {
    pub use crate::redis::clear_pattern::{Primary, clear, primaries};
    pub use crate::redis::client::Client;
    pub use crate::redis::connection::{Connection, Request, Retry};
    pub use crate::redis::observe::{Observed, observe};
    pub use crate::redis::tracking::Invalidated;
    pub use crate::remote::{COMPARE_AND_SET, INCREMENT_WITHIN, RELEASE, StaleCheck};
}
