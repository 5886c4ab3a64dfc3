//! The file in which the store in memory outlives the process.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::client::Caller;
use crate::support::{Behind, Bridge, Start, send};
use servers::clock::ServerClock;
use servers::eventually;

fn start(interval: u64) -> Start {
    Start::config(format!("[store]\nsnapshot = \"{{folder}}/cache.snapshot\"\nsnapshot-interval = {interval}\n"))
}

fn file(start: &mut Start, name: &str) -> PathBuf {
    start.folder().path().join(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_and_their_lives_survive_a_restart() {
    let clock = ServerClock::new();
    clock.set_ms(1_800_000_000_000);
    let bridge = Bridge::start(Behind::Memory, Start { clock: Some(clock.clone()), ..start(3600) });
    bridge.logs("no snapshot yet");
    let nobody = bridge.nobody();
    let body: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    assert_eq!(nobody.post("/set/bytes", body.clone()).await.result(), "OK");
    for words in
        [vec!["SET", "lasting", "1"], vec!["SET", "minute", "2", "EX", "60"], vec!["SET", "second", "3", "PX", "1000"]]
    {
        assert_eq!(nobody.result(&words).await, "OK");
    }
    let (log, behind, start) = bridge.stop();
    assert!(log.contains("snapshot written") && log.contains("entries=4"), "{log}");

    clock.set_ms(1_800_000_010_000);
    let bridge = Bridge::start(behind, start);
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
    let bridge = Bridge::start(Behind::Memory, start(3600));
    assert_eq!(bridge.nobody().result(&["SET", "k", "v"]).await, "OK");
    let (_, behind, mut start) = bridge.stop();
    let path = file(&mut start, "cache.snapshot");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 6;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();

    let bridge = Bridge::start(behind, start);
    bridge.logs("the store begins empty");
    let log = bridge.log();
    assert!(log.contains("ERROR") && log.contains("is not a usable snapshot: at byte"), "{log}");
    assert_eq!(bridge.nobody().result(&["DBSIZE"]).await, 0);
    assert_eq!(bridge.nobody().result(&["SET", "k", "new"]).await, "OK");
    let (log, behind, mut start) = bridge.stop();
    let kept = std::fs::read_dir(start.folder().path()).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<_> = kept.filter(|path| std::fs::read(path).unwrap() == bytes).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0] != path && log.contains(&kept[0].display().to_string()), "{kept:?} {log}");
    assert_eq!(Bridge::start(behind, start).nobody().result(&["GET", "k"]).await, "new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_costs_one_interval_at_most() {
    let mut start = start(1);
    let path = file(&mut start, "cache.snapshot");
    let bridge = Bridge::start(Behind::Memory, start);
    assert_eq!(bridge.nobody().result(&["SET", "k", "v"]).await, "OK");
    let written = || bridge.log().matches("snapshot written").count();
    let before = written();
    // The first may have begun before the entry was there.
    eventually("two snapshots", || (written() >= before + 2 && path.exists()).then_some(()));
    bridge.signal("-KILL");
    let (_, _, behind, start) = bridge.wait();
    assert_eq!(Bridge::start(behind, start).nobody().result(&["GET", "k"]).await, "v");
}

const ENTRIES: usize = 24;

/// Writes one generation of large values.
async fn generation(caller: &Caller, number: u8) {
    for entry in 0..ENTRIES {
        let set = caller.post(&format!("/set/k{entry}"), vec![b'0' + number; 2 << 20]).await;
        assert_eq!(set.result(), "OK");
    }
}

/// The generation of each value; `None` for what is not there.
async fn generations(caller: &Caller) -> Vec<Option<String>> {
    let mut found = Vec::new();
    for entry in 0..ENTRIES {
        let value = caller.result(&["GETRANGE", &format!("k{entry}"), "0", "0"]).await;
        found.push(value.as_str().filter(|first| !first.is_empty()).map(str::to_owned));
    }
    found
}

/// Killed while it writes, it has one generation or the other, whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_writes() {
    let bridge = Bridge::start(Behind::Memory, start(3600));
    generation(&bridge.nobody(), 1).await;
    let (_, mut behind, mut start) = bridge.stop();
    let (path, unfinished) = (file(&mut start, "cache.snapshot"), file(&mut start, "cache.snapshot.tmp"));
    let first = std::fs::metadata(&path).unwrap().len();
    assert!(first > (ENTRIES as u64) << 21);
    for (number, share) in [(2, 100), (3, 4), (4, 2)] {
        let bridge = Bridge::start(behind, start);
        assert!(!bridge.log().contains("ERROR"), "{}", bridge.log());
        let before = generations(&bridge.nobody()).await;
        assert!(before[0].is_some() && before.iter().all(|one| *one == before[0]), "{before:?}");
        generation(&bridge.nobody(), number).await;
        bridge.signal("-TERM");
        let enough = first / share;
        let id = bridge.id();
        // Killed at some point of the writing, or after it if that was quicker.
        eventually("the snapshot to be under way", || {
            let size = std::fs::metadata(&unfinished).map_or(0, |file| file.len());
            (size >= enough || bridge.log().contains("snapshot written")).then_some(())
        });
        send("-KILL", id);
        (_, _, behind, start) = bridge.wait();
    }
    // What a crash leaves behind is in nobody's way.
    std::fs::write(&unfinished, b"half of a snapsh").unwrap();
    let bridge = Bridge::start(behind, start);
    assert!(!bridge.log().contains("ERROR"), "{}", bridge.log());
    let found = generations(&bridge.nobody()).await;
    assert!(found[0].is_some() && found.iter().all(|one| *one == found[0]), "{found:?}");
    bridge.stop();
}

/// An operator learns that nothing was kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_cannot_be_written() {
    let bridge = Bridge::start(Behind::Memory, Start::config("[store]\nsnapshot = \"{folder}/gone/cache.snapshot\"\n"));
    assert_eq!(bridge.nobody().result(&["SET", "k", "v"]).await, "OK");
    bridge.signal("-TERM");
    let (status, log, _, _) = bridge.wait();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("isocache: the snapshot was not written: "), "{log}");
}
