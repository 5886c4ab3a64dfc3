//! Snapshots are written completely or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use isocache_bridge::store::memory::{
    MemoryStore, MemoryStoreOptions, SnapshotError, SnapshotLoaded, keep_damaged_aside,
};
use isocache_protocol::{Command, Reply};

use super::support::{Folder, run, sorted_strings, store, store_with};

fn temporary(path: &Path) -> PathBuf {
    path.with_extension(format!("snapshot.tmp-{}", std::process::id()))
}

fn sample(generation: u32) -> MemoryStore {
    let (store, _clock) = store();
    run(&store, &format!("SET generation {generation}"));
    run(&store, "SET mortal v PX 5000");
    let odd: Command = [&b"SET"[..], b"\xff\0\r\n", b"\0bytes\xfe"].into_iter().collect();
    let empty: Command = [&b"SET"[..], b"", b""].into_iter().collect();
    assert_eq!(store.run(&[odd, empty]), [Reply::OK, Reply::OK]);
    store
}

/// The generation of the store in the file, which must be complete.
fn generation(path: &Path) -> Reply {
    let (store, _clock) = store();
    let loaded = store.load_snapshot(path).unwrap().unwrap();
    assert_eq!(loaded, SnapshotLoaded { entries: 4, expired: 0, refused: 0 });
    assert_eq!(run(&store, "PTTL mortal"), Reply::Integer(5000));
    let odd: Command = [&b"GET"[..], b"\xff\0\r\n"].into_iter().collect();
    assert_eq!(store.run(&[odd]), [Reply::bulk(&b"\0bytes\xfe"[..])]);
    assert_eq!(run(&store, "GET "), Reply::bulk(""));
    run(&store, "GET generation")
}

fn damaged(path: &Path) -> (u64, String) {
    let (store, _clock) = store();
    run(&store, "SET own v");
    let result = store.load_snapshot(path);
    assert_eq!(sorted_strings(run(&store, "KEYS *")), [b"own"]);
    match result {
        Err(SnapshotError::Damaged { path: named, at, problem }) if named == path => (at, problem),
        other => panic!("taken for a snapshot: {other:?}"),
    }
}

