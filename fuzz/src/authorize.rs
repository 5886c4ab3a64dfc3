//! The decision on a command: what passes reaches nothing of another tenant.
//!
//! The command is carried out on the embedded store, which shows what it reaches. The tests in
//! `crates/bridge/tests/internals/access` compare the key positions of all commands with a real Redis.

use std::sync::LazyLock;

use isocache_bridge::access::table::{self, Class};
use isocache_bridge::access::{Allow, Decision, Profile, Role, ScanFilter, Scope, authorize};
use isocache_bridge::store::memory::{MemoryStore, MemoryStoreOptions};
use isocache_protocol::headers::CLEAR;
use isocache_protocol::{Command, Reply};

/// What stands in every value that is in the store.
const MARK: &[u8] = b"VALUE-OF-SOMEBODY";

/// What is in the store. The prefix `a:` is the caller's own.
const KEYS: [&str; 9] = ["a:1", "a:2", "a:n:1", "a", "aa:1", "A:1", "b:hidden-name", "r:1", "w:1"];

/// Some that no caller may ever reach, as they are written.
const NEVER: [&str; 29] = [
    "ACL",
    "ASKING",
    "AUTH",
    "BLPOP",
    "BRPOP",
    "CLIENT",
    "CLUSTER",
    "CONFIG",
    "DEBUG",
    "DISCARD",
    "EXEC",
    "FAILOVER",
    "HELLO",
    "MIGRATE",
    "MODULE",
    "MONITOR",
    "MULTI",
    "QUIT",
    "READONLY",
    "REPLICAOF",
    "RESET",
    "SAVE",
    "SELECT",
    "SHUTDOWN",
    "SUBSCRIBE",
    "SYNC",
    "UNWATCH",
    "WAIT",
    "WATCH",
];

static PROFILES: LazyLock<[Profile; 5]> = LazyLock::new(|| {
    let scope = |prefixes: &[&str]| Scope::prefixes(prefixes).expect("they are prefixes");
    let scoped = |role| Profile::scoped("scoped", role, scope(&["a:"]));
    let mut apart = scoped(Role::ReadWrite);
    (apart.read, apart.write) = (scope(&["a:", "r:"]), scope(&["a:", "w:"]));
    let mut everything = scoped(Role::Custom);
    for (class, _) in Allow::CLASSES {
        everything.allow.add(class).expect("it is a class");
    }
    for spec in table::all() {
        // Those that are never passed on cannot be added.
        let _ = everything.allow.add(spec.name);
    }
    [scoped(Role::ReadOnly), scoped(Role::ReadWrite), apart, everything, Profile::admin("admin")]
});

/// The first byte of the input chooses a profile; each line after it is an argument.
pub fn check(input: &[u8]) {
    let Some((choice, words)) = input.split_first() else { return };
    let profile = &PROFILES[usize::from(*choice) % PROFILES.len()];
    let command: Command = words.split(|byte| *byte == b'\n').collect();
    let (passed, filter) = match authorize(profile, &command) {
        Decision::Forward => (command.clone(), None),
        Decision::ForwardRewritten { command, filter } => (command, Some(filter)),
        Decision::RespondLocally(_) => return,
        Decision::Refuse(refusal) => return assert!(matches!(refusal.status(), 400 | 413)),
    };
    let name = String::from_utf8_lossy(passed.name()).to_uppercase();
    assert!(!NEVER.contains(&name.as_str()), "{name} passed");
    let spec = table::lookup(&passed).expect("what passes is in the table");
    if profile.role == Role::Admin {
        return;
    }
    names_an_own_key(profile, spec.class, &passed);
    reaches_nothing_else(profile, &passed, filter.as_ref());
}

/// Whatever the table says of key positions: a command that reads or writes keys and passes names at least one of the
/// caller's. A pattern may write it in another way.
fn names_an_own_key(profile: &Profile, class: Class, passed: &Command) {
    if matches!(class, Class::Read | Class::Write) && !passed.arg_is(0, CLEAR) {
        let own = |arg: &[u8]| profile.read.contains(arg) || profile.write.contains(arg);
        assert!(passed.args().any(own), "{}", shown(passed));
    }
}

fn reaches_nothing_else(profile: &Profile, passed: &Command, filter: Option<&ScanFilter>) {
    let store = store();
    let reply = if passed.arg_is(0, CLEAR) {
        Reply::Integer(store.clear(passed.arg(1).unwrap_or_default(), None).try_into().expect("there are few"))
    } else {
        store.run(std::slice::from_ref(passed)).pop().expect("each command has a reply")
    };
    let reply = filter.map_or(reply.clone(), |filter| filter.apply(reply));
    for key in KEYS {
        let (may_read, may_write) = (profile.read.contains(key.as_bytes()), profile.write.contains(key.as_bytes()));
        let value = value(key);
        // A caller who says it himself is told nothing.
        if !may_read && !passed.args().any(|arg| contains(arg, MARK)) {
            assert!(!shows(&reply, value.as_bytes()), "{} shows {key}", shown(passed));
        }
        if !may_write {
            let get = [vec!["GET", key], vec!["PTTL", key]].map(Command::from_iter);
            assert_eq!(store.run(&get), [Reply::bulk(value), Reply::Integer(-1)], "{} changes {key}", shown(passed));
        }
    }
    if !passed.args().any(|arg| contains(arg, b"hidden")) {
        assert!(!shows(&reply, b"hidden-name"), "{} shows a name", shown(passed));
    }
}

fn store() -> MemoryStore {
    let options = MemoryStoreOptions { max_entries: 64, ..MemoryStoreOptions::default() };
    let store = MemoryStore::new(options).expect("the options are right");
    let sets = KEYS.map(|key| ["SET".to_owned(), key.to_owned(), value(key)].into_iter().collect());
    assert!(store.run(&sets).iter().all(Reply::is_ok));
    store
}

fn value(key: &str) -> String {
    format!("{} {key}.", String::from_utf8_lossy(MARK))
}

fn shows(reply: &Reply, text: &[u8]) -> bool {
    match reply {
        Reply::Status(bytes) | Reply::Error(bytes) | Reply::Bulk(bytes) => contains(bytes, text),
        Reply::Array(replies) => replies.iter().any(|reply| shows(reply, text)),
        Reply::Integer(_) | Reply::Nil => false,
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn shown(command: &Command) -> String {
    command.args().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
}
