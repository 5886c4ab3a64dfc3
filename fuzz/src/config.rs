//! Configuration files.

use isocache_bridge::access::Role;
use isocache_bridge::settings::Settings;

/// What a variable of the environment holds, which no message may show.
const SECRET: &str = "zqxjk-secret-of-the-environment-zqxjk";

/// It is refused with a line that there is, or gives only profiles that make sense; and nothing shows a secret.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let env = |name: &str| name.starts_with('S').then(|| format!("{SECRET}{name}"));
    let settings = match Settings::parse("isocache.toml", text, env) {
        Err(error) => {
            let lines = 1 + text.bytes().filter(|byte| *byte == b'\n').count();
            assert!((1..=lines).contains(&error.line), "{error}");
            assert!(!error.problem.is_empty() && !error.to_string().contains(SECRET));
            return;
        }
        Ok(settings) => settings,
    };
    assert!(!format!("{settings:?}").contains(SECRET));
    let tokens = &settings.access.tokens;
    for profile in tokens.profiles().chain(tokens.keys().iter().map(|key| key.ceiling())) {
        assert!(profile.role != Role::Admin || profile.whole_keyspace());
        assert!(profile.allow.needs_whole_keyspace().is_none() || profile.whole_keyspace());
        let limits = &profile.limits;
        assert!(limits.max_body_bytes > 0 && limits.max_in_flight > 0 && limits.commands_per_second != Some(0));
    }
    for key in tokens.keys() {
        assert!(matches!(key.ceiling().role, Role::ReadOnly | Role::ReadWrite));
    }
    assert!(tokens.authenticate(b"", 0).is_err());
}
