//! The one place where it is decided whether a command is passed on.
//!
//! What holds of every answer:
//! 1. A command that the table does not have, or that is never to be passed on, is refused, whoever asks.
//! 2. A command passes only if role or allow list permit it.
//! 3. Every key that Redis would find in it may be read, or changed, or both, as the command does it.
//! 4. A command that reaches keys which it does not name passes only for a profile of the whole keyspace; but `SCAN` is
//!    rewritten, and its reply filtered.
//! 5. A command whose keys are not certain is refused.
//! 6. What passes does not wait, and does not change the connection.

use isocache_protocol::{Command, Reply};

use super::keys::{Access, Malformed, whole_number};
use super::profile::{Profile, whole_keyspace};
use super::refusal::Refusal;
use super::scan::{self, ScanFilter};
use super::scope::Scope;
use super::table::{self, Class, Rule, Spec};

/// What becomes of a command.
#[derive(Debug)]
pub enum Decision {
    /// It is passed on as it is.
    Forward,
    /// Another one is passed on in its place, and the reply filtered.
    ForwardRewritten {
        /// What is passed on.
        command: Command,
        /// What of the reply may be shown.
        filter: ScanFilter,
    },
    /// The bridge answers.
    AnswerLocally(Reply),
    /// It is refused.
    Refuse(Refusal),
}

/// Decides what becomes of a command. Every command goes through here, alone, in a pipeline or in a transaction.
///
/// ```
/// use isocache_bridge::access::{Decision, Profile, Refusal, Role, Scope, authorize};
///
/// let profile = Profile::scoped("browser", Role::ReadOnly, Scope::prefixes(["user:42:"]).unwrap());
/// assert!(matches!(authorize(&profile, &["GET", "user:42:name"].into_iter().collect()), Decision::Forward));
/// let other = authorize(&profile, &["GET", "user:43:name"].into_iter().collect());
/// assert!(matches!(other, Decision::Refuse(Refusal::Key)));
/// ```
pub fn authorize(profile: &Profile, command: &Command) -> Decision {
    authorize_known(profile, table::lookup(command), command)
}

/// [`authorize`], for whom has looked the command up already: `spec` is what [`table::lookup`] says of it, and nothing else.
pub(crate) fn authorize_known(profile: &Profile, spec: Option<&'static Spec>, command: &Command) -> Decision {
    debug_assert_eq!(spec.map(|spec| spec.name), table::lookup(command).map(|spec| spec.name));
    check(profile, spec, command).unwrap_or_else(Decision::Refuse)
}

/// Decides whether a profile may listen on a channel.
///
/// # Errors
/// Why it may not.
pub fn authorize_subscribe(profile: &Profile, channel: &[u8]) -> Result<(), Refusal> {
    subscribe(profile, "subscribe", profile.channels.contains(channel))
}

/// Decides whether a profile may listen on every channel that fits a pattern.
///
/// # Errors
/// Why it may not.
pub fn authorize_psubscribe(profile: &Profile, pattern: &[u8]) -> Result<(), Refusal> {
    subscribe(profile, "psubscribe", profile.channels.contains_pattern(pattern))
}

fn subscribe(profile: &Profile, name: &'static str, within: bool) -> Result<(), Refusal> {
    if !profile.may_subscribe() {
        return Err(Refusal::Command(name));
    }
    if within { Ok(()) } else { Err(Refusal::Channel) }
}

