//! Attacks with single commands.

use isocache_bridge::access::{
    Allow, Decision, Profile, Refusal, Role, Scope, authorize, authorize_psubscribe, authorize_subscribe,
    keys::Malformed,
};
use isocache_protocol::Reply;

use super::{command, line, refusal, scoped};

fn user() -> Profile {
    scoped(Role::ReadWrite, &["user:42:"])
}

fn may_not(name: &'static str) -> Refusal {
    Refusal::Command(name)
}

/// Reading and writing its key, so not for a token that may do only one of them.
#[test]
fn a_counter_within_bounds_needs_its_key() {
    let asked = |words: &str| refusal(&user(), &line(words));
    assert_eq!(asked("ISOCACHE.INCRBY user:42:n 1 0 5 1000"), None);
    assert_eq!(asked("isocache.incrby user:4:n 1 0 5 1000"), Some(Refusal::Key));
    for words in ["ISOCACHE.INCRBY", "ISOCACHE.INCRBY user:42:n 1 0 5", "ISOCACHE.INCRBY user:42:n 1 0 5 0 user:42:k"] {
        assert_eq!(asked(words), Some(Refusal::Malformed("isocache.incrby", Malformed::Arity)), "{words}");
    }
    let reader = scoped(Role::ReadOnly, &["user:42:"]);
    assert_eq!(refusal(&reader, &line("ISOCACHE.INCRBY user:42:n 1 0 5 0")), Some(may_not("isocache.incrby")));
}

/// Leases follow the prefixes of keys, and are released only with the value of their holder.
#[test]
fn a_lease_is_released_by_a_writer_of_its_key() {
    let lease = |words: &str| refusal(&user(), &line(words));
    assert_eq!(lease("ISOCACHE.RELEASE user:42:cart:isocache-lease me"), None);
    assert_eq!(lease("isocache.release user:4:isocache-lease me"), Some(Refusal::Key));
    for words in ["ISOCACHE.RELEASE", "ISOCACHE.RELEASE user:42:k", "ISOCACHE.RELEASE user:42:k me user:42:j"] {
        assert_eq!(lease(words), Some(Refusal::Malformed("isocache.release", Malformed::Arity)), "{words}");
    }
    let reader = scoped(Role::ReadOnly, &["user:42:"]);
    assert_eq!(refusal(&reader, &line("ISOCACHE.RELEASE user:42:k me")), Some(may_not("isocache.release")));
}

/// Stolen replies, changed connections, truncated frames, blocking commands: with any token.
#[test]
fn no_command_changes_or_blocks_the_connection() {
    let admin = Profile::admin("admin");
    for words in [
        "CLIENT REPLY SKIP",
        "CLIENT REPLY OFF",
        "client",
        "client tracking on",
        "CLIENT NO-EVICT on",
        "client kill x",
        "CLIENT SETINFOX a",
        "MULTI",
        "EXEC",
        "DISCARD",
        "WATCH a",
        "UNWATCH",
        "SELECT 1",
        "AUTH x",
        "HELLO 3",
        "RESET",
        "QUIT",
        "READONLY",
        "READWRITE",
        "ASKING",
        "SUBSCRIBE a",
        "PSUBSCRIBE *",
        "SSUBSCRIBE a",
        "UNSUBSCRIBE",
        "MONITOR",
        "SYNC",
        "PSYNC ? -1",
        "BLPOP a 0",
        "BRPOP a 0",
        "BLMOVE a b LEFT LEFT 0",
        "BLMPOP 0 1 a LEFT",
        "BZPOPMIN a 0",
        "BZMPOP 0 1 a MIN",
        "WAIT 1 0",
        "WAITAOF 1 1 0",
        "SHUTDOWN",
        "DEBUG SLEEP 9",
        "MODULE LOAD x",
        "ACL LIST",
        "CONFIG SET dir /",
        "CONFIG GET requirepass",
        "CLUSTER MEET h 1",
        "FAILOVER",
        "SAVE",
        "BGSAVE",
        "REPLICAOF h 1",
        "SLAVEOF h 1",
        "MIGRATE h 1 k 0 1",
        "RESTORE-ASKING a 0 x",
        "SCRIPT DEBUG YES",
        "eXeC",
    ] {
        let refused = refusal(&admin, &line(words));
        assert!(matches!(refused, Some(Refusal::NeverForwarded(..))), "{words}: {refused:?}");
        assert_eq!(refused.unwrap().status(), 400);
    }
    for words in ["XREAD BLOCK 0 STREAMS a 0", "XREADGROUP GROUP g c block 5 STREAMS a >"] {
        assert!(matches!(refusal(&admin, &line(words)), Some(Refusal::Blocks(_))), "{words}");
    }
    assert!(refusal(&admin, &line("XREAD COUNT 1 STREAMS a 0")).is_none());
}

