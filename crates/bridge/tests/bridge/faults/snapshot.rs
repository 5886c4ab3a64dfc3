//! The file that keeps the store in memory across restarts.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::Caller;
use crate::support::{Bridge, Start, StoreKind, send};
use servers::clock::ServerClock;
use servers::{PATIENCE, eventually};

/// The size of the unfinished file.
fn unfinished(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let unfinished = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("cache.snapshot.tmp-"));
    unfinished.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).max().unwrap_or(0)
}

fn start(interval: u64) -> Start {
    Start::config(format!("[store]\nsnapshot = \"{{folder}}/cache.snapshot\"\nsnapshot-interval = {interval}\n"))
}

/// Removes a folder into which the bridge may be writing at the moment.
fn remove(folder: &Path) {
    eventually("the folder to be removed", || {
        let removed = std::fs::remove_dir_all(folder);
        (removed.is_ok() || !folder.exists()).then_some(())
    });
}

fn file(start: &mut Start, name: &str) -> PathBuf {
    start.folder().path().join(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_and_their_ttls_survive_a_restart() {
    let clock = ServerClock::new();
    clock.set_ms(1_800_000_000_000);
    let bridge = Bridge::start(StoreKind::Memory, Start { clock: Some(clock.clone()), ..start(3600) });
    bridge.logs("no snapshot yet");
    let nobody = bridge.nobody();
    let body: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    assert_eq!(nobody.post("/set/bytes", body.clone()).await.result(), "OK");
    for words in
        [vec!["SET", "lasting", "1"], vec!["SET", "minute", "2", "EX", "60"], vec!["SET", "second", "3", "PX", "1000"]]
    {
        assert_eq!(nobody.result(&words).await, "OK");
    }
    let (log, store, start) = bridge.stop();
    assert!(log.contains("snapshot written") && log.contains("entries=4"), "{log}");

    clock.set_ms(1_800_000_010_000);
    let bridge = Bridge::start(store, start);
    bridge.logs("snapshot loaded");
    assert!(bridge.log().contains("entries=3 expired=1"), "{}", bridge.log());
    let nobody = bridge.nobody();
    assert_eq!(nobody.result(&["MGET", "lasting", "minute", "second"]).await, json!(["1", "2", null]));
    assert_eq!(nobody.result(&["PTTL", "minute"]).await, 50_000);
    assert_eq!(nobody.result(&["PTTL", "lasting"]).await, -1);
    let raw = nobody.request(reqwest::Method::GET, "/get/bytes").header("upstash-response-format", "resp2");
    assert_eq!(nobody.send(raw).await.body, [b"$10000\r\n", &body[..], b"\r\n"].concat());
    clock.set_ms(1_800_000_060_000);
    assert_eq!(nobody.result(&["GET", "minute"]).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_kept_aside() {
    let bridge = Bridge::start(StoreKind::Memory, start(3600));
    assert_eq!(bridge.nobody().result(&["SET", "k", "v"]).await, "OK");
    let (_, store, mut start) = bridge.stop();
    let path = file(&mut start, "cache.snapshot");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 6;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();

    let bridge = Bridge::start(store, start);
    bridge.logs("the store begins empty");
    let log = bridge.log();
    assert!(log.contains("ERROR") && log.contains("is not a usable snapshot: at byte"), "{log}");
    assert_eq!(bridge.nobody().result(&["DBSIZE"]).await, 0);
    assert_eq!(bridge.nobody().result(&["SET", "k", "new"]).await, "OK");
    let (log, store, mut start) = bridge.stop();
    let kept = std::fs::read_dir(start.folder().path()).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<_> = kept.filter(|path| std::fs::read(path).unwrap() == bytes).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0] != path && log.contains(&kept[0].display().to_string()), "{kept:?} {log}");
    assert_eq!(Bridge::start(store, start).nobody().result(&["GET", "k"]).await, "new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_costs_one_interval_at_most() {
    let mut start = start(1);
    let path = file(&mut start, "cache.snapshot");
    let bridge = Bridge::start(StoreKind::Memory, start);
    assert_eq!(bridge.nobody().result(&["SET", "k", "v"]).await, "OK");
    let written = || bridge.log().matches("snapshot written").count();
    let before = written();
    // The first one may have begun before the entry existed.
    eventually("two snapshots", || (written() >= before + 2 && path.exists()).then_some(()));
    bridge.signal("-KILL");
    let (_, _, store, start) = bridge.wait();
    assert_eq!(Bridge::start(store, start).nobody().result(&["GET", "k"]).await, "v");
}

const ENTRIES: usize = 24;

/// Writes one generation of large values.
async fn generation(caller: &Caller, number: u8) {
    for entry in 0..ENTRIES {
        let set = caller.post(&format!("/set/k{entry}"), vec![b'0' + number; 2 << 20]).await;
        assert_eq!(set.result(), "OK");
    }
}

/// The generation of each value; `None` if it is absent.
async fn generations(caller: &Caller) -> Vec<Option<String>> {
    let mut found = Vec::new();
    for entry in 0..ENTRIES {
        let value = caller.result(&["GETRANGE", &format!("k{entry}"), "0", "0"]).await;
        found.push(value.as_str().filter(|first| !first.is_empty()).map(str::to_owned));
    }
    found
}

/// After a kill during a write, the file has one complete generation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_writes() {
    let bridge = Bridge::start(StoreKind::Memory, start(3600));
    generation(&bridge.nobody(), 1).await;
    let (_, mut store, mut start) = bridge.stop();
    let (path, folder) = (file(&mut start, "cache.snapshot"), start.folder().path().to_owned());
    let first = std::fs::metadata(&path).unwrap().len();
    assert!(first > (ENTRIES as u64) << 21);
    for (number, share) in [(2, 100), (3, 4), (4, 2)] {
        let bridge = Bridge::start(store, start);
        assert!(!bridge.log().contains("ERROR"), "{}", bridge.log());
        let before = generations(&bridge.nobody()).await;
        assert!(before[0].is_some() && before.iter().all(|one| *one == before[0]), "{before:?}");
        generation(&bridge.nobody(), number).await;
        bridge.signal("-TERM");
        let enough = first / share;
        let id = bridge.id();
        // Kill it during the write, or after it if the write is faster.
        eventually("the snapshot to be under way", || {
            let size = unfinished(&folder);
            (size >= enough || bridge.log().contains("snapshot written")).then_some(())
        });
        send("-KILL", id);
        (_, _, store, start) = bridge.wait();
    }
    // The files that a crash leaves behind do no harm.
    std::fs::write(folder.join("cache.snapshot.tmp-1"), b"half of a snapsh").unwrap();
    let bridge = Bridge::start(store, start);
    assert!(!bridge.log().contains("ERROR"), "{}", bridge.log());
    let found = generations(&bridge.nobody()).await;
    assert!(found[0].is_some() && found.iter().all(|one| *one == found[0]), "{found:?}");
    bridge.stop();
}

/// The operator learns that no snapshot was written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_cannot_be_written() {
    let more = "[store]\nsnapshot = \"{folder}/sub/cache.snapshot\"\nsnapshot-interval = \"50ms\"\nsnapshot-in-readyz = true\n";
    let mut start = Start::config(more);
    let folder = start.folder();
    let folder = folder.path().join("sub");
    std::fs::create_dir(&folder).unwrap();
    let bridge = Bridge::start(StoreKind::Memory, start);
    let (nobody, port) = (bridge.nobody(), bridge.address);
    assert_eq!(nobody.result(&["SET", "k", "v"]).await, "OK");
    bridge.logs("snapshot written");
    assert_eq!(nobody.get("/readyz").await.status, 200);
    remove(&folder);
    // One may have failed, and another succeeded, while the folder was being removed.
    let failures = || bridge.log().matches("the snapshot was not written: ").count();
    let before = failures();
    eventually("a snapshot to fail", || (failures() > before).then_some(()));
    let ready = nobody.get("/readyz").await;
    assert_eq!(ready.error(), (503, "ERR the last snapshot failed".into()), "{port}");
    assert_eq!(nobody.get("/livez").await.status, 200);
    assert_eq!(nobody.result(&["GET", "k"]).await, "v", "it serves all the same");
    let metrics = nobody.get("/metrics").await.text();
    let value = |line: &str| {
        let found = metrics.lines().find_map(|found| found.strip_prefix(line));
        found.unwrap_or_else(|| panic!("{line} is not in {metrics}")).trim().parse::<u64>().unwrap()
    };
    assert!(value("isocache_snapshots_total{store=\"memory\",outcome=\"written\"}") >= 1);
    assert!(value("isocache_snapshots_total{store=\"memory\",outcome=\"failed\"}") >= 1);
    assert!(value("isocache_last_snapshot_seconds{store=\"memory\"}") > 1_700_000_000);
    // It recovers by itself.
    std::fs::create_dir(&folder).unwrap();
    let ready = async { while nobody.get("/readyz").await.status != 200 {} };
    tokio::time::timeout(PATIENCE, ready).await.expect("it is not ready again");
    remove(&folder);
    bridge.signal("-TERM");
    let (status, log, _, _) = bridge.wait();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("isocache: the snapshot was not written: "), "{log}");
}

