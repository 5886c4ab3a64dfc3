//! Several threads with one store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use isocache_protocol::{Command, Reply};

use super::support::{command, run, store};

const ROUNDS: usize = 300;

#[test]
fn counters_add_up() {
    let (store, _clock) = store();
    let commands: Vec<Command> = (0..100)
        .map(|n| if n % 2 == 0 { command(&["INCR", "n"]) } else { command(&["INCRBYFLOAT", "f", "0.5"]) })
        .collect();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    assert!(store.run(&commands).iter().all(|reply| !reply.is_error()));
                }
            });
        }
    });
    assert_eq!(run(&store, "GET n"), Reply::bulk((2 * 50 * ROUNDS).to_string()));
    assert_eq!(run(&store, "GET f"), Reply::bulk((50 * ROUNDS).to_string()));
}

/// A transaction is atomic, even if it is longer than the chunks of `run`.
#[test]
fn transactions_are_atomic() {
    let (store, _clock) = store();
    let done = AtomicBool::new(false);
    let write: Vec<Command> = (0..100).map(|n| command(&["INCR", &format!("k{n}")])).collect();
    let read: Vec<Command> = (0..100).map(|n| command(&["GET", &format!("k{n}")])).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                store.transaction(&write).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                let values = store.transaction(&read).unwrap();
                assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
            }
        });
    });
    assert_eq!(run(&store, "GET k99"), Reply::bulk(ROUNDS.to_string()));
}

#[test]
fn errors_at_run_time_are_elements_and_the_others_run() {
    let (store, _clock) = store();
    let commands = [command(&["SET", "a", "x"]), command(&["INCR", "a"]), command(&["APPEND", "a", "y"])];
    let not_an_integer = Reply::error("ERR value is not an integer or out of range");
    assert_eq!(store.transaction(&commands), Ok(vec![Reply::OK, not_an_integer, Reply::Integer(2)]));
    assert_eq!(store.transaction(&[]), Ok(Vec::new()));
}
