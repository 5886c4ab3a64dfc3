//! The store in a file, so that it outlives the process.
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
//! others; against somebody who forges files it does nothing, and nothing could, for a secret would lie beside them.
//! Weights are not stored: they are made anew, and limits may be others than before.

mod file;
mod format;

use std::path::{Path, PathBuf};

use isocache::engine::NEVER;

use super::database::time_of;
use super::store::MemoryStore;

pub use file::keep_damaged_aside;

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
    /// The file system said no.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no snapshot, or not whole. Nothing of it was taken over.
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
    /// Writes the live entries to a file, all at one moment. The file is replaced as a whole or not at all: the bytes go to
    /// `path.tmp` beside it first, and reach the disk before the file gets its name. Only its owner may read it.
    ///
    /// The lock is held while the entries are listed, not while they are written. Two calls with one path must not run at
    /// the same time.
    ///
    /// # Errors
    /// [`SnapshotError::Io`]; the file is as it was.
    pub fn write_snapshot(&self, path: &Path) -> Result<SnapshotWritten, SnapshotError> {
        // Clippy would have the method itself, whose lifetime is not general enough.
        #[allow(clippy::redundant_closure_for_method_calls)]
        let live = self.with_database(|database| database.live());
        file::replace(path, |file| format::write(file, &live))
    }

    /// Takes over the entries of a snapshot, as if each were set now, in the order of their last use. `None` if there is no
    /// such file. The lock is held while the entries are put in, not while they are read.
    ///
    /// # Errors
    /// [`SnapshotError`]; the store is as it was. A damaged file can be kept with [`keep_damaged_aside`].
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
