//! Attempts to leave the prefixes of a tenant.

use std::collections::BTreeSet;

use isocache_bridge::access::Digest;
use serde_json::{Value, json};

use crate::client::Caller;
use crate::support::{Start, StoreKind};
use crate::tenants::{self, HIDDEN, SECRET, Tenants};

/// Commands that would show or change keys of B. `~` is a space within an argument.
const ESCAPES: &[&str] = &[
    // By name.
    "GET b:secret",
    "GETDEL b:secret",
    "GETEX b:secret PERSIST",
    "GETSET b:secret x",
    "GETRANGE b:secret 0 -1",
    "SUBSTR b:secret 0 -1",
    "STRLEN b:secret",
    "MGET a:own b:secret",
    "MGET b:secret a:own",
    "MSET a:x 1 b:secret 2",
    "MSETNX a:x 1 b:new 2",
    "SET b:secret x",
    "SET b:secret x GET",
    "SETEX b:secret 9 x",
    "PSETEX b:secret 9 x",
    "SETNX b:new x",
    "SETRANGE b:secret 0 x",
    "APPEND b:secret x",
    "INCR b:count",
    "INCRBYFLOAT b:count 1.5",
    "DEL a:none b:secret",
    "UNLINK a:none b:secret",
    "EXISTS a:own b:secret",
    "TOUCH a:own b:secret",
    "TYPE b:secret",
    "TTL b:secret",
    "EXPIRE b:secret 0",
    "PEXPIREAT b:secret 1",
    "EXPIRETIME b:secret",
    "PERSIST b:secret",
    "RENAME b:secret a:x",
    "RENAME a:own b:secret",
    "RENAMENX b:secret a:x",
    "COPY b:secret a:x",
    "COPY a:own b:x",
    "COPY a:own a:x DB 1",
    "MOVE a:own 1",
    "DUMP b:secret",
    "DUMP a:own",
    "RESTORE a:x 0 x",
    "RESTORE b:secret 0 x REPLACE",
    "MIGRATE 127.0.0.1 1 b:secret 0 100 COPY",
    "OBJECT ENCODING b:secret",
    "OBJECT FREQ b:secret",
    "OBJECT HELP",
    "MEMORY USAGE b:secret",
    "LCS a:own b:secret",
    "BITOP OR a:x b:secret",
    "BITCOUNT b:secret",
    "PFMERGE a:x b:secret",
    // Through other types.
    "SORT a:list BY b:w_* GET b:*",
    "SORT a:list BY nosort GET b:secret",
    "SORT a:list GET a:*",
    "SORT a:list STORE b:stolen",
    "SORT a:list sTOrE b:stolen",
    "SORT b:list STORE a:x",
    "SORT_RO a:list GET b:*",
    "SORT_RO b:list",
    "SMOVE a:set b:set one",
    "SMOVE b:set a:set one",
    "LMOVE b:list a:list LEFT LEFT",
    "RPOPLPUSH b:list a:list",
    "SDIFFSTORE a:x b:set",
    "SUNION a:set b:set",
    "ZRANGESTORE a:x b:zset 0 -1",
    "GEORADIUS a:geo 0 0 1 km STORE b:x",
    "GEORADIUS a:geo 0 0 1 km COUNT 1 STOREDIST b:x",
    "GEOSEARCHSTORE a:x b:geo FROMLONLAT 0 0 BYRADIUS 1 km",
    "XREAD STREAMS b:stream 0",
    "XREAD COUNT 5 STREAMS a:stream b:stream 0 0",
    "XREAD STREAMS STREAMS b:stream 0 0",
    "XREADGROUP GROUP g c STREAMS b:stream >",
    "XINFO STREAM b:stream FULL",
    // Wrong counts.
    "ZUNIONSTORE a:x 2 a:zset b:zset",
    "ZUNION 2 a:zset b:zset",
    "ZUNION 1 a:zset b:zset",
    "ZINTER -1 b:zset",
    "ZINTER 0 b:zset",
    "ZINTER 18446744073709551617 a:zset b:zset",
    "ZINTER +1 b:zset",
    "ZINTER 1~ b:zset",
    "ZDIFF 0x1 b:zset",
    "SINTERCARD 2 a:set b:set",
    "LMPOP 2 a:none b:list LEFT",
    "ZMPOP 1 b:zset MIN",
    // Without a name.
    "RANDOMKEY",
    "KEYS *",
    "KEYS a:*",
    "DBSIZE",
    "FLUSHDB",
    "FLUSHALL ASYNC",
    "SWAPDB 0 1",
    "INFO keyspace",
    "COMMAND GETKEYS GET b:secret",
    "SLOWLOG GET",
    "PUBSUB CHANNELS",
    "ROLE",
    "LASTSAVE",
    // By a script.
    "EVAL return~redis.call('get','b:secret') 0",
    "EVAL return~redis.call('get','b:secret') 1 a:own",
    "EVAL return~redis.call('randomkey') 0",
    "EVAL while~true~do~end 0",
    "EVAL_RO return~redis.call('get','b:secret') 0",
    "EVALSHA ffffffffffffffffffffffffffffffffffffffff 0",
    "EVALSHA_RO ffffffffffffffffffffffffffffffffffffffff 0",
    "FCALL f 0",
    "FCALL_RO f 1 a:own",
    "SCRIPT LOAD return~1",
    "SCRIPT FLUSH",
    "SCRIPT KILL",
    "FUNCTION LOAD x",
    "FUNCTION DUMP",
    // Channels.
    "PUBLISH b:news x",
    "SPUBLISH b:news x",
    "PUBLISH c x",
    // Keys that nearly have the prefix.
    "GET a",
    "GET A:own",
    "GET ~a:own",
    "GET *",
    "SET ab:x 1",
];

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(|word| word.replace('~', " ")).collect()
}

