//! Commands that read strings or change a part of one.

use bytes::{Bytes, BytesMut};
use isocache::engine::NEVER;
use isocache_protocol::{Command, Reply};

use super::{Outcome, arg, args_from, bulk_or_nil, number};
use crate::store::memory::database::Database;
use crate::store::memory::error;
use crate::store::memory::numbers::integer_argument;

#[inline]
pub(super) fn get(database: &mut Database<'_>, command: &Command) -> Outcome {
    Ok(bulk_or_nil(database.get(arg(command, 1))))
}

pub(super) fn getdel(database: &mut Database<'_>, command: &Command) -> Outcome {
    let key = arg(command, 1);
    let value = database.get(key);
    if value.is_some() {
        database.remove(key);
    }
    Ok(bulk_or_nil(value))
}

pub(super) fn mget(database: &mut Database<'_>, command: &Command) -> Outcome {
    Ok(Reply::Array(args_from(command, 1).map(|key| bulk_or_nil(database.get(key))).collect()))
}

pub(super) fn strlen(database: &mut Database<'_>, command: &Command) -> Outcome {
    Ok(number(database.get(arg(command, 1)).map_or(0, |value| value.len())))
}

pub(super) fn append(database: &mut Database<'_>, command: &Command) -> Outcome {
    let (key, more) = (arg(command, 1), arg(command, 2));
    let Some(slot) = database.find(key) else {
        database.put(key, Bytes::copy_from_slice(more), NEVER)?;
        return Ok(number(more.len()));
    };
    let len = database.value_len(slot) + more.len();
    database.edit(slot, key, len, |value| value.extend_from_slice(more))?;
    Ok(number(len))
}

pub(super) fn setrange(database: &mut Database<'_>, command: &Command) -> Outcome {
    let (key, part) = (arg(command, 1), arg(command, 3));
    let offset = integer_argument(arg(command, 2))?;
    let offset = usize::try_from(offset).map_err(|_| error::OFFSET)?;
    let slot = database.find(key);
    let old_len = slot.map_or(0, |slot| database.value_len(slot));
    if part.is_empty() {
        return Ok(number(old_len));
    }
    let end = offset.saturating_add(part.len());
    let len = old_len.max(end);
    // Check the limits before allocating.
    database.admit(key, len)?;
    let write = |value: &mut BytesMut| {
        value.resize(len, 0);
        if let Some(place) = value.get_mut(offset..end) {
            place.copy_from_slice(part);
        }
    };
    if let Some(slot) = slot {
        database.edit(slot, key, len, write)?;
    } else {
        let mut value = BytesMut::new();
        write(&mut value);
        database.put(key, value.freeze(), NEVER)?;
    }
    Ok(number(len))
}

pub(super) fn getrange(database: &mut Database<'_>, command: &Command) -> Outcome {
    let (start, end) = (integer_argument(arg(command, 2))?, integer_argument(arg(command, 3))?);
    let value = database.get(arg(command, 1)).unwrap_or_default();
    Ok(Reply::Bulk(range(&value, start, end)))
}

/// The bytes from `start` to `end`, inclusive. Negative positions count from the end.
fn range(value: &Bytes, start: i64, end: i64) -> Bytes {
    if start < 0 && end < 0 && start > end {
        return Bytes::new();
    }
    let len = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let from_start = |at: i64| if at < 0 { at.saturating_add(len).max(0) } else { at };
    let (start, end) = (from_start(start), from_start(end).min(len - 1));
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if start <= end => value.slice(start..=end),
        _ => Bytes::new(),
    }
}
