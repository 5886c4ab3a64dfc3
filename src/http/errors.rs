//! The texts of all errors of the HTTP client.

use std::time::Duration;

use isocache_protocol::Reply;

use super::breaker::Paused;
use crate::error::CacheError;
use crate::remote::errors::of_reply;

/// The circuit breaker is open.
pub(super) fn paused(url: &str, Paused { failures, left, last }: &Paused) -> CacheError {
    let seconds = left.as_secs_f64();
    CacheError::Unavailable(format!(
        "not sent: {url} failed {failures} times in a row; next try in {seconds:.1} s (last: {last})"
    ))
}

/// An operation has reached its limit.
pub(super) fn timed_out(url: &str, limit: Duration) -> CacheError {
    CacheError::Timeout(format!("{url}: no reply within {limit:?}; timeout() sets the limit"))
}

/// The server could not be reached, or the connection broke.
pub(super) fn connection(url: &str, reason: &str) -> CacheError {
    CacheError::Connection(format!("{url}: {reason}"))
}

/// The reply does not follow the protocol.
pub(super) fn unexpected(url: &str, reason: &str) -> CacheError {
    CacheError::Protocol(format!("{url}: {reason}"))
}

/// The reply is larger than allowed.
pub(super) fn too_long(limit: usize) -> String {
    format!("the reply has more bytes than max_response_bytes, {limit}")
}

/// There are more or fewer replies than commands.
pub(super) fn wrong_number(expected: usize, got: usize) -> String {
    format!("expected {expected} replies, got {got}")
}

/// A status other than 200, with the text of the server.
pub(super) fn of_status(status: u16, url: &str, text: &str) -> CacheError {
    let message = format!("{url}: {text}");
    match status {
        400 => of_reply_text(text, None),
        401 | 403 | 421 => CacheError::Refused(message),
        413 | 414 => CacheError::invalid("value", message),
        429 | 500 | 502 | 503 => CacheError::Unavailable(message),
        504 => CacheError::Timeout(message),
        _ => CacheError::Protocol(message),
    }
}

/// The server does not announce changed keys.
pub(super) fn without_invalidations(url: &str, got: &str) -> CacheError {
    CacheError::Protocol(format!(
        "{url}/invalidations: {got}: this server does not announce changed keys; they need the bridge, `isocache serve`, \
         of this release or a later one. A tiered cache over another server needs without_invalidations() and a near_ttl"
    ))
}

/// The error of a text such as `WRONGTYPE Operation against …`.
pub(super) fn of_reply_text(text: &str, key: Option<&str>) -> CacheError {
    let (code, details) = text.split_once(' ').unwrap_or((text, ""));
    of_reply(code, details, key)
}

/// The error of a reply that does not belong to the command.
pub(super) fn of_wrong_reply(name: &str, reply: &Reply, key: Option<&str>) -> CacheError {
    let got = match reply {
        Reply::Error(text) => return of_reply_text(&String::from_utf8_lossy(text), key),
        Reply::Nil => "nothing",
        Reply::Integer(_) => "a number",
        Reply::Status(_) | Reply::Bulk(_) => "a string",
        Reply::Array(_) => "an array",
    };
    CacheError::Protocol(format!("unexpected reply to {name}: {got}"))
}
