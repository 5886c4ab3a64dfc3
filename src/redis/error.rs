//! The errors of Redis as [`CacheError`].

use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind, Value};

use crate::error::CacheError;
use crate::remote::errors::of_reply;

/// What an error means for the connection.
pub(super) enum Verdict {
    /// The connection broke. The command may or may not have been executed.
    Broken,
    /// The server executed nothing, and another connection may help: the server has become a replica, or no longer
    /// accepts the credentials.
    NotServed,
    /// The connection is good.
    Final,
}

/// Codes of replies after which another connection may help.
const NOT_SERVED: [&str; 2] = ["READONLY", "NOAUTH"];

/// What an error of the connection or the server means for the connection.
pub(super) fn verdict(error: &RedisError) -> Verdict {
    let errors = error.clone().into_server_errors();
    let not_served = errors.is_some_and(|errors| errors.iter().any(|(_, error)| NOT_SERVED.contains(&error.code())));
    // A cluster authenticates to its nodes one by one, as it needs them.
    if not_served || error.kind() == ErrorKind::AuthenticationFailed {
        Verdict::NotServed
    } else if error.is_unrecoverable_error() || error.is_connection_dropped() {
        Verdict::Broken
    } else {
        Verdict::Final
    }
}

/// [`verdict`] for the errors among replies.
pub(super) fn verdict_of_replies(replies: &[Value]) -> Verdict {
    let not_served = |reply: &Value| matches!(reply, Value::ServerError(error) if NOT_SERVED.contains(&error.code()));
    if replies.iter().any(not_served) { Verdict::NotServed } else { Verdict::Final }
}

/// An error that does not concern a single key.
pub(super) fn of_connection(error: &RedisError, servers: &str) -> CacheError {
    if let Some(errors) = error.clone().into_server_errors() {
        // A transaction is refused for the same reason as one of its commands.
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
        ErrorKind::Server(ServerErrorKind::TryAgain) => CacheError::Unavailable(format!("{servers}: {text}")),
        // The client detects it before it sends anything. The text is the server's.
        ErrorKind::Server(ServerErrorKind::CrossSlot) => {
            CacheError::Protocol("CROSSSLOT Keys in request don't hash to the same slot".into())
        }
        ErrorKind::InvalidClientConfig => CacheError::invalid("url", text),
        _ => CacheError::Protocol(format!("{servers}: {text}")),
    }
}

/// An error reply to a command, about a key if given.
pub(super) fn of_server(error: &ServerError, key: Option<&str>) -> CacheError {
    let details = error.details().unwrap_or_default();
    // EXECABORT Transaction discarded because of: NOPERM this user …
    let cause = details.split_once("because of: ").and_then(|(_, cause)| cause.split_once(' '));
    match cause.filter(|_| error.code() == "EXECABORT") {
        Some((code, details)) => of_reply(code, details, key),
        None => of_reply(error.code(), details, key),
    }
}

/// A reply of a type that the command cannot have.
pub(super) fn unexpected(what: &str, reply: &Value) -> CacheError {
    let kind = match reply {
        Value::Nil => "nil",
        Value::Int(_) => "an integer",
        Value::BulkString(_) => "a string",
        Value::Array(_) => "an array",
        Value::SimpleString(_) | Value::Okay => "a status",
        _ => "another type",
    };
    CacheError::Protocol(format!("unexpected reply to {what}: {kind}"))
}
