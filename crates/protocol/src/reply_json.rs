//! Writes replies as JSON: `{"result":…}`, `{"error":"…"}`, and arrays of them.
//!
//! | reply | plain | base64 |
//! |---|---|---|
//! | whole reply `OK` | `"OK"` | `"OK"` |
//! | any other string, at any depth | text, bytes that are not UTF-8 as U+FFFD | base64 of the bytes |
//! | integer within ±(2^53 − 1) | number | number |
//! | larger integer | its digits as a string | base64 of its digits |
//! | nil | `null` | `null` |
//! | array | array | array |
//! | whole reply is an error | `{"error":"text"}` | `{"error":"text"}` |
//! | error in an array | text | base64 of the text |
//!
//! In base64 mode only a whole reply that is exactly `OK` is kept unchanged: the official client decodes every string
//! that is a direct element of an array, even `OK` and the digits of a large integer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Reply, ReplyTooLarge};

/// JavaScript numbers represent integers up to this magnitude exactly.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The encoding of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strings {
    /// As text. Bytes that are not UTF-8 are lost.
    Plain,
    /// As base64, which preserves every byte.
    Base64,
}

/// Appends the response to one command.
///
/// ```
/// use isocache_protocol::Reply;
/// use isocache_protocol::reply_json::{Strings, write_reply};
///
/// let mut body = Vec::new();
/// write_reply(&mut body, &Reply::bulk("Ada"), Strings::Base64, 1024)?;
/// assert_eq!(body, br#"{"result":"QWRh"}"#);
/// # Ok::<(), isocache_protocol::ReplyTooLarge>(())
/// ```
///
/// # Errors
/// [`ReplyTooLarge`] if `out` would exceed `limit` bytes; `out` is then unchanged.
pub fn write_reply(out: &mut Vec<u8>, reply: &Reply, strings: Strings, limit: usize) -> Result<(), ReplyTooLarge> {
    Writer { start: out.len(), out, strings, limit }.run(|writer| writer.response(reply))
}

/// Appends the responses to several commands, as an array.
///
/// # Errors
/// [`ReplyTooLarge`] if `out` would exceed `limit` bytes; `out` is then unchanged.
pub fn write_replies<'a>(
    out: &mut Vec<u8>,
    replies: impl IntoIterator<Item = &'a Reply>,
    strings: Strings,
    limit: usize,
) -> Result<(), ReplyTooLarge> {
    Writer { start: out.len(), out, strings, limit }.run(|writer| writer.list(replies, Writer::response))
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// The length of `out` before anything was written.
    start: usize,
    strings: Strings,
    limit: usize,
}

impl Writer<'_> {
    fn run(mut self, write: impl FnOnce(&mut Self) -> Result<(), ReplyTooLarge>) -> Result<(), ReplyTooLarge> {
        let written = write(&mut self).and_then(|()| self.room_for(0));
        if written.is_err() {
            self.out.truncate(self.start);
        }
        written
    }

    /// Checked before every element, so that a response that is too large is abandoned early.
    fn room_for(&self, bytes: usize) -> Result<(), ReplyTooLarge> {
        if self.out.len().saturating_add(bytes) > self.limit {
            Err(ReplyTooLarge { limit: self.limit })
        } else {
            Ok(())
        }
    }

    fn response(&mut self, reply: &Reply) -> Result<(), ReplyTooLarge> {
        if let Reply::Error(text) = reply {
            self.out.extend_from_slice(br#"{"error":"#);
            self.room_for(text.len())?;
            write_lossy(self.out, text);
        } else {
            self.out.extend_from_slice(br#"{"result":"#);
            if reply.is_ok() {
                self.out.extend_from_slice(br#""OK""#);
            } else {
                self.value(reply)?;
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn list<'a>(
        &mut self,
        replies: impl IntoIterator<Item = &'a Reply>,
        mut write: impl FnMut(&mut Self, &Reply) -> Result<(), ReplyTooLarge>,
    ) -> Result<(), ReplyTooLarge> {
        self.out.push(b'[');
        for (index, reply) in replies.into_iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write(self, reply)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn value(&mut self, reply: &Reply) -> Result<(), ReplyTooLarge> {
        match reply {
            Reply::Status(bytes) | Reply::Bulk(bytes) | Reply::Error(bytes) => self.string(bytes)?,
            Reply::Integer(number) => {
                let mut buffer = itoa::Buffer::new();
                let digits = buffer.format(*number).as_bytes();
                if number.unsigned_abs() > MAX_SAFE_INTEGER {
                    self.string(digits)?;
                } else {
                    self.room_for(digits.len())?;
                    self.out.extend_from_slice(digits);
                }
            }
            Reply::Nil => self.out.extend_from_slice(b"null"),
            Reply::Array(replies) => {
                self.room_for(replies.len())?;
                self.list(replies, Self::value)?;
            }
        }
        Ok(())
    }

    fn string(&mut self, bytes: &[u8]) -> Result<(), ReplyTooLarge> {
        match self.strings {
            Strings::Plain => {
                self.room_for(bytes.len())?;
                write_lossy(self.out, bytes);
            }
            Strings::Base64 => {
                let length = bytes.len().div_ceil(3) * 4;
                self.room_for(length)?;
                self.out.push(b'"');
                let start = self.out.len();
                self.out.resize(start + length, 0);
                let written = STANDARD.encode_slice(bytes, &mut self.out[start..]).unwrap_or_default();
                debug_assert_eq!(written, length);
                self.out.push(b'"');
            }
        }
        Ok(())
    }
}

fn write_lossy(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_plain(bytes) {
        write_quoted(out, bytes);
    } else {
        write_escaped(out, &String::from_utf8_lossy(bytes));
    }
}

/// Appends a text as a JSON string.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        write_quoted(out, text.as_bytes());
    } else {
        write_escaped(out, text);
    }
}

/// Whether bytes are ASCII that needs no escaping in a JSON string. It inspects all of them, so that the compiler can
/// vectorize it.
fn is_plain(bytes: &[u8]) -> bool {
    let special = |byte: u8| byte.wrapping_sub(b' ') >= 0x60 || byte == b'"' || byte == b'\\';
    !bytes.iter().fold(false, |found, byte| found | special(*byte))
}

fn write_quoted(out: &mut Vec<u8>, plain: &[u8]) {
    out.reserve(plain.len().saturating_add(2));
    out.push(b'"');
    out.extend_from_slice(plain);
    out.push(b'"');
}

fn write_escaped(out: &mut Vec<u8>, text: &str) {
    // Writing to a string or a vector cannot fail.
    let written = serde_json::to_writer(&mut *out, text);
    debug_assert!(written.is_ok());
}
