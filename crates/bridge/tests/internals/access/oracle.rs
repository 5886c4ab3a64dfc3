//! Compares the table with the description that a real Redis 7.0 gives of its commands.

use std::collections::{BTreeMap, BTreeSet};

use isocache_bridge::access::keys::{Keys, Parser};
use isocache_bridge::access::table::{self, Class, Effect, Rule, Spec, Why};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use redis::Value;

use super::property::words;
use super::redis_server::{Found, Server, access_of, keys_of};

/// A command as the server describes it.
struct Described {
    flags: Vec<String>,
    positions: (i64, i64, i64),
    /// What the key specifications allow to be done with any of the keys, but those of what is no key.
    reads: bool,
    writes: bool,
}

fn texts(value: &Value) -> Vec<String> {
    redis::from_redis_value(value.clone()).unwrap()
}

fn number(value: &Value) -> i64 {
    redis::from_redis_value(value.clone()).unwrap()
}

fn describe(commands: &Value, into: &mut BTreeMap<String, Described>) {
    let Value::Array(commands) = commands else { panic!("not a list of commands") };
    for command in commands {
        let Value::Array(parts) = command else { panic!("not a command") };
        let [name, _, flags, first, last, step, _, _, specs, subcommands] = &parts[..] else { panic!("not 7.0") };
        let name: String = redis::from_redis_value(name.clone()).unwrap();
        let Value::Array(specs) = specs else { panic!("no key specifications") };
        let mut described = Described {
            flags: texts(flags),
            positions: (number(first), number(last), number(step)),
            reads: false,
            writes: false,
        };
        for spec in specs {
            let Value::Array(fields) = spec else { panic!("not a key specification") };
            let at = fields.chunks(2).find(|pair| pair[0] == Value::BulkString(b"flags".to_vec())).unwrap();
            let flags = texts(&at[1]);
            if !flags.iter().any(|flag| flag == "not_key") {
                let (reads, writes) = access_of(&flags);
                described.reads |= reads;
                described.writes |= writes;
            }
        }
        into.insert(name, described);
        describe(subcommands, into);
    }
}

fn described(server: &Server) -> BTreeMap<String, Described> {
    let mut all = BTreeMap::new();
    describe(&redis::cmd("COMMAND").query(&mut server.connect()).unwrap(), &mut all);
    assert!(all.len() > 300, "only {} commands", all.len());
    all
}

/// The table's entry of a command of the server: its own, or that of a command which is refused with all its subcommands.
fn entry(name: &str) -> Option<&'static Spec> {
    table::by_name(name.as_bytes()).or_else(|| {
        let parent = table::by_name(name.split_once('|')?.0.as_bytes())?;
        matches!(parent.class, Class::Never(why) if why != Why::Incomplete).then_some(parent)
    })
}

fn positions(spec: &Spec) -> (i64, i64, i64) {
    match spec.keys {
        Keys::Range { first, last, step, .. } => (first.into(), last.into(), step.into()),
        Keys::Pair(..) | Keys::Parsed(Parser::Copy) => (1, 2, 1),
        Keys::Into { at, .. } => (at.into(), -1, 1),
        Keys::IntoCounted | Keys::Parsed(Parser::Set | Parser::Sort | Parser::SortRo | Parser::GeoRadius { .. }) => {
            (1, 1, 1)
        }
        Keys::None
        | Keys::Counted { .. }
        | Keys::CountedPairs { .. }
        | Keys::Parsed(Parser::XRead | Parser::XReadGroup) => (0, 0, 0),
    }
}

/// What the table holds to be more than the server says, because of what the commands response: `ZADD … INCR` a score, the
/// others entries of the stream.
const READ_TOO: [&str; 3] = ["xautoclaim", "xclaim", "zadd"];

