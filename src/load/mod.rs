//! Cache-aside: look up a key, and load a missing value once for all concurrent callers.
//!
//! | file | concern |
//! |---|---|
//! | `freshness.rs` | whether an entry is fresh, and how a stale one may be used |
//! | `flight.rs` | one load in progress: its phases, and how callers wait for it |
//! | `single_flight.rs` | the loads in progress of a provider by key |
//! | `write_guard.rs` | writes, which win over the loads in progress |
//! | `scope.rs` | the load to which the running code belongs |
//! | `support.rs` | the interface between loading and a provider |
//! | `call.rs`, `lookup.rs`, `follow.rs`, `store.rs` | one call: lookup, load or waiting for another, result, storing |
//! | `lease.rs` | which of several processes loads |
//! | `cache_aside.rs`, `blocking.rs` | the methods that make calls |
//! | `wait.rs`, `handoff.rs`, `shared_work.rs` | time limits, background loads, shared work whose outcome is not stored |
//! | `options.rs`, `loaded.rs`, `monitor.rs`, `random.rs` | options, outcomes, statistics |

mod blocking;
mod cache_aside;
mod call;
mod flight;
mod follow;
pub(crate) mod freshness;
mod handoff;
mod lease;
mod loaded;
mod lookup;
mod monitor;
mod options;
pub(crate) mod random;
mod scope;
pub(crate) mod shared_work;
mod single_flight;
mod store;
mod support;
pub(crate) mod wait;
mod write_guard;

pub use cache_aside::CacheAside;
#[cfg(feature = "macros")]
pub(crate) use cache_aside::{get, get_or_refresh};
pub(crate) use freshness::millis;
pub use lease::LeaseProvider;
pub use loaded::{LoadError, Loaded};
#[cfg(feature = "macros")]
pub(crate) use monitor::{Event, Problem};
pub use monitor::{LoadStats, Monitor, Report};
pub use options::{LoadOptions, OnError};
pub use single_flight::{SingleFlight, StorePermit};
pub(crate) use support::get_now;
pub use support::{Kept, Loading, Lookup, NewEntry, Storing};
pub use write_guard::WriteGuard;