fn refuses(start: Start, words: &[&str]) -> Start {
    let (mut again, folder) = (start.clone(), start.folder.clone());
    let output = start.fails();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
    again.folder = folder;
    again
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "isocache.toml" && !name.ends_with("snapshot.lock"));
    names.sort();
    names
}

/// A file that cannot be read is not a damaged one: the bridge does not start, and renames nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_read_is_left_alone() {
    let bridge = Bridge::start(StoreKind::Memory, start(3600));
    assert_eq!(bridge.nobody().result(&["SET", "k", "v"]).await, "OK");
    let (_, store, mut start) = bridge.stop();
    let (path, folder) = (file(&mut start, "cache.snapshot"), start.folder());
    let good = std::fs::read(&path).unwrap();

    // A folder in its place.
    std::fs::rename(&path, path.with_extension("good")).unwrap();
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("precious"), "x").unwrap();
    let start = refuses(start, &["cache.snapshot", "directory"]);
    assert_eq!(names(folder.path()), ["cache.good", "cache.snapshot"]);
    assert!(path.join("precious").exists());
    std::fs::remove_dir_all(&path).unwrap();

    // A loop of links, whose error is neither of the file's permissions nor of its absence.
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let start = refuses(start, &["cannot", "cache.snapshot"]);
    assert_eq!(names(folder.path()), ["cache.good", "cache.snapshot"]);
    std::fs::remove_file(&path).unwrap();

    // The format of a later release.
    let mut later = good.clone();
    later[8] = 2;
    let sum = crc32fast::hash(&later[..20]).to_le_bytes();
    later[20..24].copy_from_slice(&sum);
    std::fs::write(&path, &later).unwrap();
    let start = refuses(start, &["has version 2 of the format"]);
    assert_eq!(std::fs::read(&path).unwrap(), later);

    // No permission. Root could read it all the same, unless it gives up that capability.
    std::fs::write(&path, &good).unwrap();
    let nobody_may = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(&path, nobody_may).unwrap();
    let as_user = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"].map(str::to_owned);
    let is_root = std::fs::read(&path).is_ok();
    let runner = if is_root { as_user.to_vec() } else { Vec::new() };
    let start = refuses(Start { runner, ..start }, &["cannot open", "cache.snapshot", "Permission denied"]);
    assert_eq!(names(folder.path()), ["cache.good", "cache.snapshot"]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), good);

    let start = Start { runner: Vec::new(), ..start };
    let bridge = Bridge::start(store, start);
    assert_eq!(bridge.nobody().result(&["GET", "k"]).await, "v");
    bridge.stop();
}

