//! The configuration file.

use isocache_bridge::access::{AccessConfig, ConfigError, Decision, Document, Limits, Role, authorize};

use super::line;

fn take(text: &str) -> Result<AccessConfig, ConfigError> {
    let mut document = Document::parse("isocache.toml", text)?;
    let config = AccessConfig::take(&mut document, |name| match name {
        "TOKEN" => Some("from the environment".into()),
        "KEY" => Some("k".repeat(32)),
        "SIGNED" => Some("iso1.x.y".into()),
        _ => None,
    })?;
    document.finish()?;
    Ok(config)
}

const WHOLE: &str = r#"
[[token]]
name = "shop"
sha256 = "2BB80D537B1DA3E38BD30361AA855686BDE0EACD7162FEF6A25FE97BF527A25B"  # of `secret`
role = "read-write"
prefixes = ["shop:"]
channels = ["shop"]
allow = ["DEL"]
origins = ["https://shop.example:8443"]
expires-at = 5
limits = { commands-per-second = 7 }

[[token]]
name = "job"
token-env = "TOKEN"
role = "rw"
prefixes = "*"
allow = ["@script", "KEYS"]

[[signing.keys]]
id = "k1"
secret-env = "KEY"
role = "ro"
prefixes = ["user:"]

[limits]
max-pipeline-commands = 50
commands-per-second = 3

[cors]
origins = ["http://localhost:3000"]
"#;

#[test]
fn a_complete_file_is_parsed() {
    let config = take(WHOLE).unwrap();
    let shop = config.tokens.authenticate(b"secret", 4).unwrap();
    assert_eq!((shop.name.as_str(), shop.role, shop.expires_at), ("shop", Role::ReadWrite, Some(5)));
    assert_eq!(shop.limits, Limits { max_pipeline_commands: 50, commands_per_second: Some(7), ..Limits::WRITING });
    assert!(shop.permits_origin(Some("https://shop.example:8443")) && !shop.permits_origin(None));
    let job = config.tokens.authenticate(b"from the environment", 4).unwrap();
    assert_eq!(job.limits.commands_per_second, Some(3));
    for words in ["EVAL x 0", "KEYS *", "SET a b"] {
        assert!(matches!(authorize(&job, &line(words)), Decision::Forward), "{words}");
    }
    assert_eq!(config.tokens.keys()[0].id(), "k1");
    assert_eq!(config.cors.origins, ["http://localhost:3000"]);
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    assert!(config.warnings[0].contains("\"shop\" does not end in a delimiter"));
    assert!(take("").unwrap().tokens.is_empty());
}

fn token(fields: &str) -> String {
    format!("[cors]\n\n[[token]]\nname = \"t\"\n{fields}\n")
}

#[test]
fn errors_name_the_line_and_what_is_wrong() {
    let env = "token-env = \"TOKEN\"\n";
    for (text, line, words) in [
        ("a = \n".into(), 1, "string"),
        ("[lmits]\n".into(), 1, "unknown section `lmits`; did you mean `limits`?"),
        ("\n[limits]\nmax-bodi-bytes = 1\n".into(), 3, "did you mean `max-body-bytes`?"),
        ("\n[limits]\nmax-body-bytes = 0\n".into(), 2, "`max-body-bytes` is 0"),
        ("[limits]\nmax-body-bytes = -1\n".into(), 2, "-1"),
        ("[cors]\norigins = [\"*\"]\n".into(), 1, "not an origin"),
        (token("rol = \"read-only\""), 5, "unknown field `rol`"),
        (token("role = \"read-onyl\""), 5, "did you mean `read-only`?"),
        (token("role = \"read-only\"\nprefixes = [\"a:\"]"), 4, "either sha256 or token-env"),
        (token("sha256 = \"12\"\nrole = \"read-only\""), 5, "64 hexadecimal digits"),
        (token("sha256 = \"\u{e9}\"\nrole = \"read-only\""), 5, "64 hexadecimal digits"),
        (token("token-env = \"NONE\"\nrole = \"admin\""), 5, "the variable NONE is not set"),
        (token("token-env = \"SIGNED\"\nrole = \"admin\""), 5, "begins with iso1."),
        (token(&format!("{env}role = \"read-only\"")), 4, "a token needs prefixes"),
        (token(&format!("{env}role = \"read-only\"\nprefixes = [\"\"]")), 7, "a prefix is empty"),
        (token(&format!("{env}role = \"read-only\"\nprefixes = [\"a:*\"]")), 7, "a prefix is not a pattern"),
        (token(&format!("{env}role = \"read-only\"\nprefixes = \"a:\"")), 7, "\"*\" or a list"),
        (token(&format!("{env}role = \"admin\"\nprefixes = [\"a:\"]")), 4, "an admin has access to every key"),
        (
            token(&format!("{env}role = \"rw\"\nprefixes = [\"a:\"]\nallow = [\"GET\", \"@script\"]")),
            4,
            "`@script` reaches every key",
        ),
        (token(&format!("{env}role = \"rw\"\nprefixes = [\"a:\"]\nallow = [\"dump\"]")), 4, "`dump` reaches every key"),
        (
            token(&format!("{env}role = \"rw\"\nprefixes = \"*\"\nallow = [\n\"GET\",\n\"EXEC\"]")),
            10,
            "never forwarded",
        ),
        (token(&format!("{env}role = \"rw\"\nprefixes = \"*\"\norigins = [\"https://a/\"]")), 8, "not an origin"),
        (token(&format!("{env}role = \"admin\"\n[[token]]\nname = \"u\"\n{env}role = \"admin\"")), 8, "the same"),
        (
            "[[signing.keys]]\nid = \"k\"\nsecret = \"short-and-secret\"\nrole = \"ro\"\nprefixes = \"*\"\n".into(),
            2,
            "shorter than 32",
        ),
        (
            "[[signing.keys]]\nid = \"k\"\nsecret-env = \"KEY\"\nrole = \"admin\"\nprefixes = \"*\"\n".into(),
            2,
            "only be read-only",
        ),
    ] {
        let error = take(&text).map(|_| text.clone()).unwrap_err();
        assert_eq!((error.line, error.file.as_str()), (line, "isocache.toml"), "{text}{error}");
        assert!(error.problem.contains(words), "{text}{error}");
        assert!(!error.to_string().contains("short-and-secret") && !error.to_string().contains("from the environment"));
    }
}
