//! Reading and atomically replacing snapshot files.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

use super::SnapshotError;
use super::format::{self, Unreadable};
use crate::store::memory::database::Live;

/// The maximum number of names tried for a damaged file.
const MAX_ASIDE: u32 = 10_000;

/// Turns an error of the system into a [`SnapshotError`].
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    move |source| SnapshotError::Io { action, path: path.to_owned(), source }
}

/// The path with `.` and `end` appended.
pub(super) fn beside(path: &Path, end: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}

/// The name of the temporary file that replaces another once it is complete.
pub(super) fn temporary_name(path: &Path) -> PathBuf {
    beside(path, format!("tmp-{}", std::process::id()))
}

/// Replaces the file with the output of `write`, or leaves it unchanged.
pub(super) fn replace<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<T>,
) -> Result<T, SnapshotError> {
    let temporary = temporary_name(path);
    let written = write_whole(&temporary, write);
    let replaced = written.and_then(|written| {
        fs::rename(&temporary, path).map_err(failed("replace", path))?;
        sync_folder(path)?;
        Ok(written)
    });
    if replaced.is_err() {
        // The next snapshot removes the incomplete file if this fails.
        let _ = fs::remove_file(&temporary);
    }
    replaced
}

/// Writes a file and flushes it to the disk.
fn write_whole<T>(path: &Path, write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<T>) -> Result<T, SnapshotError> {
    // Create a new file: one that an interrupted process left behind may be readable by others.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed("remove", path)(error)),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(failed("create", path))?;
    let mut buffered = BufWriter::with_capacity(1 << 16, &file);
    let written = write(&mut buffered).map_err(failed("write", path))?;
    drop(buffered);
    file.sync_all().map_err(failed("write", path))?;
    Ok(written)
}

/// Flushes the folder to the disk; a rename alone does not do that.
#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<(), SnapshotError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("write the folder of", path))
}

/// Other systems have no such operation.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> Result<(), SnapshotError> {
    Ok(())
}

/// Reads the entries of a snapshot; `None` if the file does not exist.
pub(super) fn read(path: &Path) -> Result<Option<Vec<Live>>, SnapshotError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed("open", path))?,
    };
    let size = file.metadata().map_err(failed("read", path))?.len();
    let entries = format::read(BufReader::with_capacity(1 << 16, file), size);
    entries.map(Some).map_err(|unreadable| match unreadable {
        Unreadable::Io(error) => failed("read", path)(error),
        Unreadable::Version(version) => SnapshotError::Version { path: path.to_owned(), version },
        Unreadable::Damaged { at, problem } => SnapshotError::Damaged { path: path.to_owned(), at, problem },
    })
}

/// Gives a damaged snapshot another name, so that it is not overwritten: `path.damaged-1`, or the first unused number.
/// Returns the new name.
///
/// # Errors
/// [`SnapshotError::Io`]; the file keeps its name.
pub fn keep_damaged_aside(path: &Path) -> Result<PathBuf, SnapshotError> {
    for number in 1..=MAX_ASIDE {
        let aside = beside(path, format!("damaged-{number}"));
        if !aside.try_exists().map_err(failed("look for", &aside))? {
            fs::rename(path, &aside).map_err(failed("rename", path))?;
            return Ok(aside);
        }
    }
    Err(failed("rename", path)(io::Error::other("there are too many damaged snapshots beside it")))
}
