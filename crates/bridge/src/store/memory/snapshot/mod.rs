//! Snapshots: the store in a file that outlives the process.
//!
//! # The format, version 1
//!
//! Numbers have their lowest byte first.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `isocache` |
//! | 4 | the version of the format, 1 |
//! | 8 | the number of entries |
//! | 4 | the CRC-32 of all that is before it |
//!
//! Then the entries, from the one used the longest ago to the one used last, so that reading them in order restores the
//! order of eviction:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | the deadline in milliseconds since 1970; all ones for none |
//! | 4 | the length of the key |
//! | 4 | the length of the value |
//! | | the key, then the value |
//! | 4 | the CRC-32 of all that is before it in the file |
//!
//! With the last entry the file ends. Each checksum covers everything before it but the other checksums (a CRC of bytes that
//! are followed by their own CRC is always the same), so that the first one that is wrong says where the damage is, and no
//! entry can have come from another snapshot. CRC-32 finds every damage that lies within four bytes, and all but one in four billion of the
//! others. It is no protection against forgery: a secret would lie beside the file.
//! Weights are not stored but computed again, since the limits may have changed.

mod file;
mod format;
mod lock;

use std::path::{Path, PathBuf};

use isocache::engine::NEVER;

use super::database::time_of;
use super::store::MemoryStore;

pub use file::keep_damaged_aside;
pub use lock::SnapshotLock;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotWritten {
    /// The entries in it.
    pub entries: u64,
    /// The size of the file.
    pub bytes: u64,
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotLoaded {
    /// The entries that are now in the store, but for those that had to leave to keep its limits.
    pub entries: u64,
    /// The entries that had expired.
    pub expired: u64,
    /// The entries that alone are over the limits of the store.
    pub refused: u64,
}

/// Why a snapshot was not written or not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The file system failed. The file may be intact.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process uses the file.
    #[error("{path} is in use by {holder}: give each bridge a snapshot of its own", path = path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// What is known of the process.
        holder: String,
    },
    /// The file is intact and in a format of another version.
    #[error("{path} has version {version} of the format, and this release reads version 1", path = path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version of its format.
        version: u32,
    },
    /// The file is not a snapshot, or is incomplete. None of its entries was loaded.
    #[error("{path} is not a usable snapshot: at byte {at}, {problem}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How far into it the problem is.
        at: u64,
        /// What is wrong.
        problem: String,
    },
}

impl MemoryStore {
    /// Writes the live entries of one moment to a file. The file is replaced as a whole or not at all: the bytes go to a
    /// temporary file beside it, and reach the disk before that file gets the name. Only its owner may read it.
    ///
    /// The store is locked while the entries are listed, not while they are written. Two calls with one path must not run at
    /// the same time; [`SnapshotLock`] keeps other processes away.
    ///
    /// # Errors
    /// [`SnapshotError::Io`]; the file is unchanged.
    pub fn write_snapshot(&self, path: &Path) -> Result<SnapshotWritten, SnapshotError> {
        // Clippy would have the method itself, whose lifetime is not general enough.
        #[allow(clippy::redundant_closure_for_method_calls)]
        let live = self.with_database(|database| database.live());
        file::replace(path, |file| format::write(file, &live))
    }

    /// Loads the entries of a snapshot in the order of their last use, as if each were set now. Returns `None` if there is no
    /// such file. The store is locked while the entries are stored, not while they are read.
    ///
    /// # Errors
    /// [`SnapshotError`]; the store is unchanged. [`keep_damaged_aside`] keeps a damaged file.
    pub fn load_snapshot(&self, path: &Path) -> Result<Option<SnapshotLoaded>, SnapshotError> {
        let Some(entries) = file::read(path)? else { return Ok(None) };
        Ok(Some(self.with_database(|database| {
            let mut loaded = SnapshotLoaded { entries: 0, expired: 0, refused: 0 };
            for entry in entries {
                let count = if time_of(entry.deadline).is_some_and(|deadline| deadline <= database.now) {
                    &mut loaded.expired
                } else if database.put(&entry.key, entry.value, entry.deadline.min(NEVER)).is_ok() {
                    &mut loaded.entries
                } else {
                    &mut loaded.refused
                };
                *count += 1;
            }
            loaded
        })))
    }
}