fn check(profile: &Profile, spec: Option<&'static Spec>, command: &Command) -> Result<Decision, Refusal> {
    if command.is_empty() {
        return Err(Refusal::Empty);
    }
    let spec = spec.ok_or_else(|| Refusal::unknown(command.name()))?;
    if let Class::Never(_) = spec.class {
        return Err(Refusal::NeverPassedOn(spec.name));
    }
    if !profile.permits(spec) || whole_keyspace(spec) && !profile.whole_keyspace() {
        return Err(Refusal::Command(spec.name));
    }
    check_sizes(profile, command)?;
    check_keys(profile, spec, command)?;
    match spec.rule {
        Rule::None | Rule::ByChoice => Ok(Decision::Forward),
        Rule::AnswerOk => Ok(Decision::AnswerLocally(Reply::OK)),
        Rule::Scan => scan::authorize(profile, command).map_err(|malformed| Refusal::Malformed(spec.name, malformed)),
        Rule::Channel => {
            let channel = command.arg(1).ok_or(Refusal::Malformed(spec.name, Malformed::Arity))?;
            if profile.channels.contains(channel) { Ok(Decision::Forward) } else { Err(Refusal::Channel) }
        }
        Rule::ClearPattern => match (command.len(), command.arg(1)) {
            (2, Some(pattern)) if profile.write.contains_pattern(pattern) => Ok(Decision::Forward),
            (2, Some(_)) => Err(Refusal::Key),
            _ => Err(Refusal::Malformed(spec.name, Malformed::Arity)),
        },
        Rule::KeyAndValue if command.len() == 3 => Ok(Decision::Forward),
        Rule::KeyAndValue => Err(Refusal::Malformed(spec.name, Malformed::Arity)),
        Rule::ByteOffset | Rule::BitOffset | Rule::FieldOffsets => {
            check_growth(profile.limits.max_value_bytes, spec.rule, command)
        }
    }
}

fn check_sizes(profile: &Profile, command: &Command) -> Result<(), Refusal> {
    let limits = &profile.limits;
    if command.len() as u64 > limits.max_arguments {
        return Err(Refusal::TooManyArguments(limits.max_arguments));
    }
    // The whole is no shorter than any part, and mostly short enough.
    let fits = |bytes: usize| bytes as u64 <= limits.max_value_bytes;
    if fits(command.size()) || command.args().all(|arg| fits(arg.len())) {
        Ok(())
    } else {
        Err(Refusal::TooLong(limits.max_value_bytes))
    }
}

fn check_keys(profile: &Profile, spec: &Spec, command: &Command) -> Result<(), Refusal> {
    let mut within = true;
    let found = spec.keys.visit(command, &mut |key, access| within &= may(profile, key, access));
    let findings = found.map_err(|malformed| Refusal::Malformed(spec.name, malformed))?;
    if findings.blocks {
        return Err(Refusal::Waits(spec.name));
    }
    // The patterns of SORT reach whatever key they make; another database has no prefixes of its own.
    if findings.reads_by_pattern && !profile.read.is_everything()
        || findings.other_database && !profile.may_leave_database()
    {
        return Err(Refusal::Command(spec.name));
    }
    if within { Ok(()) } else { Err(Refusal::Key) }
}

fn may(profile: &Profile, key: &[u8], access: Access) -> bool {
    let within = |scope: &Scope| scope.contains(key);
    (!access.reads() || within(&profile.read)) && (!access.writes() || within(&profile.write))
}

/// An offset makes a value as long as it says, out of a few bytes of request.
fn check_growth(limit: u64, rule: Rule, command: &Command) -> Result<Decision, Refusal> {
    let short = |bytes: u64| if bytes <= limit { Ok(Decision::Forward) } else { Err(Refusal::TooLong(limit)) };
    // What is no number makes nothing grow: Redis refuses it.
    let number = |at| command.arg(at).and_then(whole_number).unwrap_or(0);
    match rule {
        Rule::ByteOffset => short(number(2).saturating_add(command.arg(3).map_or(0, |value| value.len() as u64))),
        Rule::BitOffset => short(number(2) / 8),
        _ => {
            // Whatever looks like an offset is taken for one, in fields of 64 bits if it counts fields.
            let offset = |arg: &[u8]| match arg.strip_prefix(b"#") {
                Some(fields) => whole_number(fields).unwrap_or(0).saturating_mul(8),
                None => whole_number(arg).unwrap_or(0) / 8,
            };
            let arguments = 2..command.len();
            let longest = arguments
                .filter(|&at| at.checked_sub(2).and_then(|before| command.arg(before)).is_some_and(changes_field))
                .filter_map(|at| command.arg(at).map(offset))
                .max();
            short(longest.unwrap_or(0))
        }
    }
}

/// `SET type offset value` and `INCRBY type offset increment`.
fn changes_field(option: &[u8]) -> bool {
    super::options::is_any(option, &["SET", "INCRBY"])
}
