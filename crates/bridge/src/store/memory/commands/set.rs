//! Commands that write whole strings, and the options of `SET` and `GETEX`.

use bytes::Bytes;
use isocache::engine::{Millis, NEVER};
use isocache_protocol::{Command, Reply};

use super::{Outcome, arg, args_from, bulk_or_nil};
use crate::store::memory::database::{Database, millis};
use crate::store::memory::error;
use crate::store::memory::numbers::{integer_argument, is_word};

/// The unit of the time in an option, and whether it is relative.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Ex,
    Px,
    ExAt,
    PxAt,
}

const UNITS: [(&str, Unit); 4] = [("EX", Unit::Ex), ("PX", Unit::Px), ("EXAT", Unit::ExAt), ("PXAT", Unit::PxAt)];

/// The change of the deadline that the options request.
#[derive(Clone, Copy)]
enum Expiry<'a> {
    /// No option was given.
    Unset,
    Keep,
    Persist,
    Until(Unit, &'a [u8]),
}

struct Options<'a> {
    expiry: Expiry<'a>,
    nx: bool,
    xx: bool,
    get: bool,
}

/// Parses the options from an index on. Some exist only for `SET`, others only for `GETEX`.
fn options(command: &Command, mut at: usize, is_set: bool) -> Result<Options<'_>, Reply> {
    let mut options = Options { expiry: Expiry::Unset, nx: false, xx: false, get: false };
    while let Some(word) = command.arg(at) {
        let unit = UNITS.iter().find(|(name, _)| is_word(word, name)).map(|(_, unit)| *unit);
        match (unit, options.expiry) {
            (Some(unit), Expiry::Unset) => {
                at += 1;
                options.expiry = Expiry::Until(unit, command.arg(at).ok_or(error::SYNTAX)?);
            }
            // The same option may be repeated; the last one applies.
            (Some(unit), Expiry::Until(before, _)) if unit == before => {
                at += 1;
                options.expiry = Expiry::Until(unit, command.arg(at).ok_or(error::SYNTAX)?);
            }
            (None, Expiry::Unset | Expiry::Keep) if is_set && is_word(word, "KEEPTTL") => options.expiry = Expiry::Keep,
            (None, Expiry::Unset | Expiry::Persist) if !is_set && is_word(word, "PERSIST") => {
                options.expiry = Expiry::Persist;
            }
            (None, _) if is_set && !options.xx && is_word(word, "NX") => options.nx = true,
            (None, _) if is_set && !options.nx && is_word(word, "XX") => options.xx = true,
            (None, _) if is_set && is_word(word, "GET") => options.get = true,
            _ => return Err(error::SYNTAX),
        }
        at += 1;
    }
    Ok(options)
}

/// Converts the time of an option to a deadline. `name` is the name of the command.
fn deadline(name: &str, unit: Unit, time: &[u8], now: i64) -> Result<Millis, Reply> {
    let time = integer_argument(time)?;
    let in_millis = if matches!(unit, Unit::Ex | Unit::ExAt) { time.checked_mul(1000) } else { Some(time) };
    let base = if matches!(unit, Unit::Ex | Unit::Px) { now } else { 0 };
    let deadline = in_millis.filter(|_| time > 0).and_then(|millis| millis.checked_add(base));
    deadline.map(millis).ok_or_else(|| error::expire_time(name))
}

#[inline]
pub(super) fn set(database: &mut Database<'_>, command: &Command) -> Outcome {
    let (key, value) = (arg(command, 1), arg(command, 2));
    if command.len() == 3 {
        return database.put(key, Bytes::copy_from_slice(value), NEVER).map(|()| Reply::OK);
    }
    set_with_options(database, key, value, &options(command, 3, true)?)
}

