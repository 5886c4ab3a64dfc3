//! The embedded store: strings and counters with expiry, bounded, in the memory of the process.
//!
//! [`MemoryStore`] answers as Redis 7.0 does, texts of errors included, for the commands that it has. Where it differs:
//!
//! - It is bounded: the entry that was used the longest ago leaves when a limit is reached. A value that alone is over the
//!   limit gets Redis' `OOM` error.
//! - An entry is gone at its deadline, not a millisecond later, and no longer counted by `DBSIZE`; deadlines after the year 287396 lose their last
//!   milliseconds.
//! - `INCRBYFLOAT` counts in the 80-bit long doubles of x86, whatever the processor: a Redis on another one may give other
//!   last digits.
//! - `TIME` is exact to the millisecond. `INFO` tells of this store and names no version of Redis.
//! - There is one database, number 0.
//!
//! ```
//! use isocache_bridge::store::memory::{MemoryStore, MemoryStoreOptions};
//! use isocache_protocol::{Command, Reply};
//!
//! let store = MemoryStore::new(MemoryStoreOptions { max_entries: 10_000, ..Default::default() })?;
//! let commands: Vec<Command> = [vec!["SET", "visits", "41"], vec!["INCR", "visits"], vec!["GET", "visits"]]
//!     .into_iter()
//!     .map(Command::from_iter)
//!     .collect();
//! assert_eq!(store.run(&commands), [Reply::OK, Reply::Integer(42), Reply::bulk("42")]);
//! # Ok::<(), isocache::CacheError>(())
//! ```

mod channels;
mod commands;
mod database;
mod error;
mod long_double;
mod numbers;
mod options;
mod snapshot;
mod store;

pub use channels::{Lagged, Message, Subscription};
pub use options::{ENTRY_WEIGHT, MemoryStoreOptions};
pub use snapshot::{SnapshotError, SnapshotLoaded, SnapshotLock, SnapshotWritten, keep_damaged_aside};
pub use store::MemoryStore;
