//! What the tables of the page say, by what the code does.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use isocache::RedisCacheBuilder;
use isocache_bridge::access::table::{self, Class, Why};
use isocache_bridge::access::{Allow, Decision, Limits, Profile, Refusal, Role, Scope, Wait, authorize};
use isocache_bridge::server::{Metrics, ServerLimits};
use isocache_bridge::settings::ServerSettings;
use isocache_bridge::store::memory::{MemoryStore, MemoryStoreOptions};
use isocache_bridge::store::{Store, StoreError};
use isocache_protocol::{Command, Reply, RequestError};

use super::markdown::{quoted, table, text};

/// The fields of a structure of numbers, by what `Debug` shows: their names as configuration has them, and their values.
fn fields(value: &impl Debug) -> Vec<(String, String)> {
    let shown = format!("{value:?}");
    let (_, inner) = shown.trim_end_matches(" }").split_once(" { ").unwrap();
    let field = |field: &str| {
        let (name, value) = field.split_once(": ").unwrap();
        (name.replace('_', "-"), value.to_owned())
    };
    inner.split(", ").map(field).collect()
}

const LIMITS: &str = "| name | default | beyond it |";

fn status(limit: &str, heading: &str) -> String {
    let row = table(LIMITS, heading).into_iter().find(|row| row[0] == format!("`{limit}`")).unwrap();
    row[2].clone()
}

#[test]
fn limits_of_tokens() {
    let rows = table(LIMITS, "Of each token");
    let (writing, reading) = (fields(&Limits::WRITING), fields(&Limits::READING));
    let expected = writing.into_iter().zip(reading).map(|((name, writing), (_, reading))| {
        let default = match writing.as_str() {
            "None" if name.ends_with("-burst") => "one second's".to_owned(),
            "None" => "none".to_owned(),
            _ if writing == reading => writing,
            _ => format!("{writing}; {reading} for `read-only`"),
        };
        (format!("`{name}`"), default)
    });
    let found: Vec<_> = rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(found, expected.collect::<Vec<_>>());
    let of = |limit: &str| status(limit, "Of each token");
    assert_eq!(of("max-pipeline-commands"), RequestError::TooManyCommands { limit: 1 }.status().to_string());
    assert_eq!(of("max-arguments"), RequestError::TooManyArguments { limit: 1 }.status().to_string());
    assert_eq!(of("max-value-bytes"), Refusal::TooLong(1).status().to_string());
    for rate in ["commands-per-second", "commands-burst", "bytes-per-second", "bytes-burst"] {
        assert_eq!(of(rate), Wait::STATUS.to_string());
    }
}

#[test]
fn limits_of_the_server() {
    let heading = "Of the server as a whole";
    let found: Vec<_> = table(LIMITS, heading).iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let expected = fields(&ServerSettings::default())
        .into_iter()
        .map(|(name, value)| (format!("`{name}`"), value.replace("0ns", "0s")));
    assert_eq!(found, expected.collect::<Vec<_>>());
    assert_eq!(status("command-timeout", heading), StoreError::Timeout(String::new()).status().to_string());
    // A bridge that is not started from the command line has the same.
    let (settings, limits) = (ServerSettings::default(), ServerLimits::default());
    assert_eq!((limits.max_in_flight, limits.max_streams), (settings.max_in_flight, settings.max_streams));
    assert_eq!(limits.body_timeout, settings.body_timeout);
}

/// Whether a command passes with some arguments that could be its own.
fn passes(profile: &Profile, name: &str) -> bool {
    let tails: [&[&str]; 8] = [
        &[],
        &["a:1"],
        &["a:*"],
        &["0"],
        &["a:1", "1"],
        &["a:1", "1", "2"],
        &["return 1", "0"],
        &["a:1", "1", "0", "5", "1000"],
    ];
    tails.iter().any(|tail| {
        let command: Command = name.split(' ').chain(tail.iter().copied()).collect();
        !matches!(authorize(profile, &command), Decision::Refuse(_))
    })
}

