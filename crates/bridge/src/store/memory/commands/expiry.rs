//! Commands that set, return and remove deadlines.

use isocache::engine::NEVER;
use isocache_protocol::{Command, Reply};

use super::{Outcome, arg, args_from};
use crate::store::memory::database::{Database, millis, time_of};
use crate::store::memory::error;
use crate::store::memory::numbers::{integer_argument, is_word};

const SECOND: i64 = 1000;

pub(super) fn expire(database: &mut Database<'_>, command: &Command) -> Outcome {
    set_deadline(database, command, "expire", SECOND, database.now)
}

pub(super) fn pexpire(database: &mut Database<'_>, command: &Command) -> Outcome {
    set_deadline(database, command, "pexpire", 1, database.now)
}

pub(super) fn expireat(database: &mut Database<'_>, command: &Command) -> Outcome {
    set_deadline(database, command, "expireat", SECOND, 0)
}

pub(super) fn pexpireat(database: &mut Database<'_>, command: &Command) -> Outcome {
    set_deadline(database, command, "pexpireat", 1, 0)
}

/// Which of the conditions `NX`, `XX`, `GT` and `LT` are given.
fn condition(command: &Command) -> Result<[bool; 4], Reply> {
    let mut condition = [false; 4];
    for word in args_from(command, 3) {
        let mut options = ["NX", "XX", "GT", "LT"].into_iter().zip(&mut condition);
        match options.find(|(name, _)| is_word(word, name)) {
            Some((_, option)) => *option = true,
            None => return Err(error::unsupported_option(word)),
        }
    }
    match condition {
        [true, xx, gt, lt] if xx || gt || lt => Err(error::EXPIRE_NX),
        [_, _, true, true] => Err(error::EXPIRE_GT),
        _ => Ok(condition),
    }
}

/// Sets a deadline. The time in the command is in units of `unit` milliseconds, counted from `base`.
fn set_deadline(database: &mut Database<'_>, command: &Command, name: &str, unit: i64, base: i64) -> Outcome {
    let [nx, xx, gt, lt] = condition(command)?;
    let key = arg(command, 1);
    let time = integer_argument(arg(command, 2))?;
    let until = time.checked_mul(unit).and_then(|time| time.checked_add(base));
    let until = until.ok_or_else(|| error::expire_time(name))?;
    let Some(slot) = database.find(key) else { return Ok(Reply::Integer(0)) };
    let current = time_of(database.deadline(slot));
    // The absence of a deadline counts as later than any deadline.
    let forbidden = (nx && current.is_some())
        || (xx && current.is_none())
        || (gt && current.is_none_or(|current| until <= current))
        || (lt && current.is_some_and(|current| until >= current));
    if forbidden {
        return Ok(Reply::Integer(0));
    }
    database.set_deadline(slot, key, millis(until));
    Ok(Reply::Integer(1))
}

pub(super) fn persist(database: &mut Database<'_>, command: &Command) -> Outcome {
    let key = arg(command, 1);
    let slot = database.find(key).filter(|slot| database.deadline(*slot) < NEVER);
    if let Some(slot) = slot {
        database.set_deadline(slot, key, NEVER);
    }
    Ok(Reply::Integer(i64::from(slot.is_some())))
}

pub(super) fn ttl(database: &mut Database<'_>, command: &Command) -> Outcome {
    Ok(report(database, command, true, SECOND))
}

pub(super) fn pttl(database: &mut Database<'_>, command: &Command) -> Outcome {
    Ok(report(database, command, true, 1))
}

pub(super) fn expiretime(database: &mut Database<'_>, command: &Command) -> Outcome {
    Ok(report(database, command, false, SECOND))
}

pub(super) fn pexpiretime(database: &mut Database<'_>, command: &Command) -> Outcome {
    Ok(report(database, command, false, 1))
}

/// Returns the deadline, rounded, in units of `unit` milliseconds, from now or since 1970. It is -1 for an entry without a
/// deadline, and -2 if there is no entry.
fn report(database: &mut Database<'_>, command: &Command, from_now: bool, unit: i64) -> Reply {
    let Some(slot) = database.find(arg(command, 1)) else { return Reply::Integer(-2) };
    let Some(until) = time_of(database.deadline(slot)) else { return Reply::Integer(-1) };
    let time = if from_now { until.saturating_sub(database.now) } else { until };
    Reply::Integer(time.saturating_add(unit / 2) / unit)
}