/// All keys and values of B, as the admin sees them.
async fn belongings(admin: &Caller) -> Value {
    let look = [
        vec!["MGET", "b:secret", "b:other", HIDDEN, "b:new", "b:x", "b:stolen"],
        vec!["PTTL", "b:secret"],
        vec!["LRANGE", "b:list", "0", "-1"],
        vec!["SMEMBERS", "b:set"],
        vec!["ZRANGE", "b:zset", "0", "-1", "WITHSCORES"],
        vec!["XLEN", "b:stream"],
    ];
    admin.pipeline(&look).await.json()
}

/// Values of other types, which only Redis has.
async fn furnish(tenants: &Tenants) {
    let furnish = ["a", "b"].map(|tenant| {
        vec![
            format!("RPUSH {tenant}:list one two"),
            format!("SADD {tenant}:set one"),
            format!("ZADD {tenant}:zset 1 one"),
            format!("GEOADD {tenant}:geo 0 0 one"),
            format!("XADD {tenant}:stream 1-1 field {SECRET}"),
            format!("SET {tenant}:w_one {SECRET}"),
        ]
    });
    for line in furnish.concat() {
        let words: Vec<&str> = line.split(' ').collect();
        let response = tenants.admin.command(&words).await;
        assert!(response.status == 200 || !tenants.bridge.store.is_redis(), "{line}: {}", response.text());
    }
}

async fn nothing_leads_out_of_the_prefixes(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    furnish(&tenants).await;
    let before = belongings(&tenants.admin).await;
    let watch = tenants.watch();
    for line in ESCAPES {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        for caller in [&tenants.a, &tenants.reader] {
            let alone = caller.command(&words).await;
            assert_eq!(alone.status, 400, "{line}: {}", alone.text());
            let replies = caller.pipeline(&[words.clone(), vec!["GET", "a:own"]]).await;
            assert!(replies.json()[0]["error"].is_string(), "{line}: {}", replies.text());
            assert_eq!(replies.json()[1]["result"], "A-OWN", "{line}: {}", replies.text());
            let whole = caller.transaction(&[vec!["GET", "a:own"], words.clone()]).await;
            // Malformed commands without a key of B are refused by the store.
            let failed = whole.status == 400 || whole.json()[1]["error"].is_string();
            assert!(failed, "{line}: {}", whole.text());
            for response in [&alone, &replies, &whole] {
                let text = response.text();
                assert!(!text.contains(SECRET) && !text.contains("hidden"), "{line}: {text}");
            }
        }
    }
    watch.finish().await;
    assert_eq!(belongings(&tenants.admin).await, before);
    assert_eq!(tenants.admin.result(&["MGET", "a:own", "a:two"]).await, json!(["A-OWN", "2"]));
    assert_eq!(tenants.admin.result(&["EXISTS", "a:x", "a:none"]).await, 0);
}

