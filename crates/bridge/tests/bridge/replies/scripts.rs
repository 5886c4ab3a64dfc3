//! Scripts with a flag that only the service knows.

use serde_json::json;
use sha1::{Digest, Sha1};

use crate::support::{Bridge, Start, StoreKind};

const SCRIPT: &str = "#!lua flags=allow-key-locking\nreturn {KEYS[1], ARGV[1], redis.call('incr', KEYS[1])}";

fn hash(script: &str) -> String {
    Sha1::digest(script).iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_is_called_by_the_hash_that_its_author_knows() {
    let mut bridge = Bridge::start(StoreKind::redis(), Start::default());
    let own = hash(SCRIPT);
    let nobody = bridge.nobody();
    let refused = bridge.redis().cli(&["EVAL", SCRIPT, "1", "k", "x"]);
    assert!(refused.contains("Unexpected flag in script shebang"), "this Redis knows the flag: {refused}");
    let call = |hash: &str| vec!["EVALSHA".to_owned(), hash.to_owned(), "1".into(), "k".into(), "x".into()];
    let calls = |hash: &str| {
        let (nobody, words) = (nobody.clone(), call(hash));
        async move { nobody.post("/", serde_json::to_vec(&words).unwrap()).await }
    };
    let (_, text) = calls(&own).await.error();
    assert!(text.starts_with("NOSCRIPT"), "{text}");
    assert_eq!(nobody.result(&["EVAL", SCRIPT, "1", "k", "x"]).await, json!(["k", "x", 1]));
    assert_eq!(calls(&own).await.result(), json!(["k", "x", 2]));
    assert_eq!(calls(&own.to_uppercase()).await.result(), json!(["k", "x", 3]));

    let more = format!("#!lua flags=no-writes,allow-key-locking\nreturn '{own}'");
    assert_eq!(nobody.result(&["SCRIPT", "LOAD", &more]).await, hash(&more));
    let exist = nobody.result(&["SCRIPT", "EXISTS", &own, &hash(&more), &hash("return 1")]).await;
    assert_eq!(exist, json!([1, 1, 0]));
    assert_eq!(nobody.result(&["EVALSHA_RO", &hash(&more), "0"]).await, own, "what a script says stays");

    let commands = [vec!["EVALSHA", &own, "1", "k", &own], vec!["GET", "k"], vec!["SCRIPT", "LOAD", SCRIPT]];
    let expected = |count: u64| json!([{"result": ["k", own, count]}, {"result": count.to_string()}, {"result": own}]);
    assert_eq!(nobody.pipeline(&commands).await.json(), expected(4));
    assert_eq!(nobody.transaction(&commands).await.json(), expected(5));

    assert_eq!(nobody.result(&["SCRIPT", "FLUSH"]).await, "OK");
    let (status, text) = calls(&own).await.error();
    assert!(status == 400 && text.starts_with("NOSCRIPT"), "which tells the client to send the script again: {text}");
    assert_eq!(nobody.result(&["EVAL", SCRIPT, "1", "k", "x"]).await, json!(["k", "x", 6]));
    assert_eq!(calls(&own).await.result(), json!(["k", "x", 7]));
    // Another flag that Redis does not know is for Redis to refuse.
    let (_, text) = nobody.command(&["EVAL", "#!lua flags=allow-everything\nreturn 1", "0"]).await.error();
    assert!(text.contains("Unexpected flag"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_in_memory_refuses_scripts() {
    let bridge = Bridge::start(StoreKind::Memory, Start::default());
    for (words, name) in [
        (vec!["EVAL", "return 1", "0"], "EVAL"),
        (vec!["HSET", "h", "f", "v"], "HSET"),
        (vec!["XADD", "s", "*", "f", "v"], "XADD"),
    ] {
        let (status, text) = bridge.nobody().command(&words).await.error();
        assert_eq!(status, 400);
        assert!(
            text.to_uppercase().contains(name) && text.contains("the embedded store has no such command"),
            "{text}"
        );
    }
}
