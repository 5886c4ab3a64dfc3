//! What is configured wrongly, and the commands that help to configure it.

use isocache_bridge::access::Digest;

use crate::support::{Behind, Bridge, Start, isocache};
use crate::tenants;

#[track_caller]
fn fails_with(start: Start, words: &[&str]) {
    let output = start.fails();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(text.lines().last().unwrap().starts_with("isocache: "), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

#[test]
fn errors_name_the_file_and_the_line() {
    let digest = Digest::of(b"some-token-or-other");
    let token = |more: &str| format!("# tokens\n[[token]]\nname = \"x\"\nsha256 = \"{digest}\"\n{more}\n");
    for (config, words) in [
        ("[listen\n".to_owned(), vec!["isocache.toml:1:"]),
        ("[listen]\nadress = \"127.0.0.1:1\"\n".into(), vec!["isocache.toml:2:", "did you mean `address`"]),
        ("\n\n[limit]\n".into(), vec!["isocache.toml:3:", "did you mean `limits`"]),
        ("[server]\nbody-timeout-ms = \"soon\"\n".into(), vec!["isocache.toml:2:"]),
        ("[limits]\nmax-body-bytes = 0\n".into(), vec!["isocache.toml:", "max-body-bytes"]),
        (token("role = \"reader\"\nprefixes = [\"a:\"]"), vec!["isocache.toml:5:"]),
        (token("role = \"read-only\""), vec!["isocache.toml:3:", "prefixes"]),
        (token("role = \"read-only\"\nprefixes = [\"\"]"), vec!["isocache.toml:6:", "a prefix is empty"]),
        (
            token("role = \"read-write\"\nprefixes = [\"a:\"]\nallow = [\"KEYS\"]"),
            vec!["isocache.toml:3:", "reaches every key"],
        ),
        (
            token("role = \"read-write\"\nprefixes = [\"a:\"]\nallow = [\"MULTI\"]"),
            vec!["isocache.toml:7:", "never passed on"],
        ),
        (token("role = \"read-write\"\nprefixes = [\"a:\"]\nallow = [\"GTE\"]"), vec!["isocache.toml:7:", "GTE"]),
        (
            token("role = \"read-only\"\nprefixes = [\"a:\"]\norigins = [\"app.example\"]"),
            vec!["isocache.toml:7:", "is not an origin"],
        ),
        (token("role = \"admin\"\nprefixes = [\"a:\"]"), vec!["isocache.toml:3:", "an admin is not held to prefixes"]),
        (
            "[[token]]\nname = \"x\"\ntoken-env = \"NOBODY_SETS_THIS\"\nrole = \"admin\"\n".into(),
            vec!["isocache.toml:3:", "is not set"],
        ),
        (
            "[[token]]\nname = \"x\"\nsha256 = \"abc\"\nrole = \"admin\"\n".into(),
            vec!["isocache.toml:3:", "64 hexadecimal digits"],
        ),
        ([token("role = \"admin\""), token("role = \"admin\"")].concat(), vec!["isocache.toml:8:", "are the same"]),
    ] {
        fails_with(Start::config(config), &words);
    }
}

#[test]
fn what_cannot_be_is_said_in_a_sentence() {
    fails_with(Start::args(&["--config", "/nowhere/isocache.toml"]), &["cannot read /nowhere/isocache.toml"]);
    fails_with(Start::args(&["--store", "http://127.0.0.1:6379"]), &["Redis URL did not parse"]);
    fails_with(
        Start::args(&["--store", "redis://127.0.0.1:1", "--snapshot", "x"]),
        &["a snapshot is for the store in memory"],
    );
    fails_with(Start::args(&["--page", "/nowhere"]), &["the folder /nowhere is not there"]);
    fails_with(Start::args(&["--token", "iso1.abcdefghijklmnop"]), &["begins like a minted one"]);
    fails_with(Start::args(&["--token", ""]), &["is empty"]);
    fails_with(Start::config("[store]\nurl-env = \"NOBODY_SETS_THIS\"\n"), &["NOBODY_SETS_THIS"]);
    for origin in
        ["*", "app.example", "https://app.example/", "https://App.example", "https://app.example:443", "null", ""]
    {
        let words = ["--allow-origin: ", "is not an origin"];
        fails_with(Start::args(&["--allow-origin", "https://a.example", "--allow-origin", origin]), &words);
    }
    fails_with(Start::config("[server]\nmax-connections = 0\n"), &["isocache.toml:2:", "expected a nonzero"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails_with(Start::args(&["--listen", &address]), &["cannot listen on", &address]);
    fails_with(Start::args(&["--metrics-listen", &address]), &["cannot listen on", &address]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_loopback_only_with_a_token() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        fails_with(Start::args(&["--listen", address]), &["will not listen on", "without a token", "ISOCACHE_TOKEN"]);
    }
    fails_with(Start::config("[listen]\n").arg(&["--listen", "0.0.0.0:0"]), &["without a token"]);
    let start = Start::args(&["--listen", "0.0.0.0:0"]).env("ISOCACHE_TOKEN", "a-token-that-is-long-enough");
    let bridge = Bridge::start(Behind::Memory, start);
    let url = format!("http://127.0.0.1:{}", bridge.address.port());
    let caller = crate::client::Caller { base: url, ..bridge.caller("a-token-that-is-long-enough") };
    assert_eq!(caller.result(&["SET", "k", "v"]).await, "OK");
    assert_eq!(crate::client::Caller { token: None, ..caller }.command(&["GET", "k"]).await.status, 401);
}

/// Without a token there are limits all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_for_nobody_too() {
    let bridge = Bridge::start(Behind::Memory, Start::config("[limits]\nmax-pipeline-commands = 2\n"));
    let nobody = bridge.nobody();
    assert_eq!(nobody.pipeline(&vec![vec!["GET", "k"]; 2]).await.status, 200);
    assert_eq!(nobody.pipeline(&vec![vec!["GET", "k"]; 3]).await.status, 413);
}

/// What comes before every path; with nothing between, it is another path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_path() {
    let bridge = Bridge::start(Behind::Memory, Start::config("[listen]\nbase-path = \"/cache/\"\n"));
    let nobody = bridge.nobody();
    assert_eq!(nobody.get("/cache/set/k/v").await.result(), "OK");
    assert_eq!(nobody.post("/cache", "[\"GET\",\"k\"]").await.result(), "v");
    assert_eq!(nobody.post("/cache/pipeline", "[[\"GET\",\"k\"]]").await.json()[0]["result"], "v");
    let (status, text) = nobody.get("/cacheget/k").await.error();
    assert_eq!((status, text.as_str()), (400, "ERR unknown command 'cacheget'"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hash_of_a_token_is_what_the_configuration_wants() {
    let hash = isocache(&["token", "hash"], "a-token-that-is-long-enough\n", None);
    assert!(hash.status.success());
    let hash = String::from_utf8(hash.stdout).unwrap();
    let config = format!("[[token]]\nname = \"x\"\nsha256 = \"{}\"\nrole = \"admin\"\n", hash.trim());
    let bridge = Bridge::start(Behind::Memory, Start::config(config));
    assert_eq!(bridge.caller("a-token-that-is-long-enough").result(&["SET", "k", "v"]).await, "OK");
    for (input, token) in [("", "nothing"), ("\n", "an empty line")] {
        let output = isocache(&["token", "hash"], input, None);
        assert_eq!(output.status.code(), Some(1), "{token}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

#[test]
fn minting_needs_a_key() {
    let mut start = Start::config(tenants::config("", ""));
    let file = start.config_file().display().to_string();
    let mint = |args: &[&str]| isocache(&[&["token", "mint", "--config", &file], args].concat(), "", None);
    let minted = mint(&["--prefix", "user:4:", "--key", "k1", "--origin", "https://app.example"]);
    assert!(minted.status.success() && minted.stdout.starts_with(b"iso1."), "{minted:?}");
    for (args, code, words) in [
        (vec!["--prefix", "user:4:", "--key", "k2"], 1, "there is no signing key \"k2\""),
        (vec!["--prefix", ""], 1, "a prefix is empty"),
        (vec!["--prefix", "user:", "--role", "admin"], 2, "is one of read-only"),
        (vec![], 2, "--prefix"),
    ] {
        let output = mint(&args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && text.contains(words), "{args:?}: {text}");
        assert!(output.stdout.is_empty());
    }
    let none = Start::config("[listen]\n").config_file().display().to_string();
    assert_eq!(isocache(&["token", "mint", "--config", &none, "--prefix", "x:"], "", None).status.code(), Some(1));
}
