//! `SCAN` for tokens that may not see every key, on a real Redis.

use std::collections::BTreeSet;

use isocache_bridge::access::{Decision, Profile, Refusal, Role, ScanFilter, Scope, authorize};
use isocache_protocol::{Command, Reply};

use super::redis_server::Server;
use super::{command, line, refusal, scoped};

fn rewritten(profile: &Profile, words: &Command) -> (String, ScanFilter) {
    match authorize(profile, words) {
        Decision::ForwardRewritten { command, filter } => {
            let words: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
            (words.join(" "), filter)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_pattern_is_narrowed() {
    let one = scoped(Role::ReadWrite, &["user:42:"]);
    let several = scoped(Role::ReadWrite, &["user:42:", "user:43:"]);
    let odd = scoped(Role::ReadWrite, &["a*[b]:"]);
    for (profile, words, expected) in [
        (&one, "scan 0", "SCAN 0 MATCH user:42:*"),
        (&one, "SCAN 7 COUNT 5 TYPE hash", "SCAN 7 MATCH user:42:* COUNT 5 TYPE hash"),
        (&one, "SCAN 0 MATCH *", "SCAN 0 MATCH user:42:*"),
        (&one, "SCAN 0 MATCH user:42:a*", "SCAN 0 MATCH user:42:a*"),
        (&one, "SCAN 0 MATCH user:42:* MATCH *", "SCAN 0 MATCH user:42:*"),
        (&one, "SCAN 0 COUNT 99999999", "SCAN 0 MATCH user:42:* COUNT 10000"),
        (&several, "SCAN 0", "SCAN 0 MATCH user:4*"),
        (&odd, "SCAN 0", r"SCAN 0 MATCH a\*\[b\]:*"),
    ] {
        assert_eq!(rewritten(profile, &line(words)).0, expected, "{words}");
    }
    for words in ["SCAN", "SCAN x", "SCAN -1", "SCAN 0 MATCH", "SCAN 0 X 1", "SCAN 0 COUNT 0", "SCAN 0 COUNT x"] {
        assert!(matches!(refusal(&one, &line(words)), Some(Refusal::Malformed(..))), "{words}");
    }
    assert!(matches!(refusal(&one, &command(["SCAN", "0", "MATCH\0", "*"])), Some(Refusal::Malformed(..))));
}

fn reply(keys: Vec<Reply>) -> Reply {
    Reply::Array(vec![Reply::bulk("0"), Reply::Array(keys)])
}

#[test]
fn a_malformed_reply_to_scan_is_not_returned() {
    let (_, filter) = rewritten(&scoped(Role::ReadWrite, &["a:"]), &line("SCAN 0"));
    let keys = vec![
        Reply::bulk("a:1"),
        Reply::bulk("b:1"),
        Reply::Status("b:2".into()),
        Reply::Array(vec![Reply::bulk("a:2")]),
    ];
    assert_eq!(filter.apply(reply(keys)), reply(vec![Reply::bulk("a:1")]));
    for odd in [
        Reply::bulk("b:1"),
        Reply::Array(vec![Reply::bulk("b:1"), Reply::Array(vec![])]),
        Reply::Array(vec![Reply::bulk("0"), Reply::bulk("b:1")]),
        Reply::Array(vec![Reply::bulk("0"), Reply::Array(vec![]), Reply::bulk("b:1")]),
    ] {
        assert!(filter.apply(odd).is_error());
    }
    assert_eq!(filter.apply(Reply::error("ERR x")), Reply::error("ERR x"));
}

/// A complete scan returns exactly the requested keys in the scope.
#[test]
fn a_scan_shows_the_keys_of_the_scope_that_fit_the_pattern() {
    let server = Server::start("scan");
    let mut connection = server.connect();
    let names = ["a:", "b:", "ab:", "a*:"].into_iter().flat_map(|prefix| (0..200).map(move |n| format!("{prefix}{n}")));
    let mut all: Vec<Vec<u8>> = names.map(String::into_bytes).collect();
    all.push(b"a:\xff\x00".to_vec());
    for key in &all {
        redis::cmd("SET").arg(key).arg("").exec(&mut connection).unwrap();
    }
    for prefixes in [&["a:"][..], &["a:", "b:"], &["a*:"], &["none:"]] {
        let profile = scoped(Role::ReadWrite, prefixes);
        for pattern in ["*", "*1*", "a:1?", "[ab]:*", "a\\*:[0-5]", "\u{e9}"] {
            let mut cursor = b"0".to_vec();
            let mut shown = BTreeSet::new();
            loop {
                let asked = command([b"SCAN", &cursor[..], b"MATCH", pattern.as_bytes()]);
                let Decision::ForwardRewritten { command, filter } = authorize(&profile, &asked) else { panic!() };
                let mut ask = redis::Cmd::new();
                command.args().for_each(|arg| {
                    ask.arg(arg);
                });
                let (next, keys): (Vec<u8>, Vec<Vec<u8>>) = ask.query(&mut connection).unwrap();
                let keys = keys.into_iter().map(Reply::bulk).collect();
                let Reply::Array(parts) =
                    filter.apply(Reply::Array(vec![Reply::bulk(next.clone()), Reply::Array(keys)]))
                else {
                    panic!()
                };
                let Reply::Array(keys) = &parts[1] else { panic!() };
                for key in keys {
                    let Reply::Bulk(key) = key else { panic!() };
                    shown.insert(key.to_vec());
                }
                cursor = next;
                if cursor == b"0" {
                    break;
                }
            }
            let scope = Scope::prefixes(prefixes).unwrap();
            let fitting: BTreeSet<Vec<u8>> = redis::cmd("KEYS").arg(pattern).query(&mut connection).unwrap();
            let expected: BTreeSet<_> = fitting.into_iter().filter(|key| scope.contains(key)).collect();
            assert_eq!(shown, expected, "{prefixes:?} {pattern}");
        }
    }
}
