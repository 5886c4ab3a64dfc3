//! The only place that decides whether a command is forwarded.
//!
//! The rules of every decision:
//! 1. A command that is not in the table is refused, unless a profile with access to every key names it in its allow
//!    list. A command that is never forwarded is refused for every profile.
//! 2. A command is forwarded only if the role or the allow list permits it.
//! 3. The profile may read or write, as the command does, every key that Redis would find in it.
//! 4. A command that reaches keys it does not name is forwarded only for a profile with access to every key. `SCAN` is
//!    the exception: it is rewritten, and its reply is filtered.
//! 5. A command whose keys cannot be determined is refused.
//! 6. A command from the table is forwarded only if it neither blocks nor changes the connection.

use isocache::__bridge::StaleCheck;
use isocache_protocol::{Command, Reply};

use super::keys::{Access, Malformed, whole_number};
use super::profile::{Profile, whole_keyspace};
use super::refusal::Refusal;
use super::scan::{self, ScanFilter};
use super::scope::Scope;
use super::table::{self, Class, Rule, Spec};

/// The decision on a command.
#[derive(Debug)]
pub enum Decision {
    /// Forward it unchanged.
    Forward,
    /// Forward another command instead, and filter its reply.
    ForwardRewritten {
        /// The command to forward.
        command: Command,
        /// Removes the keys that the caller may not see from the reply.
        filter: ScanFilter,
    },
    /// Reply without forwarding it.
    RespondLocally(Reply),
    /// Refuse it.
    Refuse(Refusal),
}

/// Decides what to do with a command. Every command passes through here: alone, in a pipeline or in a transaction.
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

/// [`authorize`] with the result of [`table::lookup`] for the command.
pub(crate) fn authorize_known(profile: &Profile, spec: Option<&'static Spec>, command: &Command) -> Decision {
    debug_assert_eq!(spec.map(|spec| spec.name), table::lookup(command).map(|spec| spec.name));
    check(profile, spec, command).unwrap_or_else(Decision::Refuse)
}

/// Decides whether a profile may subscribe to a channel.
///
/// # Errors
/// The reason for the refusal.
pub fn authorize_subscribe(profile: &Profile, channel: &[u8]) -> Result<(), Refusal> {
    subscribe(profile, "subscribe", profile.channels.contains(channel))
}

/// Decides whether a profile may subscribe to every channel that matches a pattern.
///
/// # Errors
/// The reason for the refusal.
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
    let Some(spec) = spec else {
        if !profile.permits_unknown(command) {
            return Err(Refusal::unknown(command.name()));
        }
        check_sizes(profile, command)?;
        return Ok(Decision::Forward);
    };
    if let Class::Never(why) = spec.class {
        return Err(Refusal::NeverForwarded(spec.name, why));
    }
    if !profile.permits(spec) || whole_keyspace(spec) && !profile.whole_keyspace() {
        return Err(Refusal::Command(spec.name));
    }
    check_sizes(profile, command)?;
    check_keys(profile, spec, command)?;
    match spec.rule {
        Rule::None | Rule::ByChoice => Ok(Decision::Forward),
        Rule::RespondOk => Ok(Decision::RespondLocally(Reply::OK)),
        Rule::Scan => scan::authorize(profile, command).map_err(|malformed| Refusal::Malformed(spec.name, malformed)),
        Rule::Channel => {
            let channel = command.arg(1).ok_or(Refusal::Malformed(spec.name, Malformed::Arity))?;
            if profile.channels.contains(channel) { Ok(Decision::Forward) } else { Err(Refusal::Channel) }
        }
        Rule::ClearPattern => match (command.len(), command.arg(1)) {
            (2 | 3, Some(pattern)) if !profile.write.contains_pattern(pattern) => Err(Refusal::Key),
            (2, Some(_)) => Ok(Decision::Forward),
            (3, Some(_)) if command.arg(2).and_then(|format| StaleCheck::of(format, 0)).is_some() => {
                Ok(Decision::Forward)
            }
            (3, Some(_)) => Err(Refusal::Malformed(spec.name, Malformed::Syntax)),
            _ => Err(Refusal::Malformed(spec.name, Malformed::Arity)),
        },
        Rule::CompareAndSet if matches!(command.len(), 4 | 5) => Ok(Decision::Forward),
        Rule::Length(length) if command.len() == length => Ok(Decision::Forward),
        Rule::CompareAndSet | Rule::Length(_) => Err(Refusal::Malformed(spec.name, Malformed::Arity)),
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
    // The command is at least as long as any argument, and usually short enough.
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
        return Err(Refusal::Blocks(spec.name));
    }
    // SORT patterns generate the names of more keys, and prefixes do not apply in another database.
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

/// A small request with a large offset can create a value as long as the offset.
fn check_growth(limit: u64, rule: Rule, command: &Command) -> Result<Decision, Refusal> {
    let short = |bytes: u64| if bytes <= limit { Ok(Decision::Forward) } else { Err(Refusal::TooLong(limit)) };
    // Redis rejects an offset that is not a number, so nothing grows.
    let number = |at| command.arg(at).and_then(whole_number).unwrap_or(0);
    match rule {
        Rule::ByteOffset => short(number(2).saturating_add(command.arg(3).map_or(0, |value| value.len() as u64))),
        Rule::BitOffset => short(number(2) / 8),
        _ => {
            // Anything that looks like an offset counts as one. `#` counts fields, which have at most 64 bits.
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
