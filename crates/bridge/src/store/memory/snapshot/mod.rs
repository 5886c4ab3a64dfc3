//! Snapshots: files that keep the entries across restarts.
//!
//! # The format, version 1
//!
//! Numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `isocache` |
//! | 4 | the version of the format, 1 |
//! | 8 | the number of entries |
//! | 4 | the CRC-32 of the bytes before it |
//!
//! The entries follow, from the least to the most recently used, so that reading them in order restores the order of
//! eviction:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | the deadline in milliseconds since 1970; all ones for none |
//! | 4 | the length of the key |
//! | 4 | the length of the value |
//! | | the key, then the value |
//! | 4 | the CRC-32 of the bytes before it in the file |
//!
//! The file ends after the last entry. Each checksum covers all bytes before it except other checksums, since the CRC
//! of bytes followed by their own CRC is a constant. The first wrong checksum shows where the damage is, and an entry
//! of another snapshot is detected. CRC-32 detects all damage within four bytes, and all but one in four billion cases
//! of other damage. It does not protect against forgery: that would need a secret, stored beside the file.
//!
//! Weights are not stored. They are computed on loading, since the limits may have changed.

mod file;
mod format;
mod lock;

use std::path::{Path, PathBuf};

use isocache::engine::NEVER;

use super::database::time_of;
use super::store::MemoryStore;

pub use file::keep_damaged_aside;
pub use lock::SnapshotLock;

/// The result of writing a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotWritten {
    /// The number of entries.
    pub entries: u64,
    /// The size of the file in bytes.
    pub bytes: u64,
}

/// The result of loading a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotLoaded {
    /// The number of entries that were stored. Some may have been evicted again to keep the limits.
    pub entries: u64,
    /// The number of entries that had expired.
    pub expired: u64,
    /// The number of entries that exceed the limits of the store by themselves.
    pub refused: u64,
}

/// Why a snapshot was not written or not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The file system failed. The file may be intact.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// The operation, such as "open".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// Another process uses the file.
    #[error("{path} is in use by {holder}: give each bridge a snapshot of its own", path = path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// A description of the process.
        holder: String,
    },
    /// The file is intact, but has another version of the format.
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
        /// The position of the problem, in bytes.
        at: u64,
        /// The problem.
        problem: String,
    },
}

impl MemoryStore {
    /// Writes the live entries of one moment to a file. The file is replaced atomically: the bytes go to a temporary file
    /// beside it, which is flushed to the disk before it is renamed. Only its owner may read it.
    ///
    /// The store is locked while the entries are listed, not while they are written. Two calls with the same path must not run at
    /// the same time; [`SnapshotLock`] excludes other processes.
    ///
    /// # Errors
    /// [`SnapshotError::Io`]; the file is unchanged.
    pub fn write_snapshot(&self, path: &Path) -> Result<SnapshotWritten, SnapshotError> {
        // Clippy suggests the method itself, whose lifetime is not general enough.
        #[allow(clippy::redundant_closure_for_method_calls)]
        let live = self.with_database(|database| database.live());
        file::replace(path, |file| format::write(file, &live))
    }

    /// Loads the entries of a snapshot in the order of their last use, as if each were set now. Returns `None` if the file
    /// does not exist. The store is locked while the entries are stored, not while they are read.
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