#[test]
fn an_interruption_at_any_byte_loses_nothing() {
    let folder = Folder::new();
    let path = folder.path().join("store.snapshot");
    let (old, new) = (sample(1), sample(2));
    old.write_snapshot(&path).unwrap();
    let before = fs::read(&path).unwrap();
    new.write_snapshot(&path).unwrap();
    let after = fs::read(&path).unwrap();
    assert!(!temporary(&path).exists());
    for length in 0..=after.len() {
        fs::write(&path, &before).unwrap();
        // An unfinished file of an interrupted process.
        fs::write(temporary(&path), &after[..length]).unwrap();
        assert_eq!(generation(&path), Reply::bulk("1"), "{length}");
        new.write_snapshot(&path).unwrap();
        assert_eq!(generation(&path), Reply::bulk("2"), "{length}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_write_that_fails_leaves_the_file_as_it_was() {
    let folder = Folder::new();
    let path = folder.path().join("store.snapshot");
    sample(1).write_snapshot(&path).unwrap();
    // Something that cannot be overwritten.
    fs::create_dir_all(temporary(&path).join("full")).unwrap();
    let error = sample(2).write_snapshot(&path).unwrap_err();
    assert!(error.to_string().contains("store.snapshot.tmp-"), "{error}");
    assert_eq!(generation(&path), Reply::bulk("1"));
    assert!(sample(2).write_snapshot(&folder.path().join("no/such/folder")).is_err());
}

#[test]
fn a_file_cut_short_anywhere_is_refused_with_the_place() {
    let folder = Folder::new();
    let path = folder.path().join("store.snapshot");
    sample(1).write_snapshot(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let (at, problem) = damaged(&path);
        assert!(at <= length as u64 && length as u64 - at < 64, "{length}: {at}");
        assert!(problem.contains("the file ends within") || problem.contains("longer than the rest"), "{problem}");
    }
    fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
    assert_eq!(damaged(&path), (whole.len() as u64, "1 bytes follow the last entry".into()));
}

#[test]
fn a_file_with_one_wrong_bit_is_refused() {
    let folder = Folder::new();
    let path = folder.path().join("store.snapshot");
    sample(1).write_snapshot(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut wrong = whole.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &wrong).unwrap();
        damaged(&path);
    }
}

/// The checksum of each entry covers the bytes before it, so that parts of two snapshots do not form one.
#[test]
fn entries_of_two_snapshots_do_not_mix() {
    let folder = Folder::new();
    let path = folder.path().join("store.snapshot");
    let file_of = |lines: &[&str]| {
        let (store, _clock) = store();
        for line in lines {
            run(&store, line);
        }
        store.write_snapshot(&path).unwrap();
        fs::read(&path).unwrap()
    };
    let one = file_of(&["SET a 1", "SET b 1"]);
    let other = file_of(&["SET a 2", "SET b 2"]);
    let (middle, entry) = (24 + (one.len() - 24) / 2, (one.len() - 24) / 2);
    fs::write(&path, [&one[..middle], &other[middle..]].concat()).unwrap();
    let (at, problem) = damaged(&path);
    assert_eq!(at, (middle + entry - 4) as u64);
    assert!(problem.contains("entry 2 of 2"), "{problem}");
}

#[test]
fn other_files_are_refused_and_kept_aside() {
    let folder = Folder::new();
    let path = folder.path().join("store.snapshot");
    let (store, _clock) = store();
    assert_eq!(store.load_snapshot(&path).unwrap(), None);
    for (content, number) in [(&b"REDIS0010\xfa\tredis-ver"[..], 1), (b"not a snapshot at all", 2)] {
        fs::write(&path, content).unwrap();
        assert_eq!(damaged(&path), (0, "it does not begin with \"isocache\"".into()));
        let aside = keep_damaged_aside(&path).unwrap();
        assert_eq!(aside, folder.path().join(format!("store.snapshot.damaged-{number}")));
        assert_eq!(fs::read(aside).unwrap(), content);
        assert!(!path.exists());
    }
    assert!(matches!(store.load_snapshot(folder.path()), Err(SnapshotError::Io { .. })));
}

#[test]
fn a_later_version_is_refused_by_its_number() {
    let folder = Folder::new();
    let path = folder.path().join("store.snapshot");
    let head = [&b"isocache"[..], &2u32.to_le_bytes(), &0u64.to_le_bytes()].concat();
    fs::write(&path, [&head[..], &crc32fast::hash(&head).to_le_bytes()].concat()).unwrap();
    let error = store().0.load_snapshot(&path).unwrap_err();
    assert!(matches!(&error, SnapshotError::Version { version: 2, .. }), "{error}");
}

#[test]
fn deadlines_the_order_of_use_and_the_limits_of_now_hold() {
    let folder = Folder::new();
    let path = folder.path().join("store.snapshot");
    let (old, _) = store();
    for line in ["SET dead v PX 10", "SET a v", "SET b v", "SET c v PX 100", "SET d v", "GET a"] {
        run(&old, line);
    }
    run(&old, &format!("SET long {}", "v".repeat(200)));
    assert_eq!(old.write_snapshot(&path).unwrap().entries, 6);
    let options = MemoryStoreOptions { max_entries: 3, max_value_bytes: 100, ..Default::default() };
    let (new, clock) = store_with(options);
    clock.advance(Duration::from_millis(10));
    let loaded = new.load_snapshot(&path).unwrap().unwrap();
    assert_eq!(loaded, SnapshotLoaded { entries: 4, expired: 1, refused: 1 });
    assert_eq!(sorted_strings(run(&new, "KEYS *")), [b"a", b"c", b"d"]);
    assert_eq!(run(&new, "PTTL c"), Reply::Integer(90));
    run(&new, "SET e v");
    assert_eq!(sorted_strings(run(&new, "KEYS *")), [b"a", b"d", b"e"]);
}

#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.path().join("store.snapshot");
    fs::write(temporary(&path), "left behind, and readable by others").unwrap();
    sample(1).write_snapshot(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
