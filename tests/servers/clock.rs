//! The wall clock of servers, in the hands of a test.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use super::Folder;

/// A clock that servers go by: the real time until it is set, then standing still.
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

    /// Makes a server go by it.
    pub fn apply(&self, command: &mut Command) {
        command.env("LD_PRELOAD", library()).env("ISOCACHE_TEST_CLOCK", self.file());
    }
}

/// The library that is loaded into the servers, compiled once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(Folder, PathBuf)> = OnceLock::new();
    let (_, path) = LIBRARY.get_or_init(|| {
        let folder = Folder::new();
        let path = folder.path().join("clock.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/clock.c");
        let compiled = Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&path).arg(source).status();
        assert!(compiled.expect("cc does not start: install a C compiler").success());
        (folder, path)
    });
    path
}
