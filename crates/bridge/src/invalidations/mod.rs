//! Announcements of changed keys, for caches in front of the store.
//!
//! A near cache (in a browser tab, a worker, another service) keeps copies of entries. It must learn when one changes.
//! The [`Log`] numbers the changes of the store and delivers them to readers. Each reader sees only the keys that it
//! may read.
//!
//! # What readers can rely on
//!
//! - A [`Position`] is an epoch and a sequence number. Within an epoch, no change is missing between two positions.
//! - A new epoch begins whenever changes may have been missed: at the start of the bridge, and after the connection to
//!   Redis was lost. A reader of an older epoch, or of changes that are no longer kept, must drop everything.
//! - Every response to commands has the position from before their execution. A value read at position *p* is outdated
//!   if its key changes at a position after *p*, and only then.
//! - A heartbeat says that all changes up to its position have been delivered. With Redis behind the bridge, it is sent
//!   only after Redis has replied on the connection that announces the changes.
//! - A key is a reader's own if its last change came from a request with the reader's [`Origin`]. Only the embedded
//!   store knows this: Redis does not say who changed a key.
//!
//! Until the first reader arrives, nothing is recorded and there is no cost.

mod changes;
mod counts;
mod history;
mod log;
mod origin;
mod pending;
mod prefix_index;
mod reader;

pub use changes::Changes;
pub use counts::Counts;
pub use history::{ChangedKey, Missed};
pub use isocache::Position;
pub use log::{Log, Noted, Wanted};
pub use origin::{Change, NotAnOrigin, Origin};
pub use pending::Event;
pub use reader::Reader;
