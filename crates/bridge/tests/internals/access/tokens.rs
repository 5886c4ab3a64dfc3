//! Tokens: lookup, storage, signatures and forgeries.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use isocache_bridge::access::signed_token::MAX_BYTES;
use isocache_bridge::access::{
    Claims, Credentials, Digest, Limits, Profile, Role, Scope, Secret, SigningKey, SomeLimits, Tokens, Unauthorized,
};

const NOW: u64 = 1_800_000_000;
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn scope(prefix: &str) -> Scope {
    Scope::prefixes([prefix]).unwrap()
}

fn key(id: &str, secret: &str, role: Role) -> SigningKey {
    let ceiling = Profile { channels: scope("room:"), ..Profile::scoped("ceiling", role, scope("user:")) };
    SigningKey::new(id, &Secret::new(secret), ceiling, 3600).unwrap()
}

fn claims() -> Claims {
    Claims {
        key: "k".into(),
        role: Role::ReadWrite,
        prefixes: scope("user:42:"),
        channels: Scope::nothing(),
        exp: NOW + 600,
        nbf: None,
        sub: None,
        origin: None,
        limits: None,
    }
}

fn tokens() -> Tokens {
    let mut tokens = Tokens::default();
    tokens.add(Digest::of(b"plain"), Profile::admin("plain")).unwrap();
    tokens.add_key(key("other", &SECRET.replace('0', "9"), Role::ReadWrite)).unwrap();
    tokens.add_key(key("k", SECRET, Role::ReadWrite)).unwrap();
    tokens
}

const UNKNOWN: Unauthorized = Unauthorized { expired: false };

fn refused(token: &str) -> Unauthorized {
    tokens().authenticate(token.as_bytes(), NOW).map(|profile| profile.name.clone()).unwrap_err()
}

#[test]
fn a_token_is_found_in_one_place_only() {
    let (header, query) = (&b"Bearer abc"[..], &b"xyz"[..]);
    let strict = Credentials::default();
    let lenient = Credentials { query: true };
    assert_eq!(strict.find([header], []), Ok(&b"abc"[..]));
    assert_eq!(strict.find([], [query]), Err(UNKNOWN), "off unless asked for");
    assert_eq!(lenient.find([], [query]), Ok(query));
    assert_eq!(lenient.find([header], [query]), Ok(&b"abc"[..]), "the header wins");
    for bad in [&b"Bearer"[..], b"Bearer ", b"Basic abc", b"abc", b"", b"Bearer a b", b"Bearer \xff", b"Bearerabc"] {
        assert_eq!(lenient.find([bad], [query]), Err(UNKNOWN), "{bad:?} is not made up for");
    }
    assert_eq!(lenient.find([header, header], []), Err(UNKNOWN));
    assert_eq!(lenient.find([], [query, query]), Err(UNKNOWN));
    assert_eq!(lenient.find([&[b"Bearer ".to_vec(), vec![b'a'; 5000]].concat()[..]], []), Err(UNKNOWN));
}

#[test]
fn every_token_is_told_from_every_other() {
    let mut tokens = Tokens::default();
    assert!(tokens.is_empty());
    for n in 0..20 {
        tokens.add(Digest::of(format!("token{n}").as_bytes()), Profile::admin(format!("p{n}"))).unwrap();
    }
    assert!(tokens.add(Digest::of(b"token3"), Profile::admin("twice")).is_err());
    for n in 0..20 {
        assert_eq!(tokens.authenticate(format!("token{n}").as_bytes(), NOW).unwrap().name, format!("p{n}"));
    }
    for other in ["", "token", "token20", "TOKEN1", "token1 ", "token1\0", "iso1.a.b"] {
        assert_eq!(tokens.authenticate(other.as_bytes(), NOW).map(drop), Err(UNKNOWN), "{other:?}");
    }
    let ended = Profile { expires_at: Some(NOW), ..Profile::admin("ended") };
    tokens.add(Digest::of(b"ended"), ended).unwrap();
    assert_eq!(tokens.authenticate(b"ended", NOW).map(drop), Err(Unauthorized { expired: true }));
    assert!(tokens.authenticate(b"ended", NOW - 1).is_ok());
}

#[test]
fn nothing_shows_a_secret() {
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        Secret::new(SECRET),
        tokens(),
        key("k", SECRET, Role::ReadOnly),
        Digest::of(b"plain")
    );
    for hidden in [SECRET, "plain-", &Digest::of(b"plain").to_string()[..8], "0123456789"] {
        assert!(!shown.contains(hidden), "{hidden} is in {shown}");
    }
    assert_eq!(UNKNOWN.to_string(), Unauthorized { expired: true }.to_string());
}

