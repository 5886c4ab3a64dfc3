//! Real servers for tests and benchmarks: each in its own folder, on free loopback ports, stopped when dropped.
//!
//! | file | what it starts |
//! |---|---|
//! | `redis` | one Redis or Valkey: TCP, TLS or Unix socket, with users, limits, a clock |
//! | `cluster` | a Redis Cluster with replicas; failover and moving slots |
//! | `sentinel` | a primary, a replica and three Sentinels |
//! | `proxy` | a TCP proxy that cuts, resets, delays, swallows and truncates |
//! | `clock` | the clock of servers, set by the test |
//! | `tools` | Valkey and Python clients, from the index of Python packages |
//! | `process` | the common part: processes that end with the test, however it ends |
//!
//! `tests/servers_start.rs` beside it shows each of them at work.

#![allow(clippy::new_without_default)]

pub mod clock;
pub mod cluster;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod sentinel;
pub mod tools;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The time limit for anything before it counts as a hang, on a machine of any speed.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// A folder that is removed when the value is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Creates a folder. Its path is short, because that of a Unix socket must be.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("isocache-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A port that was free a moment ago, outside the range from which the system chooses. So was the port of a cluster's
/// bus, 10,000 above it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = 10_000 + std::process::id() * 37 % 10_000;
    for _ in 0..10_000 {
        let port = 10_000 + (base + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let port = u16::try_from(port).unwrap();
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free(port) && free(port + 10_000) {
            return port;
        }
    }
    panic!("no port is free");
}

/// Calls `ask` repeatedly until it returns something.
///
/// # Panics
/// If it returns nothing within [`PATIENCE`].
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, &mut ask).unwrap_or_else(|| panic!("in vain waited for {what}"))
}

/// Calls `ask` repeatedly, up to a time limit, with pauses that grow to 5 ms.
pub fn within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    let mut pause = Duration::from_micros(50);
    loop {
        let answer = ask();
        if answer.is_some() || started.elapsed() > limit {
            return answer;
        }
        std::thread::sleep(pause);
        pause = (2 * pause).min(Duration::from_millis(5));
    }
}

/// The folder into which cargo builds. Anything that takes long to get is kept there.
pub fn target_folder() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    let target = executable.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    target.unwrap_or(Path::new("target")).to_owned()
}