/// All keys that a complete scan returns.
async fn scan(caller: &Caller, options: &[&str]) -> BTreeSet<String> {
    let (mut keys, mut cursor) = (BTreeSet::new(), "0".to_owned());
    for _ in 0..10_000 {
        let words = [&["SCAN", &cursor], options].concat();
        let reply = caller.result(&words).await;
        keys.extend(reply[1].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()));
        reply[0].as_str().unwrap().clone_into(&mut cursor);
        if cursor == "0" {
            return keys;
        }
    }
    panic!("{options:?} does not end");
}

async fn scan_shows_what_is_within(store: StoreKind) {
    let both = Digest::of(b"a-token-with-two-prefixes");
    let both = format!(
        "[[token]]\nname = \"both\"\nsha256 = \"{both}\"\nrole = \"read-write\"\nprefixes = [\"a:\", \"user:4:\"]\n"
    );
    let tenants = Tenants::with(store, Start::config(tenants::config("", "") + &both)).await;
    let many: Vec<String> = (0..500).flat_map(|key| [format!("b:{key}"), key.to_string()]).collect();
    let mset: Vec<&str> = ["MSET"].into_iter().chain(many.iter().map(String::as_str)).collect();
    assert_eq!(tenants.admin.result(&mset).await, "OK");
    let watch = tenants.watch();
    let own: BTreeSet<String> = ["a:own", "a:two"].map(str::to_owned).into();
    for (options, shown) in [
        (vec![], true),
        (vec!["MATCH", "*"], true),
        (vec!["MATCH", "a:*"], true),
        (vec!["match", "[ab]:*", "count", "7"], true),
        (vec!["MATCH", "?:*", "COUNT", "100000"], true),
        (vec!["TYPE", "string"], true),
        // The last one of two applies, in Redis and in the filter.
        (vec!["MATCH", "a:*", "MATCH", "*"], true),
        (vec!["MATCH", "b:*"], false),
        (vec!["MATCH", HIDDEN], false),
        (vec!["MATCH", "a:*", "MATCH", "b:*"], false),
        (vec!["MATCH", "a:\\*"], false),
    ] {
        let expected = if shown { own.clone() } else { BTreeSet::new() };
        assert_eq!(scan(&tenants.a, &options).await, expected, "{options:?}");
    }
    // Two prefixes have no pattern in common.
    let both = tenants.bridge.caller("a-token-with-two-prefixes");
    let all: BTreeSet<String> = ["a:own", "a:two", "user:4:name"].map(str::to_owned).into();
    assert_eq!(scan(&both, &["COUNT", "100"]).await, all);
    assert_eq!(scan(&both, &["MATCH", "*", "COUNT", "100"]).await, all);
    assert_eq!(scan(&both, &["MATCH", "user:*", "COUNT", "100"]).await, ["user:4:name".to_owned()].into());
    let replies = tenants.a.pipeline(&[vec!["SCAN", "0", "COUNT", "10000"], vec!["GET", "a:own"]]).await;
    assert!(!replies.text().contains("b:"), "{}", replies.text());
    let replies = tenants.a.transaction(&[vec!["SCAN", "0", "COUNT", "10000"], vec!["GET", "a:own"]]).await;
    assert_eq!(replies.json()[1]["result"], "A-OWN");
    assert!(!replies.text().contains("b:"), "{}", replies.text());
    for words in [vec!["SCAN", "x"], vec!["SCAN", "0", "MATCH"], vec!["SCAN", "0", "EVERYTHING", "1"], vec!["SCAN"]] {
        assert_eq!(tenants.a.command(&words).await.error().0, 400, "{words:?}");
    }
    // A token that may read only keys that it names cannot list keys.
    let (_, text) = tenants.reader.command(&["SCAN", "0"]).await.error();
    assert!(text.starts_with("NOPERM"), "{text}");
    watch.finish().await;
    assert!(scan(&tenants.admin, &["COUNT", "1000"]).await.len() > 1000 / 2);
}

