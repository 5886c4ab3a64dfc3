//! Converts error replies of a store to [`CacheError`].

use crate::error::CacheError;

/// Converts the code and details of an error reply. `key` is the key that the command was about, if any.
pub(crate) fn of_reply(code: &str, details: &str, key: Option<&str>) -> CacheError {
    let text = format!("{code} {details}");
    match code {
        "WRONGPASS" | "NOAUTH" | "NOPERM" => CacheError::Refused(text),
        "ERR" if ["AUTH", "invalid password", "executing the script"].iter().any(|part| details.contains(part)) => {
            CacheError::Refused(text)
        }
        "OOM" => CacheError::Full(text),
        "MISCONF" | "LOADING" | "CLUSTERDOWN" | "MASTERDOWN" | "TRYAGAIN" | "BUSY" | "NOREPLICAS" | "READONLY"
        | "UNBLOCKED" | "NOGOODSLAVE" => CacheError::Unavailable(text),
        "ERR" if details.contains("max number of clients") => CacheError::Unavailable(text),
        "ERR" if details.contains("DB index") => CacheError::invalid("url", text),
        "ERR" if details.contains("exceeds maximum allowed size") => CacheError::invalid("value", text),
        "ERR" if details.contains("would overflow") => CacheError::invalid("by", text),
        "WRONGTYPE" => wrong_value(key, text),
        "ERR" if details.contains("not an integer") => wrong_value(key, not_a_counter(&text)),
        "MOVED" | "ASK" => CacheError::Protocol(format!(
            "{text}: the server is a node of a Redis Cluster, for which the URL begins with redis-cluster://"
        )),
        _ => CacheError::Protocol(text),
    }
}

/// The remedy for a value that cannot be incremented.
fn not_a_counter(text: &str) -> String {
    format!("it is not a counter; delete it first, and write counters with increment, or with set as JSON ({text})")
}

/// The key holds a value of another type.
fn wrong_value(key: Option<&str>, text: String) -> CacheError {
    match key {
        Some(key) => CacheError::Deserialize { key: key.to_owned(), reason: text },
        None => CacheError::Protocol(text),
    }
}
