//! A memory cache before a shared store, kept coherent by announcements of changed keys.
//!
//! | file | concern |
//! |---|---|
//! | `position.rs`, `source.rs` | the announcements, and where they come from |
//! | `channel.rs` | announcements that the program makes itself |
//! | `stats.rs` | options and statistics |

mod channel;
mod position;
mod source;
mod stats;

pub use channel::InvalidationChannel;
pub use position::Position;
pub use source::{Announce, Invalidation, InvalidationSource};
pub use stats::{LinkState, ServeSuspect, TierStats};
