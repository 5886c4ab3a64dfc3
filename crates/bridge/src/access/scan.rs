//! `SCAN` for tokens that may not see every key.

use isocache::__bridge::matches_bytes;
use isocache_protocol::{Command, Reply};

use super::authorize::Decision;
use super::keys::{Malformed, whole_number};
use super::options::is_any;
use super::profile::{Profile, Role};
use super::scope::Scope;

/// The largest `COUNT` forwarded, except for an admin. Redis serves no other client during one step.
const MAX_COUNT: u64 = 10_000;

/// Removes the keys that the caller may not see from the reply to `SCAN`.
#[derive(Clone, Debug)]
pub struct ScanFilter {
    keys: Scope,
    pattern: Option<Box<[u8]>>,
}

impl ScanFilter {
    /// Removes the keys that the caller may not see or did not request. A reply of another form is replaced with an error, so
    /// that no key is returned unchecked.
    pub fn apply(&self, reply: Reply) -> Reply {
        let unexpected = || Reply::error("ERR unexpected reply of the store to SCAN");
        if reply.is_error() {
            return reply;
        }
        let Reply::Array(parts) = reply else { return unexpected() };
        let Ok([cursor, Reply::Array(keys)]) = <[Reply; 2]>::try_from(parts) else { return unexpected() };
        if !matches!(&cursor, Reply::Bulk(text) | Reply::Status(text) if whole_number(text).is_some()) {
            return unexpected();
        }
        let shown = keys.into_iter().filter(|key| matches!(key, Reply::Bulk(key) if self.shows(key))).collect();
        Reply::Array(vec![cursor, Reply::Array(shown)])
    }

    /// Whether the caller may see a key and requested it.
    pub fn shows(&self, key: &[u8]) -> bool {
        self.keys.contains(key) && self.pattern.as_deref().is_none_or(|pattern| matches_bytes(pattern, key))
    }
}

struct Scan<'a> {
    cursor: &'a [u8],
    pattern: Option<&'a [u8]>,
    count: Option<u64>,
    kind: Option<&'a [u8]>,
}

/// Forwards `SCAN` unchanged, or restricted to the keys that the profile may read.
pub(super) fn authorize(profile: &Profile, command: &Command) -> Result<Decision, Malformed> {
    let mut scan = parse(command)?;
    let too_many = profile.role != Role::Admin && scan.count.is_some_and(|count| count > MAX_COUNT);
    if profile.read.is_everything() && !too_many {
        return Ok(Decision::Forward);
    }
    scan.count = scan.count.map(|count| if profile.role == Role::Admin { count } else { count.min(MAX_COUNT) });
    let filter = ScanFilter { keys: profile.read.clone(), pattern: scan.pattern.map(Into::into) };
    // Redis can apply a pattern that stays within the scope. Otherwise Redis gets the common prefix of the scope, and the
    // filter applies the pattern.
    let common;
    if !scan.pattern.is_some_and(|pattern| profile.read.contains_pattern(pattern)) {
        common = prefix_pattern(profile.read.common_prefix());
        scan.pattern = Some(&common);
    }
    Ok(Decision::ForwardRewritten { command: scan.command(), filter })
}

fn parse(command: &Command) -> Result<Scan<'_>, Malformed> {
    let cursor = command.arg(1).ok_or(Malformed::Arity)?;
    whole_number(cursor).ok_or(Malformed::Cursor)?;
    let mut scan = Scan { cursor, pattern: None, count: None, kind: None };
    let mut options = command.args().skip(2);
    while let Some(option) = options.next() {
        let value = options.next().ok_or(Malformed::Syntax)?;
        if is_any(option, &["MATCH"]) {
            scan.pattern = Some(value);
        } else if is_any(option, &["COUNT"]) {
            scan.count = Some(whole_number(value).filter(|&count| count > 0).ok_or(Malformed::Count)?);
        } else if is_any(option, &["TYPE"]) {
            scan.kind = Some(value);
        } else {
            return Err(Malformed::Syntax);
        }
    }
    Ok(scan)
}

impl Scan<'_> {
    fn command(&self) -> Command {
        let mut command: Command = [b"SCAN", self.cursor].into_iter().collect();
        let mut option = |name: &str, value: &[u8]| {
            command.push(name.as_bytes());
            command.push(value);
        };
        if let Some(pattern) = self.pattern {
            option("MATCH", pattern);
        }
        if let Some(count) = self.count {
            option("COUNT", count.to_string().as_bytes());
        }
        if let Some(kind) = self.kind {
            option("TYPE", kind);
        }
        command
    }
}

/// A glob for all keys with a prefix.
fn prefix_pattern(prefix: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(prefix.len() + 1);
    for &byte in prefix {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\') {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern.push(b'*');
    pattern
}
