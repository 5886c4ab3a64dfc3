//! The wall clock of servers, controlled by a test.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use super::process::run;
use super::{Folder, target_folder};

/// A clock for servers: the real time until it is set, then standing still.
#[derive(Clone)]
pub struct ServerClock {
    folder: Arc<Folder>,
}

impl ServerClock {
    pub fn new() -> Self {
        let clock = Self { folder: Arc::new(Folder::new()) };
        std::fs::write(clock.file(), 0i64.to_le_bytes()).unwrap();
        clock
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("now")
    }

    /// Sets the time, in milliseconds since 1970. The next command that a server runs sees it.
    pub fn set_ms(&self, ms: u64) {
        let file = OpenOptions::new().write(true).open(self.file()).unwrap();
        // Eight bytes in one write, into memory that the servers have mapped.
        file.write_all_at(&ms.to_ne_bytes(), 0).unwrap();
    }

    /// Makes a server use it.
    pub fn apply(&self, command: &mut Command) {
        command.env("LD_PRELOAD", library()).env("ISOCACHE_TEST_CLOCK", self.file());
    }
}

/// The library that is loaded into the servers, compiled once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let path = target_folder().join("clock.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/clock.c");
        // Built elsewhere first: servers of other tests may have the old one loaded, and continue with it.
        let folder = Folder::new();
        let made = folder.path().join("clock.so");
        let compiled = run(Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&made).arg(source));
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let near = path.with_extension(std::process::id().to_string());
        std::fs::copy(&made, &near).unwrap();
        std::fs::rename(&near, &path).unwrap();
        path
    })
}
