//! Compares the store with a real Redis: the same commands give the same replies.

use isocache_bridge::store::memory::{MemoryStore, MemoryStoreOptions};
use isocache_protocol::{Command, Reply};

use super::generator;
use super::oracle::Oracle;
use super::support::{Random, array, command, sorted_strings};

/// The maximum difference between the times of the two servers for one command, in seconds.
const SKEW: i64 = 60;

fn show(command: &Command) -> String {
    command.args().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
}

/// Whether the replies agree.
fn same(command: &Command, own: &Reply, redis: &Reply) -> bool {
    let near = |unit: i64| match (own, redis) {
        (Reply::Integer(own), Reply::Integer(redis)) if *own > 0 && *redis > 0 => {
            own.abs_diff(*redis) < SKEW.unsigned_abs() * unit.unsigned_abs()
        }
        _ => own == redis,
    };
    if own.is_error() || redis.is_error() {
        return own == redis;
    }
    match command.name().to_ascii_uppercase().as_slice() {
        b"TTL" | b"EXPIRETIME" => near(1),
        b"PTTL" | b"PEXPIRETIME" => near(1000),
        b"KEYS" => sorted_strings(own.clone()) == sorted_strings(redis.clone()),
        // Any key; other commands check that it exists.
        b"RANDOMKEY" => matches!((own, redis), (Reply::Nil, Reply::Nil) | (Reply::Bulk(_), Reply::Bulk(_))),
        b"TIME" => array(own.clone()).len() == 2 && array(redis.clone()).len() == 2,
        b"INFO" => matches!(own, Reply::Bulk(_)),
        b"SCAN" => {
            let (own, redis) = (array(own.clone()), array(redis.clone()));
            let whole = |scan: &[Reply]| scan[0] == Reply::bulk("0");
            let from_start = matches!(command.arg(1), Some(b"0"));
            let keys = |scan: &[Reply]| sorted_strings(scan[1].clone());
            !from_start || !whole(&own) || !whole(&redis) || keys(&own) == keys(&redis)
        }
        _ => own == redis,
    }
}

#[track_caller]
fn compare(history: &[Command], own: &[Reply], redis: &[Reply]) {
    assert_eq!(own.len(), redis.len());
    for (at, ((command, own), redis)) in history.iter().zip(own).zip(redis).enumerate() {
        let before = || history[..at].iter().rev().take(12).rev().map(show).collect::<Vec<_>>().join("\n");
        assert!(
            same(command, own, redis),
            "{}\n  store: {own:?}\n  redis: {redis:?}\nafter\n{}",
            show(command),
            before()
        );
    }
}

fn state(store: &MemoryStore, oracle: &mut Oracle) {
    let all = [command(&["KEYS", "*"]), command(&["DBSIZE"])];
    let (own, redis) = (store.run(&all), oracle.run(&all));
    compare(&all, &own, &redis);
    let keys = sorted_strings(own[0].clone());
    let reads: Vec<Command> = keys
        .iter()
        .flat_map(|key| [&b"GET"[..], b"PTTL", b"PEXPIRETIME", b"TYPE"].map(|name| [name, key].into_iter().collect()))
        .collect();
    compare(&reads, &store.run(&reads), &oracle.run(&reads));
}

#[test]
fn redis_gives_the_same_replies_to_random_commands() {
    let mut oracle = Oracle::start();
    for seed in 1..=60u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let store = MemoryStore::new(MemoryStoreOptions::default()).unwrap();
        oracle.run(&[command(&["FLUSHALL"])]);
        for _ in 0..8 {
            let commands: Vec<Command> = (0..100).map(|_| generator::command(&mut random)).collect();
            compare(&commands, &store.run(&commands), &oracle.run(&commands));
            if random.one_in(2) {
                let length = random.below(8);
                let commands: Vec<Command> = (0..length).map(|_| generator::command(&mut random)).collect();
                match (store.transaction(&commands), oracle.transaction(&commands)) {
                    (Ok(own), Ok(redis)) => compare(&commands, &own, &redis),
                    (own, redis) => assert_eq!(own, redis, "{:?}", commands.iter().map(show).collect::<Vec<_>>()),
                }
            }
        }
        state(&store, &mut oracle);
    }
}

/// Commands that the store lacks, and intended differences from Redis.
#[test]
fn commands_that_are_not_there_are_named() {
    let store = MemoryStore::new(MemoryStoreOptions::default()).unwrap();
    let error = |words: &[&str]| match store.run(&[command(words)]).remove(0) {
        Reply::Error(text) => String::from_utf8_lossy(&text).into_owned(),
        other => panic!("{words:?}: {other:?}"),
    };
    for name in ["LPUSH", "evil\r\nname", "", "MULTI", "HELLO", "GETT", "A-NAME-LONGER-THAN-ANY"] {
        let text = error(&[name, "a"]);
        let on_one_line = name.replace(['\r', '\n'], " ");
        assert!(text.starts_with(&format!("ERR unknown command '{on_one_line}'")), "{text}");
        assert!(text.contains("embedded store") && text.contains("Redis"), "{text}");
        assert!(!text.contains(['\r', '\n']));
        assert_eq!(
            store.transaction(&[command(&["SET", "a", "1"]), command(&[name])]),
            Err("EXECABORT Transaction discarded because of previous errors.".into())
        );
    }
    assert!(error(&[&"x".repeat(10_000)]).len() < 300);
    assert!(error(&["SUBSCRIBE", "a"]).contains("stream"));
    assert_eq!(store.run(&[Command::new()]).len(), 1);
    assert_eq!(store.run(&[command(&["EXISTS", "a"])]), [Reply::Integer(0)]);
}
