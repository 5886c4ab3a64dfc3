//! Commands without a key.

use std::fmt::Write as _;

use bytes::Bytes;
use isocache_protocol::{Command, Reply};

use super::{Outcome, arg, args_from};
use crate::store::memory::database::Database;
use crate::store::memory::error;
use crate::store::memory::numbers::is_word;

pub(super) fn ping(_: &mut Database<'_>, command: &Command) -> Outcome {
    match command.len() {
        1 => Ok(Reply::Status(Bytes::from_static(b"PONG"))),
        2 => echo_at(command),
        _ => Err(error::arity("ping")),
    }
}

pub(super) fn echo(_: &mut Database<'_>, command: &Command) -> Outcome {
    echo_at(command)
}

fn echo_at(command: &Command) -> Outcome {
    Ok(Reply::Bulk(Bytes::copy_from_slice(arg(command, 1))))
}

/// Seconds since 1970, and microseconds, with a resolution of one millisecond.
pub(super) fn time(database: &mut Database<'_>, _: &Command) -> Outcome {
    let parts = [database.now / 1000, database.now % 1000 * 1000];
    Ok(Reply::Array(parts.map(|part| Reply::bulk(part.to_string())).into()))
}

/// The requested sections, or all of them.
pub(super) fn info(database: &mut Database<'_>, command: &Command) -> Outcome {
    let general = ["default", "all", "everything"];
    let is_requested = |section: &str| {
        command.len() == 1
            || args_from(command, 1).any(|word| is_word(word, section) || general.iter().any(|all| is_word(word, all)))
    };
    let (entries, bytes, counters) = (database.len(), database.weight(), database.counters());
    let options = &database.shared.options;
    let (channels, patterns) = database.shared.channels.counts();
    let uptime = (database.now - database.shared.started) / 1000;
    let mut sections: Vec<(&str, Vec<(&str, String)>)> = vec![
        (
            "Server",
            vec![
                ("server_name", "isocache".into()),
                ("isocache_version", env!("CARGO_PKG_VERSION").into()),
                ("isocache_store", "memory".into()),
                ("process_id", std::process::id().to_string()),
                ("uptime_in_seconds", uptime.to_string()),
            ],
        ),
        (
            "Memory",
            vec![
                ("used_memory", bytes.to_string()),
                ("maxmemory", options.max_bytes.to_string()),
                ("maxmemory_policy", "allkeys-lru".into()),
                ("max_entries", options.max_entries.to_string()),
            ],
        ),
        (
            "Stats",
            vec![
                ("expired_keys", counters.expirations.to_string()),
                ("evicted_keys", counters.evictions.to_string()),
                ("keyspace_hits", counters.hits.to_string()),
                ("keyspace_misses", counters.misses.to_string()),
                ("pubsub_channels", channels.to_string()),
                ("pubsub_patterns", patterns.to_string()),
            ],
        ),
    ];
    let keyspace = if entries > 0 { vec![("db0", format!("keys={entries}"))] } else { Vec::new() };
    sections.push(("Keyspace", keyspace));
    let mut text = String::new();
    for (section, lines) in sections.iter().filter(|(section, _)| is_requested(section)) {
        let between = if text.is_empty() { "" } else { "\r\n" };
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{between}# {section}\r\n");
        for (name, value) in lines {
            let _ = write!(text, "{name}:{value}\r\n");
        }
    }
    Ok(Reply::bulk(text))
}
