//! What Redis says, as [`CacheError`].

use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind};

use crate::error::CacheError;

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
    let code = error.code();
    let details = error.details().unwrap_or_default();
    let text = format!("{code} {details}");
    match code {
        "WRONGPASS" | "NOAUTH" | "NOPERM" => CacheError::Refused(text),
        "ERR" if details.contains("AUTH") || details.contains("invalid password") => CacheError::Refused(text),
        "OOM" => CacheError::Full(text),
        "MISCONF" | "LOADING" | "CLUSTERDOWN" | "MASTERDOWN" | "TRYAGAIN" | "BUSY" | "NOREPLICAS" | "READONLY"
        | "UNBLOCKED" | "NOGOODSLAVE" => CacheError::Unavailable(text),
        "ERR" if details.contains("max number of clients") => CacheError::Unavailable(text),
        "ERR" if details.contains("DB index") => CacheError::invalid("url", text),
        "ERR" if details.contains("exceeds maximum allowed size") => CacheError::invalid("value", text),
        "ERR" if details.contains("would overflow") => CacheError::invalid("by", text),
        "WRONGTYPE" => wrong_value(key, &text),
        "ERR" if details.contains("not an integer") => wrong_value(key, &text),
        "MOVED" | "ASK" => CacheError::Protocol(format!(
            "{text}: the server is a node of a Redis Cluster, for which the URL begins with redis-cluster://"
        )),
        _ => CacheError::Protocol(text),
    }
}

/// Something else than what was looked for is stored under the key.
fn wrong_value(key: Option<&str>, text: &str) -> CacheError {
    match key {
        Some(key) => CacheError::Deserialize { key: key.to_owned(), reason: text.to_owned() },
        None => CacheError::Protocol(text.to_owned()),
    }
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
