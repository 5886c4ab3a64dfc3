//! Wrong configurations, and the commands that help with the configuration.

use isocache_bridge::access::Digest;

use crate::support::{Bridge, Start, StoreKind, isocache};
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
        ("[server]\nbody-timeout = \"soon\"\n".into(), vec!["isocache.toml:2:"]),
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
            vec!["isocache.toml:7:", "never forwarded"],
        ),
        (token("role = \"read-write\"\nprefixes = [\"a:\"]\nallow = [\"GTE\"]"), vec!["isocache.toml:7:", "GTE"]),
        (
            token("role = \"read-only\"\nprefixes = [\"a:\"]\norigins = [\"app.example\"]"),
            vec!["isocache.toml:7:", "is not an origin"],
        ),
        (token("role = \"admin\"\nprefixes = [\"a:\"]"), vec!["isocache.toml:3:", "an admin has access to every key"]),
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
fn errors_are_sentences() {
    fails_with(Start::args(&["--config", "/nowhere/isocache.toml"]), &["cannot read /nowhere/isocache.toml"]);
    fails_with(
        Start::args(&["--store", "http://127.0.0.1:6379"]),
        &["unknown scheme \"http\"", "redis, rediss", "write memory"],
    );
    fails_with(
        Start::args(&["--store", "redis://127.0.0.1:1", "--snapshot", "x"]),
        &["a snapshot is for the store in memory"],
    );
    fails_with(Start::args(&["--static-files", "/nowhere"]), &["the folder /nowhere does not exist"]);
    fails_with(Start::args(&["--token", "iso1.abcdefghijklmnop"]), &["begins with iso1."]);
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
        fails_with(
            Start::args(&["--listen", address]),
            &["refusing to listen on", "without a token", "ISOCACHE_TOKEN"],
        );
    }
    fails_with(Start::config("[listen]\n").arg(&["--listen", "0.0.0.0:0"]), &["without a token"]);
    let start = Start::args(&["--listen", "0.0.0.0:0"]).env("ISOCACHE_TOKEN", "a-token-that-is-long-enough");
    let bridge = Bridge::start(StoreKind::Memory, start);
    let url = format!("http://127.0.0.1:{}", bridge.address.port());
    let caller = crate::client::Caller { base: url, ..bridge.caller("a-token-that-is-long-enough") };
    assert_eq!(caller.result(&["SET", "k", "v"]).await, "OK");
    assert_eq!(crate::client::Caller { token: None, ..caller }.command(&["GET", "k"]).await.status, 401);
}

/// Requests without a token have limits, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_without_a_token_have_limits() {
    let bridge = Bridge::start(StoreKind::Memory, Start::config("[limits]\nmax-pipeline-commands = 2\n"));
    let nobody = bridge.nobody();
    assert_eq!(nobody.pipeline(&vec![vec!["GET", "k"]; 2]).await.status, 200);
    assert_eq!(nobody.pipeline(&vec![vec!["GET", "k"]; 3]).await.status, 413);
}

