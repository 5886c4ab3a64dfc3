//! Shared helpers of the store's tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use isocache::ManualClock;
use isocache_bridge::store::memory::{MemoryStore, MemoryStoreOptions};
use isocache_protocol::{Command, Reply};

/// A moment in 2023.
pub const NOW: u64 = 1_700_000_000_000;

pub fn command(words: &[&str]) -> Command {
    words.iter().collect()
}

/// Runs one command, with arguments separated by spaces.
pub fn run(store: &MemoryStore, line: &str) -> Reply {
    let command: Command = line.split(' ').collect();
    let mut replies = store.run(&[command]);
    assert_eq!(replies.len(), 1, "{line}");
    replies.remove(0)
}

/// A store whose clock stands still at [`NOW`].
#[allow(clippy::needless_pass_by_value)]
pub fn store_with(options: MemoryStoreOptions) -> (MemoryStore, ManualClock) {
    let clock = ManualClock::new();
    clock.set_ms(NOW);
    let store = MemoryStore::new(MemoryStoreOptions { clock: Arc::new(clock.clone()), ..options }).unwrap();
    (store, clock)
}

pub fn store() -> (MemoryStore, ManualClock) {
    store_with(MemoryStoreOptions::default())
}

pub fn array(reply: Reply) -> Vec<Reply> {
    match reply {
        Reply::Array(replies) => replies,
        other => panic!("not an array: {other:?}"),
    }
}

/// The strings of an array, in order.
pub fn sorted_strings(reply: Reply) -> Vec<Vec<u8>> {
    let mut strings: Vec<_> = array(reply)
        .into_iter()
        .map(|reply| match reply {
            Reply::Bulk(bytes) => bytes.to_vec(),
            other => panic!("not a string: {other:?}"),
        })
        .collect();
    strings.sort_unstable();
    strings
}

/// A temporary folder.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("isocache-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
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

/// A sequence that is the same in every run (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
