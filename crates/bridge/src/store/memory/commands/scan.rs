//! Commands that iterate over all keys.

use std::hash::BuildHasher;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use isocache::__bridge::matches_bytes;
use isocache_protocol::{Command, Reply};

use super::{Outcome, arg};
use crate::store::memory::database::Database;
use crate::store::memory::error;
use crate::store::memory::numbers::{cursor, integer_argument, is_word};

/// The number of entries that `SCAN` visits by default.
const DEFAULT_COUNT: usize = 10;
/// The maximum number of empty slots that one `SCAN` skips, in addition to its count. Skipping one takes a few nanoseconds.
const MAX_EMPTY: usize = 4096;
/// The number of random slots that `RANDOMKEY` tries before it takes the next key in order.
const TRIES: u64 = 32;

/// The cursor is the first slot not yet visited. An entry never changes its slot, so the scan finds every entry that
/// exists from its start to its end, regardless of what is added or removed in the meantime.
pub(super) fn scan(database: &mut Database<'_>, command: &Command) -> Outcome {
    let start = cursor(arg(command, 1))?;
    let (mut count, mut pattern, mut strings) = (DEFAULT_COUNT, None, true);
    let mut at = 2;
    while let Some(word) = command.arg(at) {
        let value = command.arg(at + 1).ok_or(error::SYNTAX)?;
        if is_word(word, "COUNT") {
            let wanted = integer_argument(value)?;
            count = usize::try_from(wanted).ok().filter(|count| *count > 0).ok_or(error::SYNTAX)?;
        } else if is_word(word, "MATCH") {
            pattern = Some(value);
        } else if is_word(word, "TYPE") {
            strings = is_word(value, "string");
        } else {
            return Err(error::SYNTAX);
        }
        at += 2;
    }
    let mut keys = Vec::new();
    let mut slot = usize::try_from(start).unwrap_or(usize::MAX);
    let end = slot.saturating_add(count).saturating_add(MAX_EMPTY).min(database.slots());
    let mut seen = 0;
    while slot < end && seen < count {
        if let Some(key) = database.key_at(slot) {
            seen += 1;
            if strings && matches(pattern, key) {
                keys.push(Reply::Bulk(key.clone()));
            }
        }
        slot += 1;
    }
    let next = if slot < database.slots() { slot } else { 0 };
    let mut digits = itoa::Buffer::new();
    let next = Bytes::copy_from_slice(digits.format(next).as_bytes());
    Ok(Reply::Array(vec![Reply::Bulk(next), Reply::Array(keys)]))
}

pub(super) fn keys(database: &mut Database<'_>, command: &Command) -> Outcome {
    let pattern = Some(arg(command, 1));
    let keys = (0..database.slots()).filter_map(|slot| database.key_at(slot));
    Ok(Reply::Array(keys.filter(|key| matches(pattern, key)).cloned().map(Reply::Bulk).collect()))
}

fn matches(pattern: Option<&[u8]>, key: &[u8]) -> bool {
    pattern.is_none_or(|pattern| pattern == b"*" || matches_bytes(pattern, key))
}

/// Returns a random key. The keys have nearly the same probability, unless almost all slots are empty.
pub(super) fn randomkey(database: &mut Database<'_>, _: &Command) -> Outcome {
    if database.len() == 0 {
        return Ok(Reply::Nil);
    }
    let slots = database.slots();
    let draw = database.shared.draws.fetch_add(1, Ordering::Relaxed);
    let mut slot = 0;
    for attempt in 0..TRIES {
        let random = database.shared.hasher.hash_one((draw, attempt));
        slot = usize::try_from(random % slots as u64).unwrap_or(0);
        if let Some(key) = database.key_at(slot) {
            return Ok(Reply::Bulk(key.clone()));
        }
    }
    let key = (slot..slots).chain(0..slot).find_map(|slot| database.key_at(slot));
    Ok(key.cloned().map_or(Reply::Nil, Reply::Bulk))
}
