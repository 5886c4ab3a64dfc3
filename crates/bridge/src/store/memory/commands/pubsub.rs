//! Commands that publish messages and count subscribers.

use bytes::Bytes;
use isocache_protocol::{Command, Reply};

use super::{Outcome, arg, args_from, number};
use crate::store::memory::database::Database;
use crate::store::memory::error;
use crate::store::memory::numbers::is_word;

pub(super) fn publish(database: &mut Database<'_>, command: &Command) -> Outcome {
    Ok(Reply::Integer(database.shared.channels.publish(arg(command, 1), arg(command, 2))))
}

pub(super) fn subscribe(_: &mut Database<'_>, _: &Command) -> Outcome {
    Err(error::NOT_FOR_RUN)
}

/// The error of a `PUBSUB` that cannot run. Its subcommands have an arity of their own, as in Redis.
pub(super) fn refused(command: &Command) -> Option<Reply> {
    let subcommand = arg(command, 1);
    if is_word(subcommand, "NUMPAT") {
        (command.len() > 2).then(|| error::arity("pubsub|numpat"))
    } else if is_word(subcommand, "CHANNELS") || is_word(subcommand, "NUMSUB") {
        None
    } else {
        Some(error::unknown_subcommand(subcommand))
    }
}

pub(super) fn pubsub(database: &mut Database<'_>, command: &Command) -> Outcome {
    if let Some(error) = refused(command) {
        return Err(error);
    }
    let channels = &database.shared.channels;
    let subcommand = arg(command, 1);
    if is_word(subcommand, "NUMPAT") {
        return Ok(number(channels.counts().1));
    }
    if is_word(subcommand, "NUMSUB") {
        let count = |channel| [Reply::Bulk(Bytes::copy_from_slice(channel)), number(channels.subscribers_of(channel))];
        return Ok(Reply::Array(args_from(command, 2).flat_map(count).collect()));
    }
    if command.len() > 3 {
        return Err(error::wrong_subcommand(subcommand));
    }
    Ok(Reply::Array(channels.active(command.arg(2)).into_iter().map(Reply::Bulk).collect()))
}
