//! Commands that would change the shared connection, or the number of its replies.

use serde_json::json;

use crate::client::{Caller, resp};
use crate::support::StoreKind;
use crate::tenants::Tenants;

/// None of these may reach Redis, in any form, with any token.
const NEVER: &[&str] = &[
    "CLIENT REPLY SKIP",
    "CLIENT REPLY OFF",
    "CLIENT REPLY ON",
    "client reply skip",
    "CLIENT TRACKING ON BCAST",
    "CLIENT CACHING YES",
    "CLIENT NO-TOUCH ON",
    "CLIENT NO-EVICT ON",
    "CLIENT ID",
    "CLIENT LIST",
    "CLIENT INFO",
    "CLIENT KILL TYPE normal",
    "CLIENT PAUSE 60000",
    "CLIENT UNPAUSE",
    "CLIENT UNBLOCK 1",
    "CLIENT SETINFOX a b",
    "CLIENT|REPLY SKIP",
    "MULTI",
    "mUlTi",
    "EXEC",
    "DISCARD",
    "WATCH b:secret",
    "UNWATCH",
    "SELECT 1",
    "SUBSCRIBE b:x",
    "PSUBSCRIBE *",
    "SSUBSCRIBE b:x",
    "UNSUBSCRIBE",
    "PUNSUBSCRIBE",
    "MONITOR",
    "HELLO 3",
    "HELLO 3 SETNAME x",
    "RESET",
    "AUTH default x",
    "QUIT",
    "READONLY",
    "READWRITE",
    "ASKING",
    "BLPOP a:l 0",
    "BRPOPLPUSH a:l a:m 0",
    "BLMOVE a:l a:m LEFT LEFT 0",
    "BZMPOP 0 1 a:z MIN",
    "XREAD BLOCK 0 STREAMS a:s $",
    "XREADGROUP GROUP g c BLOCK 0 STREAMS a:s >",
    "WAIT 1 0",
    "WAITAOF 1 0 0",
    "SHUTDOWN NOSAVE",
    "DEBUG SLEEP 100",
    "CONFIG SET requirepass x",
    "REPLICAOF 127.0.0.1 1",
    "SLAVEOF NO ONE",
    "SYNC",
    "PSYNC ? -1",
    "REPLCONF ack 0",
    "FAILOVER",
    "CLUSTER RESET",
    "MIGRATE 127.0.0.1 1 a:own 0 100",
    "MODULE LIST",
    "ACL WHOAMI",
    "SAVE",
    "BGSAVE",
    "BGREWRITEAOF",
    "SCRIPT DEBUG YES",
    "PFDEBUG ENCODING a:h",
    "NO-SUCH-COMMAND a:x",
];

/// Names that would be commands only if they were trimmed or split.
const DISGUISED: &[&str] = &[
    "MULTI ",
    " MULTI",
    "MULTI\r\n",
    "\0MULTI",
    "MULTI\0",
    "GET a:own\r\nMULTI",
    "*1\r\n$5\r\nMULTI\r\n",
    "",
    "ＭＵＬＴＩ",
];

/// In every form, alone and before a lookup, whose reply must stay in its place.
async fn attack(caller: &Caller, words: &[&str]) {
    let own = || vec!["GET", "a:own"];
    let refused = |text: &str| text.starts_with("ERR ") || text.starts_with("NOPERM ");

    let (status, text) = caller.command(words).await.error();
    assert!(status == 400 && refused(&text), "{words:?}: {status} {text}");

    let replies = caller.pipeline(&[own(), words.to_vec(), own(), words.to_vec()]).await.json();
    assert_eq!(replies.as_array().unwrap().len(), 4, "{words:?}: {replies}");
    for at in [0, 2] {
        assert_eq!(replies[at], json!({"result": "A-OWN"}), "{words:?}: {replies}");
    }
    for at in [1, 3] {
        assert!(replies[at]["error"].as_str().is_some_and(refused), "{words:?}: {replies}");
    }

    // No command of the transaction is executed.
    let whole = caller.transaction(&[vec!["SET", "a:mark", "1"], words.to_vec(), vec!["SET", "a:mark", "2"]]).await;
    let (status, text) = whole.error();
    assert!(status == 400 && refused(&text), "{words:?}: {status} {text}");
    assert_eq!(caller.result(&["GET", "a:mark"]).await, json!(null), "{words:?}");

    let batch = resp(&[&["GET", "a:own"][..], words, &["GET", "a:own"]]);
    let response = caller.resp("/pipeline", batch).await.text();
    let middle = response.strip_prefix("$5\r\nA-OWN\r\n-").and_then(|rest| rest.strip_suffix("\r\n$5\r\nA-OWN\r\n"));
    assert!(middle.is_some_and(|text| refused(text) && !text.contains("\r\n")), "{words:?}: {response:?}");
    let batch = resp(&[&["SET", "a:mark", "1"][..], words]);
    let (status, text) = caller.resp("/multi-exec", batch).await.error();
    assert!(status == 400 && refused(&text), "{words:?}: {status} {text}");

    let path: String = words.iter().flat_map(|word| ["/".into(), encode(word)]).collect();
    // An empty path is not a command.
    let response = caller.get(&path).await;
    assert!(response.status == 400 && refused(&response.error().1), "{words:?}: {}", response.text());
}

