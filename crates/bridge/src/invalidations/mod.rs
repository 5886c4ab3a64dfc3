//! Announcements of changed keys, for caches in front of the store.
//!
//! A near cache (in a browser tab, a worker, another service) keeps copies of entries. It must learn when anybody changes
//! one. The [`Log`] numbers the changes of the store and hands them to its readers, each of which sees only the keys that
//! it may read.
//!
//! # What readers can rely on
//!
//! - A [`Position`] is an epoch and a sequence number. Within an epoch, no change is missing between two positions.
//! - A new epoch begins whenever changes may have been missed: at the start of the bridge, and after the connection to
//!   Redis was lost. A reader of an older epoch, or of changes that are no longer known, is told to drop everything.
//! - Every response to commands has the position from before their execution. A value that was read at position *p* is
//!   outdated if its key changes at a position after *p*, and only then.
//! - A heartbeat says that all changes up to its position have been delivered. With Redis behind the bridge, it is sent
//!   only after Redis has replied on the connection that announces the changes.
//! - A key is a reader's own while its last change came from a request with the [`Origin`] of the reader. Only the embedded
//!   store can tell: Redis does not say who changed a key.
//!
//! Nothing is recorded, and nothing costs anything, until the first reader.

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
