//! Error messages, with the wording of Redis.

use bytes::Bytes;
use isocache_protocol::Reply;

pub(super) const SYNTAX: Reply = text("ERR syntax error");
pub(super) const NOT_AN_INTEGER: Reply = text("ERR value is not an integer or out of range");
pub(super) const NOT_AN_INT: Reply = text("ERR value is out of range, value must between -2147483648 and 2147483647");
pub(super) const NOT_A_FLOAT: Reply = text("ERR value is not a valid float");
pub(super) const NAN_OR_INFINITY: Reply = text("ERR increment would produce NaN or Infinity");
pub(super) const OVERFLOW: Reply = text("ERR increment or decrement would overflow");
pub(super) const DECREMENT_OVERFLOW: Reply = text("ERR decrement would overflow");
pub(super) const OFFSET: Reply = text("ERR offset is out of range");
pub(super) const TOO_LONG: Reply = text("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
pub(super) const OUT_OF_MEMORY: Reply = text("OOM command not allowed when used memory > 'maxmemory'.");
pub(super) const NO_SUCH_KEY: Reply = text("ERR no such key");
pub(super) const SAME_OBJECT: Reply = text("ERR source and destination objects are the same");
pub(super) const NO_SUCH_DATABASE: Reply = text("ERR DB index is out of range");
pub(super) const CURSOR: Reply = text("ERR invalid cursor");
pub(super) const EXPIRE_NX: Reply = text("ERR NX and XX, GT or LT options at the same time are not compatible");
pub(super) const EXPIRE_GT: Reply = text("ERR GT and LT options at the same time are not compatible");
pub(super) const NOT_FOR_RUN: Reply =
    text("ERR subscribing needs a stream of messages: it cannot be run as a command; use the subscribe endpoint");

/// The error of a transaction with an unknown command, or with a wrong number of arguments.
pub(super) const ABORTED: &str = "EXECABORT Transaction discarded because of previous errors.";

/// The maximum number of bytes that an error quotes.
const MAX_QUOTED: usize = 128;

const fn text(text: &'static str) -> Reply {
    Reply::Error(Bytes::from_static(text.as_bytes()))
}

/// `name` is the name of the command in lower case.
pub(super) fn arity(name: &str) -> Reply {
    Reply::error(format!("ERR wrong number of arguments for '{name}' command"))
}

/// `name` is the name of the command in lower case.
pub(super) fn expire_time(name: &str) -> Reply {
    Reply::error(format!("ERR invalid expire time in '{name}' command"))
}

pub(super) fn unknown_command(name: &[u8]) -> Reply {
    let end = b"': the embedded store has no such command; a Redis behind the bridge may have it";
    quoting(b"ERR unknown command '", name, end)
}

pub(super) fn unknown_subcommand(name: &[u8]) -> Reply {
    quoting(b"ERR unknown subcommand '", name, b"'. Try PUBSUB HELP.")
}

pub(super) fn wrong_subcommand(name: &[u8]) -> Reply {
    quoting(b"ERR unknown subcommand or wrong number of arguments for '", name, b"'. Try PUBSUB HELP.")
}

pub(super) fn unsupported_option(option: &[u8]) -> Reply {
    quoting(b"ERR Unsupported option ", option, b"")
}

/// An error that quotes the beginning of an argument, on one line.
fn quoting(before: &[u8], quoted: &[u8], after: &[u8]) -> Reply {
    let quoted = super::numbers::until_nul(quoted);
    let quoted = quoted.get(..MAX_QUOTED).unwrap_or(quoted);
    let on_one_line = quoted.iter().map(|&byte| if byte == b'\r' || byte == b'\n' { b' ' } else { byte });
    Reply::Error(before.iter().copied().chain(on_one_line).chain(after.iter().copied()).collect())
}
