//! Access: the table of commands compared with a real Redis, authorization, tokens, rates and the configuration.

mod attacks;
mod config;
mod oracle;
mod property;
mod rates;
mod redis_server;
mod scan;
mod tokens;

use isocache_bridge::access::{Decision, Profile, Refusal, Role, Scope, authorize};
use isocache_protocol::Command;

/// A command with these arguments.
fn command<A: AsRef<[u8]>>(words: impl IntoIterator<Item = A>) -> Command {
    words.into_iter().collect()
}

/// A command with arguments separated by spaces.
fn line(words: &str) -> Command {
    command(words.split_whitespace())
}

fn scoped(role: Role, prefixes: &[&str]) -> Profile {
    Profile::scoped("scoped", role, Scope::prefixes(prefixes).unwrap())
}

fn refusal(profile: &Profile, command: &Command) -> Option<Refusal> {
    match authorize(profile, command) {
        Decision::Refuse(refusal) => Some(refusal),
        _ => None,
    }
}
