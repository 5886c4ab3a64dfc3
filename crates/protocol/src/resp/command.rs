//! Parses commands: arrays of bulk strings, nothing else.

use super::item::{Budget, Item, malformed};
use super::{RespError, RespErrorReason, RespLimits};
use crate::{Command, RequestError, RequestLimits};

/// The capacity for the name and arguments of a typical command, so that it takes one allocation.
const TYPICAL_BYTES: usize = 64;

/// Parses the first command of `input`, and returns it with its length in bytes; `None` if it is not complete.
///
/// # Errors
/// [`RespError`] if the bytes are not an array of bulk strings, or exceed the limits.
pub fn decode_command(input: &[u8], limits: &RespLimits) -> Result<Option<(Command, usize)>, RespError> {
    read(&mut Budget::new(limits), input, 0)
}

/// Parses a body of type [`CONTENT_TYPE_RESP`](super::super::headers::CONTENT_TYPE_RESP).
///
/// As in a JSON pipeline, a command may be empty (`*0`); its response is the error
/// [`RequestError::EmptyPipelineCommand`].
///
/// ```
/// use isocache_protocol::{RequestLimits, resp};
///
/// let body = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n";
/// let commands = resp::decode_commands(body, &RequestLimits::default())?;
/// assert_eq!(commands[1].arg(1), Some(&b"b"[..]));
/// # Ok::<(), isocache_protocol::RequestError>(())
/// ```
///
/// # Errors
/// [`RequestError`], with the text of the response.
pub fn decode_commands(body: &[u8], limits: &RequestLimits) -> Result<Vec<Command>, RequestError> {
    let (mut at, mut commands) = (0, Vec::new());
    while at < body.len() {
        if commands.len() == limits.commands {
            return Err(RequestError::TooManyCommands { limit: limits.commands });
        }
        let mut budget = Budget::new(&RespLimits { depth: 1, elements: limits.arguments, bytes: usize::MAX });
        let read = read(&mut budget, body, at).map_err(|error| match error.reason {
            RespErrorReason::TooMuch { what: "elements", limit } => RequestError::TooManyArguments { limit },
            _ => RequestError::Resp(error),
        })?;
        let end = RespError { at: body.len(), reason: RespErrorReason::EndOfInput };
        let (command, next) = read.ok_or(RequestError::Resp(end))?;
        commands.push(command);
        at = next;
    }
    if commands.is_empty() { Err(RequestError::EmptyPipeline) } else { Ok(commands) }
}

fn read(budget: &mut Budget, input: &[u8], start: usize) -> Result<Option<(Command, usize)>, RespError> {
    if input.get(start).is_some_and(|kind| *kind != b'*') {
        return Err(malformed(start, "command: no array"));
    }
    let Some((item, mut at)) = budget.read(input, start)? else { return Ok(None) };
    let Item::Array(count) = item else { return Err(malformed(start, "command: no array")) };
    let mut command = if count == 0 { Command::new() } else { Command::with_capacity(TYPICAL_BYTES) };
    for _ in 0..count {
        if input.get(at).is_some_and(|kind| *kind != b'$') {
            return Err(malformed(at, "argument: no bulk string"));
        }
        let Some((item, next)) = budget.read(input, at)? else { return Ok(None) };
        let Item::Bulk(range) = item else { return Err(malformed(at, "argument: no bulk string")) };
        command.push(input.get(range).unwrap_or_default());
        at = next;
    }
    Ok(Some((command, at)))
}