#[test]
fn clients_may_introduce_themselves() {
    for words in ["CLIENT SETINFO LIB-NAME x", "client setname x"] {
        assert!(matches!(authorize(&user(), &line(words)), Decision::RespondLocally(Reply::Status(_))), "{words}");
    }
}

/// Names are compared whole: webdis lets `SET` through where `SETEX` is allowed.
#[test]
fn names_are_exact_but_for_their_case() {
    assert!(refusal(&user(), &line("gEt user:42:a")).is_none());
    for name in ["ge", "gets", "GET ", " GET", "GET\0", "get\r\n", "\u{ff27}ET", "XINFO|STREAM", "", "0"] {
        let refused = refusal(&Profile::admin("admin"), &command([name, "user:42:a"]));
        assert!(matches!(refused, Some(Refusal::Unknown(_))), "{name:?}: {refused:?}");
    }
    for words in ["OBJECT", "OBJECT ENCODIN user:42:a", "XINFO STREAM|X user:42:a", "script loadx y", "COMMAND X"] {
        let refused = refusal(&Profile::admin("admin"), &line(words));
        assert!(matches!(refused, Some(Refusal::Unknown(_) | Refusal::NeverForwarded(..))), "{words}: {refused:?}");
    }
    let mut custom = scoped(Role::Custom, &["user:42:"]);
    custom.allow.add("SETEX").unwrap();
    assert!(refusal(&custom, &line("SETEX user:42:a 1 v")).is_none());
    assert_eq!(refusal(&custom, &line("SET user:42:a v")), Some(may_not("set")));
    assert_eq!(refusal(&custom, &line("GET user:42:a")), Some(may_not("get")));
    assert_eq!(refusal(&Profile::admin("admin"), &command::<&str>([])), Some(Refusal::Empty));
}

/// The name of an unknown command is shown, but can neither break the line nor fill the log.
#[test]
fn errors_hold_no_arguments() {
    let refused = refusal(&user(), &command([vec![b'\n'; 500], b"secret".to_vec()])).unwrap().to_string();
    assert!(refused.len() < 200 && !refused.contains('\n') && !refused.contains("secret"), "{refused}");
    let refused = refusal(&user(), &line("GET secret")).unwrap();
    assert_eq!(refused.to_string(), "NOPERM refused by the bridge: a key is outside the prefixes of this token");
}

#[test]
fn a_prefix_is_not_a_neighbour() {
    for key in ["user:43:a", "user:4", "user:42", "USER:42:a", " user:42:a", "", "*", "\0user:42:a", "user:421:"] {
        assert_eq!(refusal(&user(), &command(["GET", key])), Some(Refusal::Key), "{key:?}");
    }
    assert!(refusal(&user(), &command([&b"GET"[..], b"user:42:\0\xff\r\n"])).is_none());
    // Without a delimiter it also covers the longer number, which the configuration warns about.
    let short = Scope::prefixes(["user:4", "user:4:"]).unwrap();
    assert!(short.contains(b"user:42"));
    assert_eq!(short.without_delimiter().collect::<Vec<_>>(), [b"user:4"]);
}