#[test]
fn roles() {
    let rows = table("| role | may | may not |", "## Tokens");
    let names: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(names, ["read-only", "read-write", "admin", "custom"]);
    let scope = || Scope::prefixes(["a:"]).unwrap();
    let roles = [Role::ReadOnly, Role::ReadWrite, Role::Admin, Role::Custom];
    let commands = |cell: &str| {
        let names = quoted(cell).filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase()));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    for (role, row) in roles.into_iter().zip(&rows) {
        let scoped = Profile { channels: scope(), ..Profile::scoped("scoped", role, scope()) };
        let profile = if role == Role::Admin { Profile::admin("admin") } else { scoped };
        for name in commands(&row[1]) {
            assert!(passes(&profile, &name), "{role:?} may not {name}");
        }
        let refused = commands(&row[2]);
        assert!(!refused.is_empty());
        for name in refused {
            assert!(!passes(&profile, &name), "{role:?} may {name}");
        }
        for name in ["PING", "ECHO", "TIME"] {
            assert!(passes(&profile, name), "{role:?} may not {name}");
        }
    }
    for (class, _) in Allow::CLASSES {
        assert!(text().contains(&format!("`{class}`")), "{class} is not named");
    }
}

#[test]
fn the_table_of_commands_that_are_never_forwarded() {
    let rows = table("| why | commands |", "## What is never forwarded");
    let whys = [Why::Connection, Why::Blocks, Why::Replication, Why::Administration, Why::Route];
    assert_eq!(rows.len(), whys.len());
    for (why, row) in whys.into_iter().zip(rows) {
        let of_table = table::all().filter(|spec| spec.class == Class::Never(why));
        let expected: BTreeSet<_> = of_table.map(|spec| spec.name.to_uppercase().replace('|', " ")).collect();
        assert_eq!(quoted(&row[1]).map(str::to_owned).collect::<BTreeSet<_>>(), expected, "{why:?}");
    }
}

#[test]
fn commands_of_the_store_in_memory() {
    let text = text();
    let (_, listed) = text.split_once("**Memory.**").unwrap();
    let (listed, _) = listed.split_once(", and `ISOCACHE.CLEAR`").unwrap();
    let listed: BTreeSet<_> = quoted(listed).map(str::to_owned).collect();
    let store = MemoryStore::new(MemoryStoreOptions::default()).unwrap();
    let knows = |name: &str| {
        let reply = store.run(&[[name].into_iter().collect()]).pop().unwrap();
        !matches!(reply, Reply::Error(text) if text.starts_with(b"ERR unknown command"))
    };
    // The others never get there.
    let forwarded = table::all().filter(|spec| !matches!(spec.class, Class::Never(Why::Route)));
    let names = forwarded.map(|spec| spec.name.split('|').next().unwrap().to_uppercase());
    assert_eq!(listed, names.filter(|name| knows(name)).collect());
}

#[test]
fn stores() {
    let mut urls = 0;
    for row in table("| `--store` | what it is |", "## Stores") {
        for url in row.iter().flat_map(|cell| quoted(cell)).filter(|url| url.contains("://")) {
            let whole = if url.ends_with("://") { format!("{url}host:7000/name") } else { url.to_owned() };
            let whole = if whole.contains("-cluster") { whole.replace("/name", "") } else { whole };
            let opened = Store::redis(&RedisCacheBuilder::new(&whole), Duration::from_secs(1));
            assert_eq!(opened.map(|store| store.kind()), Ok("redis"), "{whole}");
            urls += 1;
        }
    }
    assert_eq!(urls, 6);
}

#[test]
fn metrics() {
    let store = MemoryStore::new(MemoryStoreOptions { advise: true, ..MemoryStoreOptions::default() }).unwrap();
    let _ = store.run(&[[b"GET", &b"key"[..]].into_iter().collect()]);
    let advice = store.advise();
    // What has labels is shown once it has counted something.
    store.log().counts().sent("hello", 1);
    let metrics = Metrics::new(&Store::Memory(store));
    metrics.commands(&[table::by_name(b"get")]);
    metrics.responded(200, 0.1);
    metrics.snapshot(true);
    metrics.advice(&advice);
    let shown = metrics.text(0, 0, 0);
    let of_code = shown.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let expected: BTreeSet<_> =
        of_code.map(|(name, kind)| if kind == "counter" { format!("{name}_total") } else { name.to_owned() }).collect();
    let rows = table("| name | what it counts |", "**Metrics**");
    assert_eq!(rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect::<BTreeSet<_>>(), expected);
}