fn set_with_options(database: &mut Database<'_>, key: &[u8], value: &[u8], options: &Options<'_>) -> Outcome {
    let mut until = match options.expiry {
        Expiry::Until(unit, time) => deadline("set", unit, time, database.now)?,
        _ => NEVER,
    };
    database.admit(key, value.len())?;
    let old = if options.get { database.get(key) } else { None };
    let slot = database.find(key);
    let reply = if options.get { bulk_or_nil(old) } else { Reply::OK };
    if (options.nx && slot.is_some()) || (options.xx && slot.is_none()) {
        return Ok(if options.get { reply } else { Reply::Nil });
    }
    if let (Expiry::Keep, Some(slot)) = (options.expiry, slot) {
        until = database.deadline(slot);
    }
    database.put(key, Bytes::copy_from_slice(value), until)?;
    Ok(reply)
}

pub(super) fn setex(database: &mut Database<'_>, command: &Command) -> Outcome {
    set_until(database, command, "setex", Unit::Ex)
}

pub(super) fn psetex(database: &mut Database<'_>, command: &Command) -> Outcome {
    set_until(database, command, "psetex", Unit::Px)
}

fn set_until(database: &mut Database<'_>, command: &Command, name: &str, unit: Unit) -> Outcome {
    let until = deadline(name, unit, arg(command, 2), database.now)?;
    database.put(arg(command, 1), Bytes::copy_from_slice(arg(command, 3)), until)?;
    Ok(Reply::OK)
}

pub(super) fn setnx(database: &mut Database<'_>, command: &Command) -> Outcome {
    let key = arg(command, 1);
    if database.find(key).is_some() {
        return Ok(Reply::Integer(0));
    }
    database.put(key, Bytes::copy_from_slice(arg(command, 2)), NEVER)?;
    Ok(Reply::Integer(1))
}

pub(super) fn getset(database: &mut Database<'_>, command: &Command) -> Outcome {
    let (key, value) = (arg(command, 1), arg(command, 2));
    database.admit(key, value.len())?;
    let old = database.get(key);
    database.put(key, Bytes::copy_from_slice(value), NEVER)?;
    Ok(bulk_or_nil(old))
}

pub(super) fn getex(database: &mut Database<'_>, command: &Command) -> Outcome {
    let key = arg(command, 1);
    let options = options(command, 2, false)?;
    let Some(value) = database.get(key) else { return Ok(Reply::Nil) };
    let until = match options.expiry {
        Expiry::Until(unit, time) => Some(deadline("getex", unit, time, database.now)?),
        Expiry::Persist => Some(NEVER),
        Expiry::Unset | Expiry::Keep => None,
    };
    if let (Some(until), Some(slot)) = (until, database.find(key)) {
        database.set_deadline(slot, key, until);
    }
    Ok(Reply::Bulk(value))
}

/// A key and a value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// Parses pairs of key and value, and checks that each fits the limits.
fn pairs<'a>(database: &Database<'_>, command: &'a Command, name: &str) -> Result<Vec<Pair<'a>>, Reply> {
    if command.len().is_multiple_of(2) {
        return Err(error::arity(name));
    }
    let pairs: Vec<_> = args_from(command, 1).step_by(2).zip(args_from(command, 2).step_by(2)).collect();
    pairs.iter().try_for_each(|(key, value)| database.admit(key, value.len()))?;
    Ok(pairs)
}

fn put_all(database: &mut Database<'_>, pairs: &[Pair<'_>]) -> Result<(), Reply> {
    pairs.iter().try_for_each(|(key, value)| database.put(key, Bytes::copy_from_slice(value), NEVER))
}

pub(super) fn mset(database: &mut Database<'_>, command: &Command) -> Outcome {
    let pairs = pairs(database, command, "mset")?;
    put_all(database, &pairs)?;
    Ok(Reply::OK)
}

pub(super) fn msetnx(database: &mut Database<'_>, command: &Command) -> Outcome {
    let pairs = pairs(database, command, "msetnx")?;
    if pairs.iter().any(|(key, _)| database.find(key).is_some()) {
        return Ok(Reply::Integer(0));
    }
    put_all(database, &pairs)?;
    Ok(Reply::Integer(1))
}