/// The prefix of every path; it ends at a slash.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_path() {
    let bridge = Bridge::start(StoreKind::Memory, Start::config("[listen]\nbase-path = \"/cache/\"\n"));
    let nobody = bridge.nobody();
    assert_eq!(nobody.get("/cache/set/k/v").await.result(), "OK");
    assert_eq!(nobody.post("/cache", "[\"GET\",\"k\"]").await.result(), "v");
    assert_eq!(nobody.post("/cache/pipeline", "[[\"GET\",\"k\"]]").await.json()[0]["result"], "v");
    let (status, text) = nobody.get("/cacheget/k").await.error();
    assert_eq!(
        (status, text.as_str()),
        (
            400,
            "ERR refused by the bridge: 'cacheget' is not in its table of commands; the configuration can allow it by name"
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_accepts_the_printed_hash() {
    let hash = isocache(&["token", "hash"], "a-token-that-is-long-enough\n", None);
    assert!(hash.status.success());
    let hash = String::from_utf8(hash.stdout).unwrap();
    let config = format!("[[token]]\nname = \"x\"\nsha256 = \"{}\"\nrole = \"admin\"\n", hash.trim());
    let bridge = Bridge::start(StoreKind::Memory, Start::config(config));
    assert_eq!(bridge.caller("a-token-that-is-long-enough").result(&["SET", "k", "v"]).await, "OK");
    for (input, token) in [("", "nothing"), ("\n", "an empty line")] {
        let output = isocache(&["token", "hash"], input, None);
        assert_eq!(output.status.code(), Some(1), "{token}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

#[test]
fn signing_needs_a_key() {
    let mut start = Start::config(tenants::config("", ""));
    let file = start.config_file().display().to_string();
    let sign = |args: &[&str]| isocache(&[&["token", "sign", "--config", &file], args].concat(), "", None);
    let signed = sign(&["--prefix", "user:4:", "--key", "k1", "--origin", "https://app.example"]);
    assert!(signed.status.success() && signed.stdout.starts_with(b"iso1."), "{signed:?}");
    for (args, code, words) in [
        (vec!["--prefix", "user:4:", "--key", "k2"], 1, "there is no signing key \"k2\""),
        (vec!["--prefix", ""], 1, "a prefix is empty"),
        (vec!["--prefix", "user:", "--role", "admin"], 2, "the role is read-only (ro) or read-write (rw)"),
        (vec![], 2, "--prefix"),
    ] {
        let output = sign(&args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && text.contains(words), "{args:?}: {text}");
        assert!(output.stdout.is_empty());
    }
    let none = Start::config("[listen]\n").config_file().display().to_string();
    assert_eq!(isocache(&["token", "sign", "--config", &none, "--prefix", "x:"], "", None).status.code(), Some(1));
}

/// The machine that signs has the signing key, and no other secret.
#[test]
fn signing_reads_only_the_key_that_it_needs() {
    let config = "[[token]]\nname = \"x\"\ntoken-env = \"NOT_SET_HERE\"\nrole = \"admin\"\n\
        [store]\nurl-env = \"NOT_SET_HERE_EITHER\"\nsentinel-password-env = \"NOR_THIS\"\n\
        [tls]\ncertificate = \"/nowhere/cert.pem\"\nkey = \"/nowhere/key.pem\"\n\
        [[signing.keys]]\nid = \"other\"\nsecret-env = \"NOT_THIS_ONE\"\nrole = \"read-only\"\nprefixes = [\"a:\"]\n\
        [[signing.keys]]\nid = \"own\"\nsecret = \"0123456789abcdef0123456789abcdef\"\nrole = \"read-only\"\n\
        prefixes = [\"user:\"]\nmax-ttl = \"2h\"\n";
    let mut start = Start::config(config);
    let file = start.config_file().display().to_string();
    let sign = |args: &[&str]| isocache(&[&["token", "sign", "--config", &file], args].concat(), "", None);
    let signed = sign(&["--key", "own", "--prefix", "user:4:", "--ttl", "90m"]);
    assert!(signed.status.success() && signed.stdout.starts_with(b"iso1."), "{signed:?}");
    for (args, words) in [
        (["--key", "own", "--prefix", "user:4:", "--ttl", "3h"].as_slice(), vec!["longer than the 7200 s"]),
        (&["--prefix", "a:"], vec!["isocache.toml:", "NOT_THIS_ONE is not set"]),
        (&["--key", "gone", "--prefix", "a:"], vec!["there is no signing key \"gone\"", "other, own"]),
    ] {
        let output = sign(args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{args:?}: {text}");
    }
}

#[test]
fn addresses() {
    for (option, says) in [
        (["--listen", ":8079"], "127.0.0.1:8079 for this machine only"),
        (["--listen", "8079"], "is only a port"),
        (["--listen", "cache.example:80"], "\"cache.example\" in \"cache.example:80\" is not an IP address"),
        (["--listen", "localhost"], "has no port"),
        (["--metrics-listen", ":9079"], "127.0.0.1:9079"),
    ] {
        let output = isocache(&[&["serve"], &option[..]].concat(), "", None);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && text.contains(says), "{option:?}: {text}");
    }
    fails_with(Start::config("[listen]\n\naddress = \":8079\"\n"), &["isocache.toml:3: ", "0.0.0.0:8079"]);
    let bridge = Bridge::start(StoreKind::Memory, Start::args(&["--listen", "localhost:0"]));
    assert!(bridge.address.ip().is_loopback() && bridge.address.port() != 0);
}

#[test]
fn stores_that_cannot_be() {
    for (store, says) in [
        ("http://127.0.0.1:6379", "unknown scheme \"http\""),
        ("postgres://localhost", "unknown scheme \"postgres\""),
        ("memori", "\"memori\" has no scheme"),
        ("Memory", "for the store in memory, write memory"),
        ("127.0.0.1:6379", "write redis://127.0.0.1:6379"),
        ("redis:127.0.0.1", "has no scheme"),
        ("redis://", "a host is empty"),
        ("redis://host:port", "not a valid Redis URL"),
        ("redis://:pass/word@host", "percent-encode"),
    ] {
        fails_with(Start::args(&["--store", store]), &["--store: ", says]);
        fails_with(Start::default().env("ISOCACHE_STORE", store), &["--store: ", says]);
    }
    fails_with(Start::args(&["--store-username", "app"]), &["the store is in memory"]);
    fails_with(
        Start::args(&["--store", "rediss://localhost", "--store-ca-certificate", "/nowhere/ca.pem"]),
        &["--store-ca-certificate: cannot read the certificate authorities /nowhere/ca.pem"],
    );
    fails_with(
        Start::config("[store]\nurl = \"rediss://localhost\"\nca-certificate = \"{folder}/isocache.toml\"\n"),
        &["ca_certificate", "contains no certificate"],
    );
    fails_with(
        Start::config("[store]\nurl = \"rediss://localhost\"\n\npassword-file = \"/nowhere/password\"\n"),
        &["isocache.toml:4: cannot read the password /nowhere/password"],
    );
}

/// A missing or unusable certificate is named with its place in the configuration.
#[test]
fn certificates_that_cannot_be_used() {
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (issued.cert.pem(), issued.signing_key.serialize_pem());
    for (cert_pem, key_pem, says) in [
        (None, Some(&key), "isocache.toml:3: cannot read the certificate "),
        (Some(&certificate), None, "isocache.toml:4: cannot read the private key "),
        (Some(&key), Some(&key), "isocache.toml:3: no certificate in "),
        (Some(&certificate), Some(&certificate), "isocache.toml:4: cannot use the private key "),
        (Some(&certificate), Some(&other.signing_key.serialize_pem()), "isocache.toml:3: cannot use the certificate "),
    ] {
        let mut start =
            Start::config("# TLS\n[tls]\ncertificate = \"{folder}/cert.pem\"\nkey = \"{folder}/key.pem\"\n");
        let folder = start.folder();
        for (name, pem) in [("cert.pem", cert_pem), ("key.pem", key_pem)] {
            if let Some(pem) = pem {
                std::fs::write(folder.path().join(name), pem).unwrap();
            }
        }
        fails_with(start.clone(), &[says, "pem: "]);
        let file = start.config_file().display().to_string();
        let checked = isocache(&["serve", "--check", "--config", &file], "", None);
        assert!(String::from_utf8_lossy(&checked.stderr).contains(says), "{checked:?}");
    }
}

/// `--check` says what is wrong before the bridge is started with it, and opens no port.
#[test]
fn a_configuration_is_checked() {
    let check = |start: &mut Start, env: &str| {
        let file = start.config_file().display().to_string();
        let args: Vec<&str> =
            ["serve", "--check", "--config", &file].into_iter().chain(env.split_whitespace()).collect();
        let output = isocache(&args, "", None);
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut start = Start::config(tenants::config(&format!("[listen]\naddress = \"{address}\""), ""));
    let (code, out, err) = check(&mut start, "");
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("configuration: ok") && out.contains("store: ok (memory)"), "{out}");

    let mut redis = servers::redis::RedisServer::plain();
    let url = redis.url();
    // A busy machine may take longer to connect than the limit is.
    servers::eventually("the store to be found", || {
        let (code, out, err) = check(&mut start, &format!("--store {url}"));
        assert!(code == Some(0) || err.contains("within "), "{out}{err}");
        (code == Some(0) && out.contains("store: ok (127.0.0.1:")).then_some(())
    });
    redis.kill();
    let (code, _, err) = check(&mut start, &format!("--store {url}"));
    assert!(code == Some(1) && err.contains("store: ") && err.contains("127.0.0.1"), "{err}");

    let (code, _, err) = check(&mut Start::config("[listen]\nadress = \"x\"\n"), "");
    assert!(code == Some(1) && err.contains("isocache.toml:2:"), "{err}");
    let (code, _, err) = check(&mut Start::config("[store]\nsnapshot = \"/nowhere/x\"\n"), "");
    assert!(code == Some(1) && err.contains("cannot use the folder /nowhere"), "{err}");
    // A damaged snapshot stays where it is.
    let mut start = Start::config("[store]\nsnapshot = \"{folder}/cache.snapshot\"\n");
    let path = start.folder().path().join("cache.snapshot");
    std::fs::write(&path, "no snapshot at all").unwrap();
    let (code, _, err) = check(&mut start, "");
    assert!(code == Some(1) && err.contains("is not a usable snapshot") && path.exists(), "{err}");
}
