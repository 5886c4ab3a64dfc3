//! Parses replies.

use bytes::Bytes;

use super::item::{Budget, Item};
use super::{RespError, RespErrorReason, RespLimits};
use crate::Reply;

/// How many elements are allocated before they have been read.
const ROOM: usize = 256;

/// Parses the first reply of `input`, and returns it with its length in bytes; `None` if it is not complete. Strings
/// are slices of `input`, which they keep alive.
///
/// For input that arrives in pieces, use [`ReplyScanner`](super::ReplyScanner) to detect when it is complete.
///
/// ```
/// use isocache_protocol::Reply;
/// use isocache_protocol::resp::{RespLimits, decode_reply};
///
/// let input = b"*2\r\n:1\r\n$3\r\nAda\r\n".as_slice().into();
/// let (reply, length) = decode_reply(&input, &RespLimits::default())?.expect("complete");
/// assert_eq!(reply, Reply::Array(vec![Reply::Integer(1), Reply::bulk("Ada")]));
/// assert_eq!(length, input.len());
/// # Ok::<(), isocache_protocol::resp::RespError>(())
/// ```
///
/// # Errors
/// [`RespError`] if the bytes are not RESP, or exceed the limits.
pub fn decode_reply(input: &Bytes, limits: &RespLimits) -> Result<Option<(Reply, usize)>, RespError> {
    let mut decoder = Decoder { input, at: 0, budget: Budget::new(limits) };
    Ok(decoder.reply(0)?.map(|reply| (reply, decoder.at)))
}

/// Parses a body that consists of replies, within limits that apply to all of them together.
///
/// # Errors
/// [`RespError`] if the bytes are not RESP, end in the middle of a reply, or exceed the limits.
pub fn decode_replies(body: &Bytes, limits: &RespLimits) -> Result<Vec<Reply>, RespError> {
    let mut decoder = Decoder { input: body, at: 0, budget: Budget::new(limits) };
    let mut replies = Vec::new();
    while decoder.at < body.len() {
        decoder.budget.elements += 1;
        if decoder.budget.elements > decoder.budget.limits.elements {
            return Err(super::item::too_much(decoder.at, "elements", decoder.budget.limits.elements));
        }
        let end = RespError { at: body.len(), reason: RespErrorReason::EndOfInput };
        replies.push(decoder.reply(0)?.ok_or(end)?);
    }
    Ok(replies)
}

struct Decoder<'a> {
    input: &'a Bytes,
    at: usize,
    budget: Budget,
}

impl Decoder<'_> {
    fn reply(&mut self, depth: usize) -> Result<Option<Reply>, RespError> {
        loop {
            let begin = self.at;
            let Some((item, next)) = self.budget.read(self.input, begin)? else { return Ok(None) };
            self.at = next;
            return Ok(Some(match item {
                Item::Status(range) => Reply::Status(self.input.slice(range)),
                Item::Error(range) => Reply::Error(self.input.slice(range)),
                Item::Bulk(range) => Reply::Bulk(self.input.slice(range)),
                Item::Integer(number) => Reply::Integer(number),
                Item::Nil => Reply::Nil,
                Item::Array(count) => {
                    self.budget.descend(begin, depth + 1)?;
                    let mut replies = Vec::with_capacity(count.min(ROOM));
                    for _ in 0..count {
                        let Some(reply) = self.reply(depth + 1)? else { return Ok(None) };
                        replies.push(reply);
                    }
                    Reply::Array(replies)
                }
                Item::Attribute(count) => {
                    self.budget.descend(begin, depth + 1)?;
                    for _ in 0..count {
                        let Some(_) = self.reply(depth + 1)? else { return Ok(None) };
                    }
                    continue;
                }
            }));
        }
    }
}