#[test]
fn every_command_of_the_server_is_in_the_table_as_the_server_describes_it() {
    let mut wrong = Vec::new();
    for (name, server) in described(&Server::start("table")) {
        let Some(spec) = entry(&name) else {
            wrong.push(format!("{name} is missing"));
            continue;
        };
        if let Class::Never(_) = spec.class {
            continue;
        }
        let is = |flag: &str| server.flags.iter().any(|own| own == flag);
        let effect = match (is("readonly"), is("write")) {
            (true, _) => Effect::Reads,
            (_, true) => Effect::Writes,
            _ => Effect::Neither,
        };
        if spec.effect != effect {
            wrong.push(format!("{name}: {:?} and not {effect:?}", spec.effect));
        }
        // The channel of SPUBLISH is listed as if it was a key.
        if spec.rule != Rule::Channel && positions(spec) != server.positions {
            wrong.push(format!("{name}: {:?} and not {:?}", positions(spec), server.positions));
        }
        if is("blocking") && !matches!(spec.keys, Keys::Parsed(Parser::XRead | Parser::XReadGroup)) {
            wrong.push(format!("{name} may wait"));
        }
        if is("admin") && spec.class != Class::Server {
            wrong.push(format!("{name} is for administrators"));
        }
        if let Keys::Range { access, .. } = spec.keys {
            let more = READ_TOO.contains(&name.as_str());
            // PFCOUNT changes what it keeps for itself, the server says; it still is a read.
            if access.reads() != (server.reads || more) || access.writes() != server.writes {
                wrong.push(format!("{name}: {access:?} and not {} {}", server.reads, server.writes));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Commands that came after Redis 7.0; whatever else the server lacks would be a mistake in writing.
const NEWER: [&str; 32] = [
    "client|setinfo",
    "hexpire",
    "hexpireat",
    "hexpiretime",
    "hgetdel",
    "hgetex",
    "hpersist",
    "hpexpire",
    "hpexpireat",
    "hpexpiretime",
    "hpttl",
    "hsetex",
    "httl",
    "sentinel",
    "delex",
    "digest",
    "msetex",
    "vadd",
    "vcard",
    "vdim",
    "vemb",
    "vgetattr",
    "vinfo",
    "vismember",
    "vlinks",
    "vrandmember",
    "vrem",
    "vsetattr",
    "vsim",
    "waitaof",
    "xackdel",
    "xdelex",
];

#[test]
fn the_table_has_no_other_commands_than_those_and_newer_ones() {
    let server = described(&Server::start("names"));
    let modules = ["json.", "bf.", "cf.", "cms.", "topk.", "tdigest.", "ts.", "isocache."];
    let own: Vec<&str> = table::all().map(|spec| spec.name).collect();
    let unique: BTreeSet<&str> = own.iter().copied().collect();
    assert_eq!(own.len(), unique.len(), "a name is there twice");
    let unknown: Vec<&str> = unique
        .into_iter()
        .filter(|name| !server.contains_key(*name) && !NEWER.contains(name))
        .filter(|name| !modules.iter().any(|module| name.starts_with(module)))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

fn own_keys(command: &isocache_protocol::Command) -> Option<Vec<Found>> {
    let mut found = Vec::new();
    let visited = table::lookup(command)?.keys.visit(command, &mut |key, access| {
        found.push(Found { key: key.to_vec(), reads: access.reads(), writes: access.writes() });
    });
    visited.ok()?;
    found.sort();
    Some(found)
}

/// Thousands of calls: where both find keys they find the same ones, and the table allows no less to be done with them.
#[test]
fn the_table_finds_the_keys_that_the_server_finds() {
    let server = Server::start("keys");
    let names = described(&server);
    let mut connection = server.connect();
    let mut runner = TestRunner::deterministic();
    let mut few = Vec::new();
    let mut total = 0;
    for spec in table::all().filter(|spec| spec.keys != Keys::None && names.contains_key(spec.name)) {
        let rest = words();
        let commands: Vec<_> = (0..400)
            .map(|_| {
                let rest = rest.new_tree(&mut runner).unwrap().current();
                spec.name.split('|').map(|word| word.as_bytes().to_vec()).chain(rest).collect()
            })
            .collect();
        let mut agreed = 0;
        for (command, theirs) in commands.iter().zip(keys_of(&mut connection, &commands)) {
            let (Some(theirs), Some(own)) = (theirs, own_keys(command)) else { continue };
            let shown: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
            for key in &theirs {
                let own = own.iter().filter(|own| own.key == key.key);
                let (reads, writes) = own.fold((false, false), |all, own| (all.0 | own.reads, all.1 | own.writes));
                assert!(reads >= key.reads && writes >= key.writes, "{shown:?}: {key:?} is not known so");
            }
            // Of several STORE the last one counts; the table finds them all.
            let stores = command.args().filter(|arg| arg.to_ascii_uppercase().starts_with(b"STORE")).count();
            assert!(stores > 1 || own.len() == theirs.len(), "{shown:?}: {own:?} and not {theirs:?}");
            agreed += 1;
        }
        total += agreed;
        if agreed < 5 {
            few.push((spec.name, agreed));
        }
    }
    assert!(few.is_empty() && total > 10_000, "agreed too seldom to say anything: {total} {few:?}");
}