/// A read-only token changes nothing, even within its prefix.
async fn reading_changes_nothing(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    let watch = tenants.watch();
    for line in [
        "SET a:own x",
        "SET a:own x GET",
        "GETSET a:own x",
        "GETDEL a:own",
        "GETEX a:own EX 1",
        "DEL a:own",
        "EXPIRE a:own 0",
        "INCR a:two",
        "RENAME a:own a:x",
        "COPY a:own a:x",
        "BITFIELD a:own SET u8 0 0",
        "SETBIT a:own 0 1",
        "SORT a:list STORE a:x",
        "PUBLISH a:news x",
        "XREADGROUP GROUP g c STREAMS a:s >",
        "GEORADIUS a:geo 0 0 1 km STORE a:x",
        "PFMERGE a:x a:own",
        "EVAL return~redis.call('set','a:own','x') 1 a:own",
    ] {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (status, text) = tenants.reader.command(&words).await.error();
        assert!(status == 400 && text.starts_with("NOPERM"), "{line}: {text}");
    }
    assert_eq!(tenants.reader.result(&["MGET", "a:own", "a:two", "a:x"]).await, json!(["A-OWN", "2", null]));
    watch.finish().await;
}

/// With a delimiter, `user:4:` does not cover `user:42:`. Without one, the bridge warns at the start.
async fn a_prefix_that_another_begins_with(store: StoreKind) {
    let token = |name: &str, prefix: &str| {
        let digest = Digest::of(format!("the token of {name}").replace(' ', "-").as_bytes());
        format!(
            "[[token]]\nname = \"{name}\"\nsha256 = \"{digest}\"\nrole = \"read-write\"\nprefixes = [\"{prefix}\"]\n\
             channels = [\"{prefix}\"]\n"
        )
    };
    let more = [token("whole", "user:4:"), token("loose", "user:4")].concat();
    let tenants = Tenants::with(store, Start::config(tenants::config("", "") + &more)).await;
    let watch = tenants.watch();
    let (whole, loose) = (tenants.bridge.caller("the-token-of-whole"), tenants.bridge.caller("the-token-of-loose"));
    assert_eq!(whole.result(&["GET", "user:4:name"]).await, "four");
    for words in [vec!["GET", "user:42:name"], vec!["GET", "user:4"], vec!["DEL", "user:42:name"], vec!["GET", "user:"]]
    {
        let (_, text) = whole.command(&words).await.error();
        assert!(text.starts_with("NOPERM") && !text.contains(SECRET), "{words:?}: {text}");
    }
    assert_eq!(scan(&whole, &[]).await, ["user:4:name".to_owned()].into());
    assert_eq!(whole.subscribe("/psubscribe/user:4*").await.unwrap_err().status, 400);
    assert_eq!(loose.result(&["GET", "user:42:name"]).await, SECRET, "which is what it was configured to");
    let log = tenants.bridge.log();
    assert!(log.contains("loose: the prefix \"user:4\" does not end in a delimiter"), "{log}");
    assert!(!log.contains("whole: the prefix"), "{log}");
    watch.finish().await;
}

crate::on_both_stores!(
    nothing_leads_out_of_the_prefixes,
    scan_shows_what_is_within,
    reading_changes_nothing,
    a_prefix_that_another_begins_with,
);