/// With any number of file descriptors, the file stays as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_few_file_descriptors() {
    let bridge = Bridge::start(StoreKind::Memory, start(3600));
    assert_eq!(bridge.nobody().result(&["SET", "k", "v"]).await, "OK");
    let (_, _, mut start) = bridge.stop();
    let (path, folder) = (file(&mut start, "cache.snapshot"), start.folder());
    let good = std::fs::read(&path).unwrap();
    // It cannot listen either, so that it ends with whatever limit.
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap().to_string();
    let mut failures = Vec::new();
    for limit in 4..64 {
        let output = Start { runner: vec!["prlimit".into(), format!("--nofile={limit}")], ..start.clone() }
            .arg(&["--listen", &address, "--store", "memory"])
            .fails();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(names(folder.path()), ["cache.snapshot"], "{limit}: {text}");
        assert_eq!(std::fs::read(&path).unwrap(), good, "{limit}: {text}");
        failures.push(text);
    }
    // Among them is the one that has just too few for the snapshot.
    let at_snapshot = |text: &String| text.contains("cache.snapshot") && text.contains("Too many open files");
    assert!(failures.iter().any(at_snapshot), "{failures:#?}");
}

#[test]
fn a_folder_that_does_not_exist_is_noticed_at_start() {
    refuses(
        Start::config("[store]\nsnapshot = \"{folder}/gone/cache.snapshot\"\n"),
        &["cannot use the folder", "/gone"],
    );
    refuses(Start::args(&["--snapshot", "/nowhere/at/all/cache.snapshot"]), &["cannot use the folder /nowhere/at/all"]);
    refuses(Start::args(&["--snapshot", "/proc/cache.snapshot"]), &["/proc/cache.snapshot"]);
}

/// Two bridges on one file would replace each other's entries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_has_one_bridge() {
    let first = Bridge::start(StoreKind::Memory, start(3600));
    assert_eq!(first.nobody().result(&["SET", "k", "first"]).await, "OK");
    let other = Start { folder: first.start.folder.clone(), config: first.start.config.clone(), ..Start::default() };
    let process = format!("process {}", first.id());
    let other = refuses(other, &["cache.snapshot is in use by", &process]);
    // Another path to the same file is the same file.
    let folder = first.start.folder.clone().unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("link")).unwrap();
    let path = folder.path().join("link/cache.snapshot").display().to_string();
    refuses(Start::args(&["--snapshot", &path]), &["is in use by", &process]);
    // --check ignores the lock and does not touch it.
    let mut check = other.clone().arg(&["--check"]);
    let file = check.config_file().display().to_string();
    let output = crate::support::isocache(&["serve", "--config", &file, "--check"], "", None);
    assert!(output.status.success(), "{output:?}");
    let (_, store, start) = first.stop();
    let second = Bridge::start(store, start);
    assert_eq!(second.nobody().result(&["GET", "k"]).await, "first");
    // A crash leaves no lock behind.
    second.signal("-KILL");
    let (_, _, store, start) = second.wait();
    assert_eq!(Bridge::start(store, start).nobody().result(&["GET", "k"]).await, "first");
}
