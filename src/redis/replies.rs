//! Interprets replies, with errors for those of another type.

use std::time::Duration;

use redis::{ServerError, Value};

use super::error::{of_server, unexpected};
use crate::error::{CacheError, Result};

/// `db0:keys=3,expires=0,avg_ttl=0`; no line for an empty database.
pub(super) fn exact_keys(keyspace: &str, database: i64) -> Option<u64> {
    let head = format!("db{database}:");
    let Some(line) = keyspace.lines().find_map(|line| line.strip_prefix(&head)) else { return Some(0) };
    let field = |name: &str| line.split(',').find_map(|field| field.strip_prefix(name)?.trim().parse::<u64>().ok());
    (field("expires=")? == 0).then(|| field("keys=")).flatten()
}

/// The error for a reply that is an error, or not of the command's type.
pub(super) fn failure(name: &str, reply: Value, key: Option<&str>) -> CacheError {
    match reply {
        Value::ServerError(error) => of_server(&error, key),
        other => unexpected(name, &other),
    }
}

pub(super) fn bytes_or_nil(name: &str, reply: Value, key: &str) -> Result<Option<Vec<u8>>> {
    match reply {
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::Nil => Ok(None),
        other => Err(failure(name, other, Some(key))),
    }
}

/// The value of a key; `None` if it holds something other than a string.
pub(super) fn string(reply: Value) -> Option<Vec<u8>> {
    if let Value::BulkString(bytes) = reply { Some(bytes) } else { None }
}

pub(super) fn ok(name: &str, reply: Value, key: &str) -> Result<()> {
    match reply {
        Value::Okay => Ok(()),
        other => Err(failure(name, other, Some(key))),
    }
}

pub(super) fn integer(name: &str, reply: Value, key: &str) -> Result<i64> {
    match reply {
        Value::Int(number) => Ok(number),
        other => Err(failure(name, other, Some(key))),
    }
}

pub(super) fn count(name: &str, reply: Value) -> Result<u64> {
    match reply {
        Value::Int(number) => u64::try_from(number)
            .map_err(|_| CacheError::Protocol(format!("expected a count in reply to {name}, got {number}"))),
        other => Err(failure(name, other, None)),
    }
}

pub(super) fn exactly<const N: usize>(replies: Vec<Value>) -> Result<[Value; N]> {
    replies
        .try_into()
        .map_err(|replies: Vec<Value>| CacheError::Protocol(format!("expected {N} replies, got {}", replies.len())))
}

pub(super) fn milliseconds(left: i64) -> Option<Duration> {
    u64::try_from(left).ok().map(Duration::from_millis)
}

pub(super) fn decimal(name: &str, text: &[u8]) -> Result<i64> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| {
        CacheError::Protocol(format!("expected an integer in reply to {name}, got {:?}", String::from_utf8_lossy(text)))
    })
}

/// Whether the server forbids this user to run the command, or does not have it.
pub(super) fn is_refusal(error: &ServerError) -> bool {
    error.code() == "NOPERM" || error.details().is_some_and(|details| details.starts_with("unknown command"))
}
