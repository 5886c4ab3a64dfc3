//! Snapshots of the embedded store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc32fast::Hasher;
use isocache::ManualClock;
use isocache_bridge::store::memory::{MemoryStore, MemoryStoreOptions, SnapshotError};
use isocache_protocol::{Command, Reply};

/// The time of all checks, in milliseconds since 1970.
const NOW_MS: u64 = 1_800_000_000_000;

/// The input as a file; and with checksums that fit, which chance does not find.
pub fn check(input: &[u8]) {
    let file = File::new();
    loads(&file.0, input);
    loads(&file.0, &with_checksums(input));
}

fn loads(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("the folder for temporary files is writable");
    let store = store();
    match store.load_snapshot(path) {
        Ok(Some(loaded)) => {
            assert_eq!(with_checksums(bytes), bytes, "each checksum fits what is before it");
            let count = u64::from_le_bytes(bytes[12..20].try_into().expect("it has a head"));
            assert_eq!(loaded.entries + loaded.expired + loaded.refused, count);
            assert!(size(&store) <= loaded.entries);
            let before = dump(&store);
            store.write_snapshot(path).expect("the folder for temporary files is writable");
            let again = self::store();
            let loaded = again.load_snapshot(path).expect("it is whole").expect("it is there");
            assert_eq!((loaded.expired, loaded.refused), (0, 0));
            assert_eq!(dump(&again), before);
        }
        Err(SnapshotError::Version { .. }) => assert_eq!(size(&store), 0, "nothing of it was loaded"),
        Err(SnapshotError::Damaged { at, problem, .. }) => {
            assert!(at <= bytes.len() as u64 && !problem.is_empty(), "{at} {problem}");
            assert_eq!(size(&store), 0, "nothing of it was taken over");
        }
        other => panic!("{other:?}"),
    }
}

fn store() -> MemoryStore {
    let clock = ManualClock::new();
    clock.set_ms(NOW_MS);
    let limits = MemoryStoreOptions { max_entries: 16, max_bytes: 1 << 16, ..MemoryStoreOptions::default() };
    MemoryStore::new(MemoryStoreOptions { clock: Arc::new(clock), ..limits }).expect("the options are right")
}

fn run<A: AsRef<[u8]>>(store: &MemoryStore, words: impl IntoIterator<Item = A>) -> Reply {
    store.run(&[words.into_iter().collect::<Command>()]).pop().expect("each command has a reply")
}

fn size(store: &MemoryStore) -> u64 {
    let Reply::Integer(size) = run(store, ["DBSIZE"]) else { panic!("it is a number") };
    size.try_into().expect("it is not negative")
}

/// Every key, with its value and what is left of its life.
fn dump(store: &MemoryStore) -> Vec<(Vec<u8>, Reply, Reply)> {
    let Reply::Array(keys) = run(store, ["KEYS", "*"]) else { panic!("it is a list") };
    let keys = keys.iter().map(|key| key.bytes().expect("it is a string").to_vec());
    let entry = |key: Vec<u8>| {
        let (value, life) = (run(store, [b"GET", &key[..]]), run(store, [b"PTTL", &key[..]]));
        (key, value, life)
    };
    let mut entries: Vec<_> = keys.map(entry).collect();
    entries.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    entries
}

/// The bytes with the checksums that they should have: after the head, and after each entry that is whole.
fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let (mut fixed, mut sum, mut at, mut length) = (bytes.to_vec(), Hasher::new(), 0_usize, 20);
    while let Some(end) = at.checked_add(length).filter(|end| *end <= fixed.len()) {
        sum.update(&fixed[at..end]);
        let Some(place) = fixed.get_mut(end..end + 4) else { break };
        place.copy_from_slice(&sum.clone().finalize().to_le_bytes());
        at = end + 4;
        let number = |from: usize| Some(u32::from_le_bytes(fixed.get(from..from + 4)?.try_into().ok()?) as usize);
        let (Some(key), Some(value)) = (number(at + 8), number(at + 12)) else { break };
        length = 16 + key + value;
    }
    fixed
}

/// A file that goes away with its value.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        // In memory, if the system has such a folder.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "");
        Self(folder.join(format!("isocache-fuzz-{}-{thread}", std::process::id())))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
