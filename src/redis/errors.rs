//! What Redis says, as [`CacheError`].

use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind};

use crate::error::CacheError;
use crate::remote::errors::of_reply;

/// What to do about an error.
pub(super) enum Verdict {
    /// The connection broke. Whether the command was carried out is not known.
    Broken,
    /// The server has become a replica, so that its successor must be found. The command was not carried out.
    Demoted,
    /// It stays.
    Final,
}

/// What to do about an error of the connection or the server.
pub(super) fn verdict(error: &RedisError) -> Verdict {
    let errors = error.clone().into_server_errors();
    if errors.is_some_and(|errors| errors.iter().any(|(_, error)| error.code() == "READONLY")) {
        Verdict::Demoted
    } else if error.is_unrecoverable_error() || error.is_connection_dropped() {
        Verdict::Broken
    } else {
        Verdict::Final
    }
}

/// An error that is about no key in particular.
pub(super) fn of_connection(error: &RedisError, servers: &str) -> CacheError {
    if let Some(errors) = error.clone().into_server_errors() {
        // A transaction is refused for the reason why one of its commands was.
        if let Some((_, first)) = errors.first() {
            return of_server(first, None);
        }
    }
    let text = error.to_string();
    match error.kind() {
        ErrorKind::AuthenticationFailed => CacheError::Refused(format!("{servers}: {text}")),
        ErrorKind::Io if error.is_timeout() => CacheError::Timeout(format!("{servers}: {text}")),
        ErrorKind::Io
        | ErrorKind::ClusterConnectionNotFound
        | ErrorKind::MasterNameNotFoundBySentinel
        | ErrorKind::NoValidReplicasFoundBySentinel => CacheError::Connection(format!("{servers}: {text}")),
        // Found before anything was sent; in the words of the server.
        ErrorKind::Server(ServerErrorKind::CrossSlot) => {
            CacheError::Protocol("CROSSSLOT Keys in request don't hash to the same slot".into())
        }
        ErrorKind::InvalidClientConfig => CacheError::invalid("url", text),
        _ => CacheError::Protocol(format!("{servers}: {text}")),
    }
}

/// An error that the server answered, to a command about `key` if it was about one.
pub(super) fn of_server(error: &ServerError, key: Option<&str>) -> CacheError {
    of_reply(error.code(), error.details().unwrap_or_default(), key)
}

/// A reply of another kind than the command has.
pub(super) fn unexpected(what: &str, reply: &redis::Value) -> CacheError {
    let kind = match reply {
        redis::Value::Nil => "nothing",
        redis::Value::Int(_) => "a number",
        redis::Value::BulkString(_) => "a string",
        redis::Value::Array(_) => "an array",
        redis::Value::SimpleString(_) | redis::Value::Okay => "a status",
        _ => "another kind of reply",
    };
    CacheError::Protocol(format!("{what} was answered with {kind}"))
}