#[test]
fn a_signed_token_has_the_rights_of_its_claims() {
    let signed = Claims {
        role: Role::ReadOnly,
        channels: scope("room:7:"),
        nbf: Some(NOW - 5),
        sub: Some("ada".into()),
        origin: Some("https://app.example".into()),
        limits: Some(SomeLimits {
            max_pipeline_commands: Some(5),
            max_in_flight: Some(999_999),
            ..SomeLimits::default()
        }),
        ..claims()
    };
    let token = key("k", SECRET, Role::ReadWrite).sign(&signed, NOW).unwrap();
    let profile = tokens().authenticate(token.as_bytes(), NOW).unwrap();
    assert_eq!((profile.role, &profile.read, &profile.write), (Role::ReadOnly, &scope("user:42:"), &Scope::nothing()));
    assert_eq!((profile.expires_at, &profile.channels), (Some(NOW + 600), &scope("room:7:")));
    assert_eq!(
        (profile.limits.max_pipeline_commands, profile.limits.max_in_flight),
        (5, Limits::WRITING.max_in_flight)
    );
    assert!(profile.permits_origin(Some("https://app.example")) && !profile.permits_origin(None));
    assert!(!profile.permits_origin(Some("https://app.example.evil")));
    assert!(profile.name.ends_with(":ada"));
}

/// Claims beyond the key are refused even if the signature is right.
fn signed(claims: &str, secret: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let text = format!("iso1.{}", BASE64.encode(claims));
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&text);
    format!("{text}.{}", BASE64.encode(mac.finalize().into_bytes()))
}

#[test]
fn forged_tokens_are_all_refused_the_same_way() {
    let good = key("k", SECRET, Role::ReadWrite).sign(&claims(), NOW).unwrap();
    assert!(tokens().authenticate(good.as_bytes(), NOW).is_ok());
    for cut in 0..good.len() {
        assert_eq!(refused(&good[..cut]), UNKNOWN, "cut at {cut}");
    }
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(refused(&String::from_utf8(bytes).unwrap()), UNKNOWN, "changed at {at}");
    }
    let (text, signature) = good.rsplit_once('.').unwrap();
    for forged in [
        format!("{good}="),
        format!("{good}."),
        format!("{good} "),
        format!("{text}."),
        format!("{text}.{signature}A"),
        text.to_owned(),
        good.replacen("iso1", "iso2", 1),
        good.replacen("iso1", "none", 1),
        format!("iso1.{good}"),
        signed(&serde_json::to_string(&claims()).unwrap(), "not the secret of anybody at all"),
        // The signature of another key with the name of this key.
        signed(&serde_json::to_string(&claims()).unwrap(), &SECRET.replace('0', "9")),
    ] {
        assert_eq!(refused(&forged), UNKNOWN, "{forged}");
    }
}

/// Even with the right signature: whoever signs may be wrong, or may have got only part of the keys.
#[test]
fn a_signature_does_not_lift_the_ceiling() {
    let base = serde_json::to_value(claims()).unwrap();
    let with = |field: &str, value: serde_json::Value| {
        let mut claims = base.clone();
        claims[field] = value;
        signed(&claims.to_string(), SECRET)
    };
    assert!(tokens().authenticate(with("sub", "x".into()).as_bytes(), NOW).is_ok());
    for (field, value) in [
        ("role", "admin".into()),
        ("role", "custom".into()),
        ("prefixes", "*".into()),
        ("prefixes", serde_json::json!([""])),
        ("prefixes", serde_json::json!(["user:42:", "use"])),
        ("prefixes", serde_json::json!(["session:"])),
        ("channels", "*".into()),
        ("channels", serde_json::json!(["roo"])),
        ("kid", "other".into()),
        ("kid", "none".into()),
        ("exp", (NOW + 3601).into()),
        ("exp", u64::MAX.into()),
        ("exp", (-1).into()),
        ("exp", "never".into()),
        ("nbf", (NOW + 1).into()),
        ("allow", serde_json::json!(["@script"])),
        ("alg", "none".into()),
        ("limits", serde_json::json!({"max-in-flight": 0})),
        ("sub", "x".repeat(MAX_BYTES).into()),
    ] {
        assert_eq!(refused(&with(field, value.clone())), UNKNOWN, "{field} {value}");
    }
    for text in ["", "{}", "null", "[]", &"[".repeat(1000), "\u{0}"] {
        assert_eq!(refused(&signed(text, SECRET)), UNKNOWN, "{text:?}");
    }
    assert_eq!(refused(&with("exp", NOW.into())), Unauthorized { expired: true }, "whose it was may know");
    let reader = key("k", SECRET, Role::ReadOnly);
    assert!(reader.sign(&claims(), NOW).is_err(), "and signing says so at once");
    assert!(reader.sign(&Claims { role: Role::ReadOnly, ..claims() }, NOW).is_ok());
    let burst = SomeLimits { commands_burst: Some(1_000_000), ..SomeLimits::default() };
    let ceiling = Limits { commands_per_second: Some(10), ..Limits::WRITING };
    assert_eq!(burst.under(&ceiling).commands_burst, Some(10));
}

#[test]
fn weak_or_mighty_signing_keys_are_refused() {
    let new = |secret: &str, role, ttl| {
        SigningKey::new("k", &Secret::new(secret), Profile::scoped("c", role, Scope::Everything), ttl).is_err()
    };
    assert!(!new(SECRET, Role::ReadWrite, 1));
    assert!(new(&SECRET[1..], Role::ReadWrite, 1) && new(SECRET, Role::Admin, 1) && new(SECRET, Role::Custom, 1));
    assert!(new(SECRET, Role::ReadOnly, 0));
    assert!(tokens().add_key(key("k", SECRET, Role::ReadOnly)).is_err());
}