#[test]
fn scopes_are_not_left_by_commands_that_reach_further() {
    for role in [Role::ReadWrite, Role::Admin] {
        let scoped = scoped(role, &["user:42:"]);
        for (words, name) in [
            ("SORT user:42:a BY w_* GET o_*", "sort"),
            ("SORT_RO user:42:a by nosort get secret:*", "sort_ro"),
            ("EVAL x 0", "eval"),
            ("EVALSHA_RO x 1 user:42:a", "evalsha_ro"),
            ("FCALL f 0", "fcall"),
            ("RANDOMKEY", "randomkey"),
            ("SCRIPT LOAD x", "script|load"),
            ("DBSIZE", "dbsize"),
            ("KEYS user:42:*", "keys"),
            ("FLUSHDB", "flushdb"),
            ("FLUSHALL ASYNC", "flushall"),
            ("SWAPDB 0 1", "swapdb"),
            ("DUMP user:42:a", "dump"),
            ("INFO", "info"),
            ("RESTORE user:42:a 0 x", "restore"),
            ("MOVE user:42:a 1", "move"),
            ("COPY user:42:a user:42:b DB 1", "copy"),
            ("SLOWLOG GET", "slowlog|get"),
            ("PUBSUB CHANNELS", "pubsub|channels"),
        ] {
            assert_eq!(refusal(&scoped, &line(words)), Some(may_not(name)), "{words}");
        }
    }
    for words in [
        "SORT user:42:a STORE user:43:a",
        "SORT user:42:a LIMIT 0 1 ASC store b",
        "GEORADIUS user:42:a 1 1 1 m STORE b",
        "GEORADIUSBYMEMBER user:42:a m 1 m COUNT 1 STOREDIST b",
        "RENAME user:42:a b",
        "BITOP AND user:42:a user:42:b c",
        "ZUNIONSTORE b 1 user:42:a",
        "ZUNIONSTORE user:42:a 2 user:42:b c",
        "MSET user:42:a 1 b 2",
        "LMOVE a user:42:b LEFT LEFT",
        "XREAD STREAMS user:42:a b 0 0",
        "SINTERCARD 2 user:42:a b",
        "OBJECT ENCODING b",
        "MEMORY USAGE b",
        "COPY user:42:a b",
    ] {
        assert_eq!(refusal(&user(), &line(words)), Some(Refusal::Key), "{words}");
    }
}

/// A command that Redis might parse with other options or another number of keys is refused.
#[test]
fn keys_that_are_not_certain_are_refused() {
    for words in [
        "SINTERCARD -1 user:42:a",
        "SINTERCARD 0 user:42:a",
        "SINTERCARD 01 user:42:a",
        "SINTERCARD +1 user:42:a",
        "SINTERCARD 2 user:42:a",
        "SINTERCARD 18446744073709551617 user:42:a",
        "SINTERCARD 9223372036854775808 user:42:a",
        "LMPOP 1e0 user:42:a LEFT",
        "ZUNIONSTORE user:42:a 4294967297 user:42:b",
        "XREAD STREAMS user:42:a user:42:b 0",
        "XREAD STREAMS",
        "XREAD COUNT STREAMS STREAMS user:42:a 0",
        "XREADGROUP STREAMS user:42:a 0",
        "SORT user:42:a LIMIT 0",
        "SORT user:42:a X",
        "GEORADIUS user:42:a 1 1 1 m COUNT STORE user:42:b",
        "COPY user:42:a user:42:b X",
        "GET",
        "MGET",
        "BITOP AND user:42:a",
        "JSON.MGET user:42:a",
    ] {
        let refused = refusal(&user(), &line(words));
        assert!(matches!(refused, Some(Refusal::Malformed(..))), "{words}: {refused:?}");
    }
    for option in ["STORE\0", "STORE\0x", "BY\0"] {
        let refused = refusal(&user(), &command(["SORT", "user:42:a", option, "other"]));
        assert_eq!(refused, Some(Refusal::Malformed("sort", Malformed::Syntax)), "{option:?}");
    }
    // Redis also accepts `GET` in SET with more bytes after it.
    let mut blind = user();
    blind.read = Scope::nothing();
    assert!(refusal(&blind, &line("SET user:42:a v EX 10 NX")).is_none());
    for option in ["GET", "get", "GET\0", "GET\0x"] {
        assert_eq!(refusal(&blind, &command(["SET", "user:42:a", "v", option])), Some(Refusal::Key), "{option:?}");
    }
}