fn encode(word: &str) -> String {
    percent_encoding::percent_encode(word.as_bytes(), percent_encoding::NON_ALPHANUMERIC).to_string()
}

async fn nothing_changes_the_connection(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    let watch = tenants.watch();
    for line in NEVER {
        let words: Vec<&str> = line.split(' ').collect();
        attack(&tenants.a, &words).await;
        attack(&tenants.admin, &words).await;
    }
    for name in DISGUISED {
        attack(&tenants.a, &[name]).await;
        attack(&tenants.admin, &[name, "x"]).await;
    }
    watch.finish().await;
    tenants.b_is_well().await;
}

/// Concurrently, since a stray reply would reach another caller.
async fn replies_stay_with_their_requests_under_attack(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    let watch = tenants.watch();
    let attackers: Vec<_> = (0..8)
        .map(|worker| {
            let a = if worker % 2 == 0 { tenants.a.clone() } else { tenants.admin.clone() };
            tokio::spawn(async move {
                for round in 0..25 {
                    let unique = format!("{worker}-{round}");
                    let commands = [
                        vec!["CLIENT", "REPLY", "SKIP"],
                        vec!["ECHO", &unique],
                        vec!["MULTI"],
                        vec!["GET", "a:own"],
                        vec!["CLIENT", "REPLY", "OFF"],
                        vec!["ECHO", &unique],
                        vec!["EXEC"],
                    ];
                    let replies = a.pipeline(&commands).await.json();
                    let results: Vec<_> = (0..7).map(|at| replies[at]["result"].clone()).collect();
                    let expected = json!([null, unique, null, "A-OWN", null, unique, null]).as_array().unwrap().clone();
                    assert_eq!(results, expected, "{replies}");
                }
            })
        })
        .collect();
    for attacker in attackers {
        attacker.await.unwrap();
    }
    watch.finish().await;
}

/// Only a transaction that is executed as a whole may write.
async fn exec_and_discard_within_a_transaction(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    let watch = tenants.watch();
    for word in ["EXEC", "DISCARD", "MULTI", "exec", "RESET", "QUIT"] {
        let commands = [
            vec!["SET", "a:before", "1"],
            vec![word],
            vec!["SET", "a:after", "1"],
            vec!["GET", "b:secret"],
            vec!["EXEC"],
        ];
        let (status, text) = tenants.a.transaction(&commands).await.error();
        assert!(status == 400 && text.starts_with("ERR refused by the bridge: "), "{word}: {text}");
        assert_eq!(tenants.a.result(&["EXISTS", "a:before", "a:after"]).await, 0, "{word}");
    }
    watch.finish().await;
    assert_eq!(
        tenants.a.transaction(&[vec!["SET", "a:x", "1"], vec!["INCR", "a:x"]]).await.json(),
        json!([
            {"result": "OK"},
            {"result": 2}
        ])
    );
}

/// Clients introduce themselves and get `OK`, and the connection keeps its name.
async fn who_a_client_says_it_is_goes_no_further(store: StoreKind) {
    let mut tenants = Tenants::start(store).await;
    for words in [["CLIENT", "SETINFO", "LIB-NAME", "mine"].as_slice(), &["CLIENT", "SETNAME", "mine"]] {
        assert_eq!(tenants.a.result(words).await, "OK");
    }
    if tenants.bridge.store.is_redis() {
        let clients = tenants.bridge.redis().cli(&["CLIENT", "LIST"]);
        assert!(!clients.contains("mine"), "{clients}");
        let of_bridge: Vec<_> = clients.lines().filter(|line| !line.contains("cmd=client|list")).collect();
        assert!(!of_bridge.is_empty());
        for line in of_bridge {
            assert!(line.contains(" db=0 sub=0 psub=0 ") && line.contains(" multi=-1 "), "{line}");
        }
    }
}

crate::on_both_stores!(
    nothing_changes_the_connection,
    replies_stay_with_their_requests_under_attack,
    exec_and_discard_within_a_transaction,
    who_a_client_says_it_is_goes_no_further,
);
