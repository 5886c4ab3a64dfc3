//! A memory cache in front of a shared store, kept coherent by announcements of changed keys.
//!
//! | file | concern |
//! |---|---|
//! | `position.rs`, `source.rs` | the announcements, and where they come from |
//! | `channel.rs` | announcements that the program makes itself |
//! | `link.rs` | whether the announcements are complete, as a state machine |
//! | `admission.rs` | which values may be kept near, as a state machine |
//! | `operation.rs`, `polling.rs` | a read or write in progress; polls |
//! | `hub.rs`, `running.rs` | the shared state of views: both state machines, and the task that runs the source |
//! | `planted.rs` | rules that the tests of coherence break |
//! | `near.rs` | the near copies |
//! | `provider.rs`, `more.rs`, `loading.rs` | the traits of a provider |
//! | `retries.rs` | writes that are sent again |
//! | `operations.rs`, `join.rs` | reads and writes between the tiers |
//! | `builder.rs`, `stats.rs`, `report.rs`, `spans.rs` | options, statistics, reports, spans |

mod admission;
mod builder;
mod channel;
mod hub;
mod join;
mod link;
mod loading;
mod more;
mod near;
mod operation;
mod operations;
mod planted;
mod polling;
mod position;
mod provider;
#[cfg(any(feature = "metrics", feature = "tracing"))]
mod report;
mod retries;
mod running;
mod source;
mod spans;
mod stats;

pub use builder::TieredCacheBuilder;
pub use channel::InvalidationChannel;
pub use planted::Planted;
pub use position::Position;
pub use provider::TieredCacheProvider;
pub use source::{Announce, Invalidation, InvalidationSource};
pub use stats::{LinkState, ServeSuspect, TierStats};