#[test]
fn roles_permit_their_classes() {
    let reader = Profile { write: Scope::nothing(), ..Profile::scoped("reader", Role::ReadOnly, Scope::Everything) };
    for (words, name) in [
        ("SET a 1", "set"),
        ("GETDEL a", "getdel"),
        ("GETEX a", "getex"),
        ("SCAN 0", "scan"),
        ("KEYS *", "keys"),
        ("PUBLISH c m", "publish"),
        ("XREADGROUP GROUP g c STREAMS a >", "xreadgroup"),
        ("SORT a", "sort"),
        ("PFADD a b", "pfadd"),
        ("GEORADIUS a 1 1 1 m", "georadius"),
    ] {
        assert_eq!(refusal(&reader, &line(words)), Some(may_not(name)), "{words}");
    }
    assert_eq!(
        refusal(&reader, &line("evalsha x 0")).unwrap().to_string(),
        "NOPERM refused by the bridge: this token may not run 'evalsha'"
    );
    for words in ["GET a", "SORT_RO a", "PING", "ECHO x", "TIME", "SORT_RO a BY w_*"] {
        assert!(refusal(&reader, &line(words)).is_none(), "{words}");
    }
    // The allow list does not let a read-only profile write.
    let mut chosen = reader;
    for item in ["scan", "@script", "FLUSHALL", "set", "@write"] {
        chosen.allow.add(item).unwrap();
    }
    assert!(refusal(&chosen, &line("SCAN 0")).is_none() && refusal(&chosen, &line("EVAL_RO x 0")).is_none());
    for words in ["EVAL x 0", "FLUSHALL", "SET a 1", "SCRIPT LOAD x"] {
        assert!(matches!(refusal(&chosen, &line(words)), Some(Refusal::Command(_))), "{words}");
    }
    let admin = Profile::admin("admin");
    for words in
        ["FLUSHALL", "KEYS *", "RANDOMKEY", "EVAL x 0", "FUNCTION LIST", "INFO", "DUMP a", "SCAN 0", "MOVE a 1"]
    {
        assert!(refusal(&admin, &line(words)).is_none(), "{words}");
    }
    let writer = Profile::scoped("writer", Role::ReadWrite, Scope::Everything);
    for words in ["EVAL x 0", "FLUSHALL", "KEYS *", "DUMP a", "RESTORE a 0 x", "INFO", "MOVE a 1"] {
        assert!(matches!(refusal(&writer, &line(words)), Some(Refusal::Command(_))), "{words}");
    }
    assert!(refusal(&writer, &line("SCAN 0")).is_none());
}

#[test]
fn an_allow_list_names_commands_and_classes() {
    let mut allow = Allow::default();
    for item in ["@script", "SCRIPT LOAD", "script|load", "Keys"] {
        assert!(allow.add(item).is_ok(), "{item}");
    }
    for item in ["@all", "a b c", "EXEC", "client reply", "SCRIPT", "blpop", "", "*"] {
        assert!(allow.add(item).is_err(), "{item}");
    }
    // A command that the table does not have may be one of a module.
    assert!(allow.add("gets").is_ok() && allow.add("FT.CONFIG Get").is_ok());
    assert_eq!(allow.unknown().collect::<Vec<_>>(), ["gets", "ft.config get"]);
    let words = ["GETS k", "gets", "ft.config GET x"];
    let everything = Profile { allow, ..Profile::scoped("all", Role::Custom, Scope::Everything) };
    for words in words {
        assert!(refusal(&everything, &line(words)).is_none(), "{words}");
    }
    for words in ["FT.CONFIG SET x", "FT.CONFIG", "GETSS k", "CONFIG GET x"] {
        assert!(refusal(&everything, &line(words)).is_some(), "{words}");
    }
    // Only for a profile that may read and write every key.
    let allow = everything.allow;
    let scoped = Scope::prefixes(["a:"]).unwrap();
    for (role, scope) in
        [(Role::ReadOnly, Scope::Everything), (Role::ReadWrite, scoped.clone()), (Role::Custom, scoped)]
    {
        let profile = Profile { allow: allow.clone(), ..Profile::scoped("x", role, scope) };
        assert!(matches!(refusal(&profile, &line("GETS a:k")), Some(Refusal::Unknown(_))), "{role:?}");
    }
}

