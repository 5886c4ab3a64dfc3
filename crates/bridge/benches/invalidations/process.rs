//! A bridge with room for many streams.

use servers::Folder;

#[path = "../bridge/process.rs"]
mod bridge;

pub use bridge::{Bridge, TOKEN, pid_of, processor_seconds, resident_bytes};

/// Starts a bridge before this store, which Redis tells of keys with these prefixes.
pub fn start(store: &str, prefixes: &[String]) -> (Bridge, Folder) {
    let folder = Folder::new();
    let file = folder.path().join("isocache.toml");
    let config = format!(
        "[limits]\nmax-streams = 2000\n[server]\nmax-streams = 2000\n[invalidations]\nprefixes = {prefixes:?}\n"
    );
    std::fs::write(&file, config).expect("the folder is writable");
    let file = file.to_str().expect("the path is text").to_owned();
    (Bridge::start(store, 1, &["--config", &file]), folder)
}
