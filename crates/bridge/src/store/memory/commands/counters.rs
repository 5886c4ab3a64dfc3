//! Counters.

use bytes::Bytes;
use isocache::engine::NEVER;
use isocache_protocol::{Command, Reply};

use super::{Outcome, arg};
use crate::store::memory::database::{Database, millis};
use crate::store::memory::error;
use crate::store::memory::long_double::{self, SumError};
use crate::store::memory::numbers::{integer, integer_argument};

pub(super) fn incr(database: &mut Database<'_>, command: &Command) -> Outcome {
    count(database, command, 1)
}

pub(super) fn decr(database: &mut Database<'_>, command: &Command) -> Outcome {
    count(database, command, -1)
}

pub(super) fn incrby(database: &mut Database<'_>, command: &Command) -> Outcome {
    let by = integer_argument(arg(command, 2))?;
    count(database, command, by)
}

pub(super) fn decrby(database: &mut Database<'_>, command: &Command) -> Outcome {
    let by = integer_argument(arg(command, 2))?.checked_neg().ok_or(error::DECREMENT_OVERFLOW)?;
    count(database, command, by)
}

fn count(database: &mut Database<'_>, command: &Command, by: i64) -> Outcome {
    let key = arg(command, 1);
    let (old, until) = match database.find(key) {
        Some(slot) => (integer(&database.value(slot)).ok_or(error::NOT_AN_INTEGER)?, database.deadline(slot)),
        None => (0, NEVER),
    };
    let new = old.checked_add(by).ok_or(error::OVERFLOW)?;
    let mut digits = itoa::Buffer::new();
    database.put(key, Bytes::copy_from_slice(digits.format(new).as_bytes()), until)?;
    Ok(Reply::Integer(new))
}

/// Raises a counter to at least a lower bound, adds to it, and stores the sum if it is not above an upper bound.
pub(super) fn incrby_within(database: &mut Database<'_>, command: &Command) -> Outcome {
    let key = arg(command, 1);
    let number = |index| {
        let number = integer_argument(arg(command, index))?;
        if number.unsigned_abs() < 1 << 53 { Ok(number) } else { Err(error::NOT_AN_INTEGER) }
    };
    let (by, floor, ceiling) = (number(2)?, number(3)?, number(4)?);
    let ttl = integer_argument(arg(command, 5))?;
    let until = match ttl {
        0 => NEVER,
        1.. => database.now.checked_add(ttl).map(millis).ok_or_else(|| error::expire_time("isocache.incrby"))?,
        _ => return Err(error::expire_time("isocache.incrby")),
    };
    let count = match database.find(key) {
        Some(slot) => integer(&database.value(slot)).filter(|count| count.unsigned_abs() < 1 << 53),
        None => Some(0),
    };
    let count = count.ok_or(error::NOT_AN_INTEGER)?.max(floor);
    let sum = count.saturating_add(by);
    let stored = sum <= ceiling;
    let mut digits = itoa::Buffer::new();
    let digits = Bytes::copy_from_slice(digits.format(if stored { sum } else { count }).as_bytes());
    if stored {
        database.put(key, digits.clone(), until)?;
    }
    Ok(Reply::Array(vec![Reply::Integer(i64::from(stored)), Reply::Bulk(digits)]))
}

pub(super) fn incrbyfloat(database: &mut Database<'_>, command: &Command) -> Outcome {
    let key = arg(command, 1);
    let (old, until) = match database.find(key) {
        Some(slot) => (database.value(slot), database.deadline(slot)),
        None => (Bytes::from_static(b"0"), NEVER),
    };
    let new = long_double::add(&old, arg(command, 2)).map_err(|wrong| match wrong {
        SumError::NotANumber => error::NOT_A_FLOAT,
        SumError::NotFinite => error::NAN_OR_INFINITY,
    })?;
    let new = Bytes::from(new);
    database.put(key, new.clone(), until)?;
    Ok(Reply::Bulk(new))
}
