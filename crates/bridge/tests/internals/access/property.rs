//! No forwarded command touches a key outside the prefixes, by the keys that a real Redis finds in it.

use isocache_bridge::access::{Decision, Profile, Role, Scope, authorize, table};
use isocache_protocol::Command;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::redis_server::{Server, keys_of};
use super::scoped;

const KEYS: [&str; 11] = ["a:1", "a:2", "a:", "a", "b:1", "A:1", "aa:1", "r:1", "w:1", "a:\0", "\u{e9}"];

const NUMBERS: [&str; 13] =
    ["0", "1", "2", "3", "-1", "01", "+1", "1\0", " 1", "99999999999999999999", "18446744073709551615", "1.5", "m"];

const OPTIONS: [&str; 32] = [
    "STREAMS",
    "COUNT",
    "GROUP",
    "NOACK",
    "STORE",
    "STOREDIST",
    "BY",
    "GET",
    "LIMIT",
    "ASC",
    "ALPHA",
    "DB",
    "REPLACE",
    "WEIGHTS",
    "MATCH",
    "NX",
    "EX",
    "LEFT",
    "RIGHT",
    "MIN",
    "KEYS",
    "BLOCK",
    "streams",
    "sToRe",
    "STORE\0",
    "GET\0",
    "STREAMS\0x",
    "WITHDIST",
    "ANY",
    "GETS",
    "b:*",
    "*",
];

/// Names that are not commands.
const ODD: [&str; 9] = ["gets", "ge", "get ", "get\0", "", "xinfo|stream", "client|reply", "object", "\r\nGET"];

/// Arguments with a meaning for some command of the table.
pub fn words() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let word = |all: &'static [&'static str]| proptest::sample::select(all).prop_map(|text| text.as_bytes().to_vec());
    let anything = prop_oneof![6 => word(&KEYS), 3 => word(&NUMBERS), 2 => word(&OPTIONS)];
    // Two forms that random choice seldom produces.
    let counted = (0..3usize, word(&["1", "2", "3"]), vec(word(&KEYS), 1..5)).prop_map(|(before, count, keys)| {
        let before = vec![b"a:1".to_vec(); before];
        before.into_iter().chain([count]).chain(keys).collect()
    });
    let streams = (any::<bool>(), any::<bool>(), vec(word(&KEYS), 1..6)).prop_map(|(group, count, keys)| {
        let group: &[&str] = if group { &["GROUP", "g", "c"] } else { &[] };
        let count: &[&str] = if count { &["COUNT", "2"] } else { &[] };
        let before = group.iter().chain(count).chain(&["STREAMS"]).map(|word| word.as_bytes().to_vec());
        before.chain(keys).collect()
    });
    prop_oneof![6 => vec(anything, 0..9), 1 => counted, 1 => streams]
}

/// A command of the table, or of a mistaken or malicious name.
fn commands() -> impl Strategy<Value = Command> {
    let names: Vec<&'static str> = table::all().map(|spec| spec.name).collect();
    let name = prop_oneof![20 => proptest::sample::select(names), 1 => proptest::sample::select(&ODD[..])];
    (name, any::<bool>(), words()).prop_map(|(name, upper, rest)| {
        let name = if upper { name.to_uppercase() } else { name.to_owned() };
        let known = table::by_name(name.to_lowercase().as_bytes()).is_some();
        let own: Vec<&str> = if known { name.split('|').collect() } else { vec![&name] };
        own.into_iter().map(|word| word.as_bytes().to_vec()).chain(rest).collect()
    })
}

fn holds(name: &str, profiles: &[Profile], permitted: impl Fn(&Profile, &[u8], bool, bool) -> bool) {
    let server = Server::start(name);
    let connection = std::cell::RefCell::new(server.connect());
    let passed = std::cell::Cell::new(0_u32);
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let result = runner.run(&vec(commands(), 300), |commands| {
        let keys = keys_of(&mut connection.borrow_mut(), &commands);
        for (command, keys) in commands.iter().zip(keys) {
            let words: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
            for profile in profiles {
                if !matches!(authorize(profile, command), Decision::Forward | Decision::ForwardRewritten { .. }) {
                    continue;
                }
                for found in keys.iter().flatten() {
                    passed.set(passed.get() + 1);
                    let right = permitted(profile, &found.key, found.reads, found.writes);
                    prop_assert!(right, "{} may send {:?}", profile.name, words);
                }
            }
        }
        Ok(())
    });
    result.unwrap();
    assert!(passed.get() > 1000, "only {} keys passed, which says little", passed.get());
}

#[test]
fn forwarded_commands_touch_only_keys_of_the_prefixes() {
    let mut everything = scoped(Role::Custom, &["a:"]);
    for (class, _) in isocache_bridge::access::Allow::CLASSES {
        everything.allow.add(class).unwrap();
    }
    for spec in table::all() {
        // Commands that are never forwarded cannot be added.
        let _ = everything.allow.add(spec.name);
    }
    let profiles =
        [scoped(Role::ReadOnly, &["a:"]), scoped(Role::ReadWrite, &["a:"]), scoped(Role::Admin, &["a:"]), everything];
    holds("prefixes", &profiles, |_, key, _, _| key.starts_with(b"a:"));
}

#[test]
fn forwarded_commands_respect_read_and_write_prefixes() {
    let mut profile = scoped(Role::ReadWrite, &["r:", "a:"]);
    profile.write = Scope::prefixes(["w:", "a:"]).unwrap();
    holds("read-write", &[profile], |_, key, reads, writes| {
        let is = |prefix: &[u8]| key.starts_with(prefix) || key.starts_with(b"a:");
        (!reads || is(b"r:")) && (!writes || is(b"w:"))
    });
}
