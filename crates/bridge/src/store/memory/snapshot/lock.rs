//! The lock that restricts a snapshot file to one process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::SnapshotError;
use super::file::{beside, failed, temporary_name};

/// An exclusive lock on a snapshot file. It is released when the value is dropped or the process ends. The locked file is
/// `path.lock`, which remains.
#[derive(Debug)]
pub struct SnapshotLock {
    _file: File,
}

impl SnapshotLock {
    /// Acquires the lock, and checks that the snapshot can be written.
    ///
    /// # Errors
    /// [`SnapshotError::InUse`] if another process holds it; the error names that process if known. [`SnapshotError::Io`] if the
    /// folder does not exist or is not writable, or if a folder has the name of the file.
    pub fn acquire(path: &Path) -> Result<Self, SnapshotError> {
        Self::check(path)?;
        let name = beside(path, "lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&name).map_err(failed("create", &name))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => {
                let mut holder = String::new();
                let known = file.take(256).read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
                let holder = if known { holder.trim().to_owned() } else { "another process".to_owned() };
                return Err(SnapshotError::InUse { path: path.to_owned(), holder });
            }
            Err(error) => return Err(failed("lock", &name)(error.into())),
        }
        let host = rustix::system::uname();
        let holder = format!("process {} on {}\n", std::process::id(), host.nodename().to_string_lossy());
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
        written.map_err(failed("write", &name))?;
        remove_unfinished(path);
        // Fail now rather than at the first snapshot if the folder is not writable.
        let probe = temporary_name(path);
        File::create(&probe).map_err(failed("create", &probe))?;
        fs::remove_file(&probe).map_err(failed("remove", &probe))?;
        Ok(Self { _file: file })
    }

    /// Checks the folder and the name of a snapshot, and changes nothing.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn check(path: &Path) -> Result<(), SnapshotError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match fs::metadata(folder) {
            Ok(folder) if folder.is_dir() => {}
            Ok(_) => return Err(failed("use the folder", folder)(io::Error::from(ErrorKind::NotADirectory))),
            Err(error) => return Err(failed("use the folder", folder)(error)),
        }
        match fs::metadata(path) {
            Ok(file) if file.is_dir() => Err(failed("read", path)(io::Error::from(ErrorKind::IsADirectory))),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("read", path)(error)),
            _ => Ok(()),
        }
    }
}

/// Removes the unfinished files of processes killed while writing. Ignores errors, since such files do no harm.
fn remove_unfinished(path: &Path) {
    let begin = beside(path, "tmp-");
    let (Some(begin), Some(folder)) = (begin.file_name().map(std::ffi::OsStr::to_os_string), path.parent()) else {
        return;
    };
    let folder: PathBuf = if folder.as_os_str().is_empty() { ".".into() } else { folder.to_owned() };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(begin.as_encoded_bytes()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
