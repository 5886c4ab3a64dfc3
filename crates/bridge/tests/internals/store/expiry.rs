//! Expiry, with a manual clock. The replies are those of Redis at the same moment.

use std::time::Duration;

use isocache_bridge::store::memory::{MemoryStore, MemoryStoreOptions};
use isocache_protocol::Reply;

use super::support::{NOW, array, run, sorted_strings, store, store_with};

fn integer(store: &MemoryStore, line: &str) -> i64 {
    match run(store, line) {
        Reply::Integer(number) => number,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn lives_are_told_to_the_millisecond_and_rounded_to_the_second() {
    let now = i64::try_from(NOW).unwrap();
    // Commands that set the ttl, and the ttl in milliseconds.
    for (line, ttl) in [
        ("SET k v EX 10", 10_000),
        ("SET k v PX 1499", 1499),
        ("SET k v PX 1500", 1500),
        ("SET k v EXAT 1700000100", 100_000),
        ("SET k v PXAT 1700000000001", 1),
        ("SETEX k 7 v", 7000),
        ("PSETEX k 7 v", 7),
        ("GETEX k EX 5", 5000),
        ("GETEX k PXAT 1700000000099", 99),
        ("EXPIRE k 3", 3000),
        ("PEXPIRE k 3", 3),
        ("EXPIREAT k 1700000002", 2000),
        ("PEXPIREAT k 1700000000002", 2),
        ("SET k v KEEPTTL", 50_000),
        ("APPEND k v", 50_000),
        ("SETRANGE k 3 v", 50_000),
        ("COPY k k2", 50_000),
    ] {
        let (store, clock) = store();
        run(&store, "SET k v EX 50");
        run(&store, line);
        assert_eq!(integer(&store, "PTTL k"), ttl, "{line}");
        assert_eq!(integer(&store, "TTL k"), (ttl + 500) / 1000, "{line}");
        assert_eq!(integer(&store, "PEXPIRETIME k"), now + ttl, "{line}");
        assert_eq!(integer(&store, "EXPIRETIME k"), (now + ttl + 500) / 1000, "{line}");
        clock.advance(Duration::from_millis(ttl.unsigned_abs() - 1));
        assert_eq!(integer(&store, "EXISTS k"), 1, "{line}");
        assert_eq!(integer(&store, "PTTL k"), 1, "{line}");
        clock.advance(Duration::from_millis(1));
        assert_eq!(integer(&store, "EXISTS k"), 0, "{line}");
        assert_eq!(integer(&store, "TTL k"), -2, "{line}");
    }
}

#[test]
fn writes_that_end_a_life_and_those_that_do_not() {
    for (line, kept) in [
        ("SET k 1", false),
        ("GETSET k 1", false),
        ("MSET k 1", false),
        ("PERSIST k", false),
        ("GETEX k PERSIST", false),
        ("INCR k", true),
        ("INCRBYFLOAT k 0.5", true),
        ("APPEND k 1", true),
        ("GETEX k", true),
        ("SET k 1 NX", true),
        ("RENAME k k", true),
    ] {
        let (store, _clock) = store();
        run(&store, "SET k 5 PX 77");
        run(&store, line);
        assert_eq!(integer(&store, "PTTL k"), if kept { 77 } else { -1 }, "{line}");
    }
}

#[test]
fn conditions_compare_deadlines_and_none_is_the_latest() {
    for (line, with, without) in [
        ("PEXPIRE k 50 NX", 0, 1),
        ("PEXPIRE k 50 XX", 1, 0),
        ("PEXPIRE k 50 LT", 1, 1),
        ("PEXPIRE k 50 GT", 0, 0),
        ("PEXPIRE k 200 GT", 1, 0),
        ("PEXPIRE k 200 LT", 0, 1),
        ("PEXPIRE k 100 GT", 0, 0),
        ("PEXPIRE k 100 LT", 0, 1),
        ("PEXPIRE k 200 XX GT", 1, 0),
    ] {
        let (store, _clock) = store();
        run(&store, "SET k v PX 100");
        assert_eq!(integer(&store, line), with, "{line}, with a deadline");
        run(&store, "SET k v");
        assert_eq!(integer(&store, line), without, "{line}, without");
    }
}

#[test]
fn a_deadline_that_has_come_removes() {
    for line in
        ["EXPIRE k 0", "PEXPIRE k -5", "EXPIREAT k 1", "PEXPIREAT k 1700000000000", "GETEX k EXAT 5", "SET k v PXAT 9"]
    {
        let (store, _clock) = store();
        run(&store, "SET k v");
        assert!(!run(&store, line).is_error(), "{line}");
        assert_eq!(integer(&store, "EXISTS k"), 0, "{line}");
        assert_eq!(integer(&store, "DBSIZE"), 0, "{line}");
    }
}

/// Each command is the first one after the entry has expired.
#[test]
fn the_dead_are_absent_everywhere() {
    let (nil, zero) = (Reply::Nil, Reply::Integer(0));
    let empty = || Reply::Array(Vec::new());
    for (line, reply) in [
        ("GET k", nil.clone()),
        ("MGET k", Reply::Array(vec![Reply::Nil])),
        ("GETDEL k", nil.clone()),
        ("GETEX k", nil.clone()),
        ("GETSET k x", nil.clone()),
        ("SET k x XX", nil.clone()),
        ("SET k x GET", nil.clone()),
        ("STRLEN k", zero.clone()),
        ("GETRANGE k 0 -1", Reply::bulk("")),
        ("EXISTS k", zero.clone()),
        ("TOUCH k", zero.clone()),
        ("DEL k", zero.clone()),
        ("TYPE k", Reply::Status("none".into())),
        ("TTL k", Reply::Integer(-2)),
        ("EXPIRE k 9", zero.clone()),
        ("PERSIST k", zero.clone()),
        ("COPY k l", zero.clone()),
        ("RENAME k l", Reply::error("ERR no such key")),
        ("DBSIZE", zero),
        ("RANDOMKEY", nil),
        ("KEYS *", empty()),
        ("SCAN 0", Reply::Array(vec![Reply::bulk("0"), empty()])),
        ("SETNX k x", Reply::Integer(1)),
        ("MSETNX k x", Reply::Integer(1)),
        ("INCR k", Reply::Integer(1)),
        ("APPEND k xyz", Reply::Integer(3)),
        ("SETRANGE k 0 x", Reply::Integer(1)),
        ("INFO keyspace", Reply::bulk("# Keyspace\r\n")),
    ] {
        let (store, clock) = store();
        run(&store, "SET k 41 PX 10");
        clock.advance(Duration::from_millis(10));
        assert_eq!(run(&store, line), reply, "{line}");
    }
}

#[test]
fn a_crowd_that_dies_at_once_is_gone_at_once() {
    let (store, clock) = store();
    for n in 0..500 {
        run(&store, &format!("SET mortal:{n} v PX {}", 10 + n % 3));
        run(&store, &format!("SET immortal:{n} v"));
    }
    clock.advance(Duration::from_millis(11));
    let left = run(&store, "KEYS mortal:*");
    assert_eq!(sorted_strings(left).len(), 166);
    clock.advance(Duration::from_millis(1));
    assert_eq!(integer(&store, "DBSIZE"), 500);
}

#[test]
fn the_time_is_that_of_the_clock() {
    let (store, clock) = store_with(MemoryStoreOptions::default());
    clock.advance(Duration::from_millis(45));
    assert_eq!(array(run(&store, "TIME")), [Reply::bulk("1700000000"), Reply::bulk("45000")]);
}
