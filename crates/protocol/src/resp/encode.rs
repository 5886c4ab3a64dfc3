//! Writes commands and replies as RESP2.

use crate::{Command, Reply, ReplyTooLarge};

/// Appends a command as an array of bulk strings. Lengths precede bytes, so that arguments cannot be misread, whatever
/// they contain.
pub fn write_command(out: &mut Vec<u8>, command: &Command) {
    write_line(out, b'*', command.len());
    for arg in command.args() {
        write_bulk(out, arg);
    }
}

/// Appends commands, one after the other.
pub fn write_commands<'a>(out: &mut Vec<u8>, commands: impl IntoIterator<Item = &'a Command>) {
    for command in commands {
        write_command(out, command);
    }
}

/// Appends a reply.
///
/// A status or an error is one line in RESP: line breaks in it are written as spaces.
///
/// ```
/// use isocache_protocol::{Reply, resp};
///
/// let mut out = Vec::new();
/// resp::write_reply(&mut out, &Reply::Array(vec![Reply::OK, Reply::bulk("a\r\nb")]), 1024)?;
/// assert_eq!(out, b"*2\r\n+OK\r\n$4\r\na\r\nb\r\n");
/// # Ok::<(), isocache_protocol::ReplyTooLarge>(())
/// ```
///
/// # Errors
/// [`ReplyTooLarge`] if `out` would exceed `limit` bytes; `out` is then unchanged.
pub fn write_reply(out: &mut Vec<u8>, reply: &Reply, limit: usize) -> Result<(), ReplyTooLarge> {
    write_replies(out, [reply], limit)
}

/// Appends replies, one after the other.
///
/// # Errors
/// [`ReplyTooLarge`] if `out` would exceed `limit` bytes; `out` is then unchanged.
pub fn write_replies<'a>(
    out: &mut Vec<u8>,
    replies: impl IntoIterator<Item = &'a Reply>,
    limit: usize,
) -> Result<(), ReplyTooLarge> {
    let start = out.len();
    let written = replies.into_iter().try_for_each(|reply| write_within(out, reply, limit));
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn write_within(out: &mut Vec<u8>, reply: &Reply, limit: usize) -> Result<(), ReplyTooLarge> {
    let least = match reply {
        Reply::Status(bytes) | Reply::Error(bytes) | Reply::Bulk(bytes) => bytes.len(),
        Reply::Array(replies) => replies.len(),
        Reply::Integer(_) | Reply::Nil => 0,
    };
    if out.len().saturating_add(least) > limit {
        return Err(ReplyTooLarge { limit });
    }
    match reply {
        Reply::Status(text) => write_text(out, b'+', text),
        Reply::Error(text) => write_text(out, b'-', text),
        Reply::Integer(number) => write_line(out, b':', *number),
        Reply::Bulk(bytes) => write_bulk(out, bytes),
        Reply::Nil => out.extend_from_slice(b"$-1\r\n"),
        Reply::Array(replies) => {
            write_line(out, b'*', replies.len());
            replies.iter().try_for_each(|reply| write_within(out, reply, limit))?;
        }
    }
    if out.len() > limit { Err(ReplyTooLarge { limit }) } else { Ok(()) }
}

fn write_line(out: &mut Vec<u8>, kind: u8, number: impl itoa::Integer) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn write_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    write_line(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn write_text(out: &mut Vec<u8>, kind: u8, text: &[u8]) {
    out.push(kind);
    out.extend(text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }));
    out.extend_from_slice(b"\r\n");
}
