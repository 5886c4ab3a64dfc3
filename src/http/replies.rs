//! Interprets replies, with errors for those of another type.

use bytes::Bytes;
use isocache_protocol::Reply;

use super::errors;
use crate::error::{CacheError, Result};

pub(super) fn only(mut replies: Vec<Reply>) -> Result<Reply> {
    replies.pop().ok_or_else(|| CacheError::Protocol(errors::wrong_number(1, 0)))
}

pub(super) fn exactly<const N: usize>(replies: Vec<Reply>) -> Result<[Reply; N]> {
    replies.try_into().map_err(|replies: Vec<Reply>| CacheError::Protocol(errors::wrong_number(N, replies.len())))
}

/// The value of a key; `None` if it holds something other than a string.
pub(super) fn string(reply: Reply) -> Option<Bytes> {
    if let Reply::Bulk(bytes) | Reply::Status(bytes) = reply { Some(bytes) } else { None }
}

pub(super) fn failure(name: &str, reply: &Reply, key: Option<&str>) -> CacheError {
    errors::of_wrong_reply(name, reply, key)
}

pub(super) fn bytes(name: &str, reply: Reply, key: &str) -> Result<Option<Bytes>> {
    match reply {
        Reply::Bulk(bytes) | Reply::Status(bytes) => Ok(Some(bytes)),
        Reply::Nil => Ok(None),
        other => Err(failure(name, &other, Some(key))),
    }
}

pub(super) fn integer(name: &str, reply: &Reply, key: Option<&str>) -> Result<i64> {
    match reply {
        Reply::Integer(number) => Ok(*number),
        // Beyond 2^53, JSON numbers are not exact.
        Reply::Bulk(digits) | Reply::Status(digits) => {
            let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            number.ok_or_else(|| failure(name, reply, key))
        }
        _ => Err(failure(name, reply, key)),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for use in iterators of replies")]
pub(super) fn count(name: &str, reply: Reply) -> Result<u64> {
    let number = integer(name, &reply, None)?;
    u64::try_from(number).map_err(|_| CacheError::Protocol(format!("unexpected reply to {name}: {number}")))
}

/// The next SCAN cursor and the keys of this step.
pub(super) fn scanned(reply: Reply) -> Result<(String, Vec<Vec<u8>>)> {
    let Reply::Array(parts) = reply else { return Err(failure("SCAN", &reply, None)) };
    let strange = || CacheError::Protocol("unexpected reply to SCAN: expected a cursor and an array of keys".into());
    let [cursor, Reply::Array(keys)] = parts.as_slice() else { return Err(strange()) };
    let cursor = match cursor {
        Reply::Integer(cursor) => cursor.to_string(),
        other => String::from_utf8_lossy(other.bytes().ok_or_else(strange)?).into_owned(),
    };
    let keys = keys.iter().map(|key| key.bytes().map(|key| key.to_vec()).ok_or_else(strange));
    Ok((cursor, keys.collect::<Result<_>>()?))
}
