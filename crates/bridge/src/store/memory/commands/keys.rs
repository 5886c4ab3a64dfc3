//! Commands on entries, independent of their values.

use bytes::Bytes;
use isocache::engine::{Millis, NEVER};
use isocache_protocol::{Command, Reply};

use super::{Outcome, arg, args_from, number};
use crate::store::memory::database::{Database, millis};
use crate::store::memory::error;
use crate::store::memory::numbers::{integer_argument, is_word};

pub(super) fn del(database: &mut Database<'_>, command: &Command) -> Outcome {
    Ok(number(args_from(command, 1).filter(|key| database.remove(key)).count()))
}

/// Removes a key if it holds this value.
pub(super) fn release(database: &mut Database<'_>, command: &Command) -> Outcome {
    let key = arg(command, 1);
    let holds = database.find(key).is_some_and(|slot| database.value(slot) == arg(command, 2));
    Ok(number(usize::from(holds && database.remove(key))))
}

/// Replaces a value if it is the expected one.
pub(super) fn compare_and_set(database: &mut Database<'_>, command: &Command) -> Outcome {
    let (key, value) = (arg(command, 1), arg(command, 3));
    let until = match (command.arg(4), command.arg(5)) {
        (None, _) => NEVER,
        (Some(ms), None) => deadline_in(integer_argument(ms)?, database.now).ok_or(error::SYNTAX)?,
        (Some(_), Some(_)) => return Err(error::SYNTAX),
    };
    let is_expected = database.find(key).is_some_and(|slot| database.value(slot) == arg(command, 2));
    if is_expected {
        database.put(key, Bytes::copy_from_slice(value), until)?;
    }
    Ok(number(usize::from(is_expected)))
}

/// The deadline of an entry that gets a ttl in milliseconds; `None` if the ttl is not positive or too long.
fn deadline_in(ms: i64, now: i64) -> Option<Millis> {
    (ms > 0).then(|| now.checked_add(ms)).flatten().map(millis)
}

pub(super) fn exists(database: &mut Database<'_>, command: &Command) -> Outcome {
    Ok(number(args_from(command, 1).filter(|key| database.find(key).is_some()).count()))
}

pub(super) fn touch(database: &mut Database<'_>, command: &Command) -> Outcome {
    Ok(number(args_from(command, 1).filter(|key| database.get(key).is_some()).count()))
}

pub(super) fn type_of(database: &mut Database<'_>, command: &Command) -> Outcome {
    let name: &'static [u8] = if database.find(arg(command, 1)).is_some() { b"string" } else { b"none" };
    Ok(Reply::Status(Bytes::from_static(name)))
}

pub(super) fn dbsize(database: &mut Database<'_>, _: &Command) -> Outcome {
    Ok(Reply::Integer(i64::from(database.len())))
}

pub(super) fn flush(database: &mut Database<'_>, command: &Command) -> Outcome {
    let known = |word| is_word(word, "SYNC") || is_word(word, "ASYNC");
    if command.len() > 2 || command.arg(1).is_some_and(|word| !known(word)) {
        return Err(error::SYNTAX);
    }
    database.clear();
    Ok(Reply::OK)
}

pub(super) fn rename(database: &mut Database<'_>, command: &Command) -> Outcome {
    let (key, new) = (arg(command, 1), arg(command, 2));
    database.find(key).ok_or(error::NO_SUCH_KEY)?;
    if key != new {
        put_copy(database, key, new, true)?;
    }
    Ok(Reply::OK)
}

pub(super) fn renamenx(database: &mut Database<'_>, command: &Command) -> Outcome {
    let (key, new) = (arg(command, 1), arg(command, 2));
    database.find(key).ok_or(error::NO_SUCH_KEY)?;
    if database.find(new).is_some() {
        return Ok(Reply::Integer(0));
    }
    put_copy(database, key, new, true)?;
    Ok(Reply::Integer(1))
}

pub(super) fn copy(database: &mut Database<'_>, command: &Command) -> Outcome {
    let (key, new) = (arg(command, 1), arg(command, 2));
    let (mut at, mut replace) = (3, false);
    while let Some(word) = command.arg(at) {
        match command.arg(at + 1) {
            _ if is_word(word, "REPLACE") => replace = true,
            Some(index) if is_word(word, "DB") => {
                let index = i32::try_from(integer_argument(index)?).map_err(|_| error::NOT_AN_INT)?;
                if index != 0 {
                    return Err(error::NO_SUCH_DATABASE);
                }
                at += 1;
            }
            _ => return Err(error::SYNTAX),
        }
        at += 1;
    }
    if key == new {
        return Err(error::SAME_OBJECT);
    }
    if database.find(key).is_none() || (!replace && database.find(new).is_some()) {
        return Ok(Reply::Integer(0));
    }
    put_copy(database, key, new, false)?;
    Ok(Reply::Integer(1))
}

/// Copies the entry of `key` to `new`, with its deadline. With `moving`, it removes `key`. An old entry of `new` is
/// overwritten in its slot, so that a scan does not miss it.
fn put_copy(database: &mut Database<'_>, key: &[u8], new: &[u8], moving: bool) -> Result<(), Reply> {
    let Some(slot) = database.find(key) else { return Ok(()) };
    let (value, until) = (database.value(slot), database.deadline(slot));
    // Check the limits before the old entry is removed. It is removed first, so that the new one evicts no other entry.
    database.admit(new, value.len())?;
    if moving {
        database.remove(key);
    } else {
        database.touch(slot);
    }
    database.put(new, value, until)
}
