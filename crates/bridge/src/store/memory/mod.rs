//! The embedded store: strings and counters with expiry, bounded, in the memory of the process.
//!
//! [`MemoryStore`] implements a subset of the commands of Redis 7.0, with the same replies and the same error messages. It
//! differs in these points:
//!
//! - It is bounded: at a limit, the least recently used entry is evicted. A value that exceeds the limit by itself gets
//!   Redis' `OOM` error.
//! - An entry expires exactly at its deadline, and `DBSIZE` does not count expired entries. Deadlines after the year 287396
//!   lose their last milliseconds.
//! - `INCRBYFLOAT` computes with the 80-bit long doubles of x86 on every processor. A Redis on another processor may return
//!   different last digits.
//! - `TIME` has a resolution of one millisecond. `INFO` describes this store and names no version of Redis.
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