#[test]
fn channels_are_held_to_their_prefixes() {
    let mut profile = user();
    assert_eq!(refusal(&profile, &line("PUBLISH user:42:c m")), Some(Refusal::Channel));
    profile.channels = Scope::prefixes(["room:"]).unwrap();
    assert!(refusal(&profile, &line("PUBLISH room:1 m")).is_none());
    assert!(matches!(refusal(&profile, &line("PUBLISH")), Some(Refusal::Malformed(..))));
    for words in ["PUBLISH room m", "SPUBLISH other m"] {
        assert_eq!(refusal(&profile, &line(words)), Some(Refusal::Channel), "{words}");
    }
    assert!(authorize_subscribe(&profile, b"room:1").is_ok() && authorize_psubscribe(&profile, br"r\oom:*").is_ok());
    // A channel of this name is not a pattern, and vice versa.
    assert_eq!(authorize_subscribe(&profile, b"roo*"), Err(Refusal::Channel));
    for pattern in ["*", "roo*", "roo[m]:*", "?oom:*", "room*", r"room\*", ""] {
        assert_eq!(authorize_psubscribe(&profile, pattern.as_bytes()), Err(Refusal::Channel), "{pattern}");
    }
    // A prefix with brackets is not a pattern; the same text as a pattern matches other names.
    let odd = Profile { channels: Scope::prefixes(["[ab]:", "c*:"]).unwrap(), ..profile.clone() };
    for (pattern, within) in [(r"\[ab]:*", true), (r"c\*:*", true), ("[ab]:*", false), ("c*:*", false), ("c?:", false)]
    {
        assert_eq!(authorize_psubscribe(&odd, pattern.as_bytes()).is_ok(), within, "{pattern}");
    }
    let custom = Profile { role: Role::Custom, ..profile };
    assert_eq!(authorize_subscribe(&custom, b"room:1"), Err(Refusal::Command("subscribe")));
}

/// A few bytes must not produce a value of half a gigabyte.
#[test]
fn values_do_not_grow_beyond_the_limit() {
    let mut profile = Profile::admin("admin");
    profile.limits.max_value_bytes = 1000;
    profile.limits.max_arguments = 6;
    for words in
        ["SETRANGE a 998 xy", "SETBIT a 8007 1", "BITFIELD a SET u8 7990 1", "BITFIELD a INCRBY u64 #124 1", "SET a b"]
    {
        assert!(refusal(&profile, &line(words)).is_none(), "{words}");
    }
    for words in [
        "SETRANGE a 999 xy",
        "SETRANGE a 536870911 x",
        "SETBIT a 8008 1",
        "BITFIELD a SET u8 4294967295 1",
        "BITFIELD a INCRBY u64 #126 1",
        "BITFIELD a get u8 0 set u8 4294967295 1",
    ] {
        let refused = refusal(&profile, &line(words));
        assert!(matches!(refused, Some(Refusal::TooLong(_) | Refusal::TooManyArguments(_))), "{words}: {refused:?}");
        assert_eq!(refused.unwrap().status(), 413);
    }
    assert_eq!(refusal(&profile, &command(["SET".into(), "a".into(), "v".repeat(1001)])), Some(Refusal::TooLong(1000)));
    assert_eq!(refusal(&profile, &line("MGET 1 2 3 4 5 6")), Some(Refusal::TooManyArguments(6)));
}
