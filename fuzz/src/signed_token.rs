//! Minted tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use isocache_bridge::access::{Claims, Limits, Profile, Role, Scope, Secret, SigningKey, Tokens};
use sha2::Sha256;

/// The time of all checks, in seconds since 1970, so that what lives in the corpus goes on living.
const NOW: u64 = 1_800_000_000;
const MAX_TTL: u64 = 3600;
const SECRET: &str = "a secret for tests, of no use elsewhere";

/// The input as a token, and as the claims of one that is signed rightly.
pub fn check(input: &[u8]) {
    let tokens = tokens();
    if let Ok(profile) = tokens.authenticate(input, NOW) {
        within_ceiling(&profile);
        no_other_token_passes(&tokens, input);
    }
    let signed = sign(input);
    let accepted = tokens.authenticate(signed.as_bytes(), NOW);
    if let Ok(profile) = &accepted {
        within_ceiling(profile);
    }
    let Ok(claims) = serde_json::from_slice::<Claims>(input) else { return assert!(accepted.is_err()) };
    assert!(accepted.is_err() || claims.exp > NOW && claims.nbf.unwrap_or(0) <= NOW && claims.key == "k");
    // What is minted is accepted, once it begins.
    let key = tokens.keys().first().expect("there is one");
    if let Ok(token) = key.sign(&claims, NOW) {
        let begin = claims.nbf.unwrap_or(0).max(NOW);
        assert_eq!(tokens.authenticate(token.as_bytes(), begin).is_ok(), begin < claims.exp, "{claims:?}");
        assert!(tokens.authenticate(token.as_bytes(), claims.exp).is_err());
    }
}

fn ceiling() -> Profile {
    let mut ceiling = Profile::scoped("key k", Role::ReadWrite, Scope::prefixes(["user:", "room:"]).expect("they are"));
    ceiling.channels = Scope::prefixes(["room:"]).expect("it is one");
    ceiling.limits.commands_per_second = Some(100);
    ceiling
}

fn tokens() -> Tokens {
    let mut tokens = Tokens::default();
    let key = SigningKey::new("k", &Secret::new(SECRET), ceiling(), MAX_TTL).expect("it is one");
    tokens.add_key(key).expect("it is the only one");
    tokens
}

/// The token that the holder of the key could make of any bytes.
fn sign(claims: &[u8]) -> String {
    let mut token = format!("iso1.{}", URL_SAFE_NO_PAD.encode(claims));
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length will do");
    let signature = mac.chain_update(&token).finalize().into_bytes();
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

fn within_ceiling(profile: &Profile) {
    let most = ceiling();
    assert!(matches!(profile.role, Role::ReadOnly | Role::ReadWrite) && !profile.whole_keyspace());
    assert!(profile.read.within(&most.read) && profile.write.within(&most.write));
    assert!(profile.channels.within(&most.channels));
    assert!(profile.role == Role::ReadWrite || profile.write == Scope::nothing());
    assert!(profile.expires_at.is_some_and(|end| (NOW + 1..=NOW + MAX_TTL).contains(&end)));
    let sizes = |limits: &Limits| {
        [
            limits.max_body_bytes,
            limits.max_value_bytes,
            limits.max_response_bytes,
            limits.max_pipeline_commands,
            limits.max_arguments,
            limits.max_in_flight,
            limits.max_streams,
            limits.commands_per_second.unwrap_or(u64::MAX),
            limits.commands_burst.or(limits.commands_per_second).unwrap_or(u64::MAX),
        ]
    };
    assert!(sizes(&profile.limits).into_iter().zip(sizes(&most.limits)).all(|(own, most)| own <= most));
}

/// One bit more or less, and it is nobody's.
fn no_other_token_passes(tokens: &Tokens, token: &[u8]) {
    for bit in 0..token.len() * 8 {
        let mut other = token.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(tokens.authenticate(&other, NOW).is_err(), "{}", other.escape_ascii());
    }
}
