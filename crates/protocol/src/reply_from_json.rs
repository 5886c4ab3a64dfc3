//! Reads the JSON answers of a server of the protocol, ours or another.
//!
//! JSON does not tell a status from a string: every string becomes a [`Reply::Bulk`]. A number becomes a [`Reply::Integer`]
//! if it is a whole one of 64 bits, and the string of its text otherwise; a boolean, which only servers with RESP3 behind them
//! send, becomes 1 or 0. A whole number beyond 64 bits is refused, since JSON readers round it; servers send it as a string.
//!
//! In base64 mode `OK` stays as it is wherever it stands: base64 that a server pads is never two letters long.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Reply;
use super::reply_json::Strings;

/// How much of an answer that is not the protocol an error shows, in bytes.
const SHOWN: usize = 60;
/// The integers from which on a floating-point number may stand for several.
const ROUNDED: f64 = 9_007_199_254_740_992.0;

/// A body that is not an answer of the protocol. The text shows how it begins, in printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; the answer begins with \"{start}\"")]
pub struct NotAReply {
    reason: String,
    start: String,
}

/// The answer to one command.
///
/// ```
/// use isocache_protocol::Reply;
/// use isocache_protocol::reply_from_json::reply;
/// use isocache_protocol::reply_json::Strings;
///
/// assert_eq!(reply(br#"{"result":"QWRh"}"#, Strings::Base64)?, Reply::bulk("Ada"));
/// assert_eq!(reply(br#"{"error":"ERR no"}"#, Strings::Base64)?, Reply::error("ERR no"));
/// assert!(reply(b"<html>", Strings::Base64).unwrap_err().to_string().ends_with(r#"begins with "<html>""#));
/// # Ok::<(), isocache_protocol::reply_from_json::NotAReply>(())
/// ```
///
/// # Errors
/// [`NotAReply`].
pub fn reply(body: &[u8], strings: Strings) -> Result<Reply, NotAReply> {
    parse(body, Answer { strings })
}

/// The answers to `expected` commands of a pipeline or transaction. A server that refuses the whole request sends a single
/// answer instead, with another HTTP status: for [`reply`].
///
/// # Errors
/// [`NotAReply`], also if there are more or fewer.
pub fn replies(body: &[u8], strings: Strings, expected: usize) -> Result<Vec<Reply>, NotAReply> {
    parse(body, Answers { strings, expected })
}

fn parse<'de, S: DeserializeSeed<'de>>(body: &'de [u8], seed: S) -> Result<S::Value, NotAReply> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| {
        // serde's own words may quote the answer, at any length.
        let what = match error.classify() {
            serde_json::error::Category::Eof => "JSON that is cut off",
            serde_json::error::Category::Data => "JSON that is no answer of the protocol",
            _ => "no JSON",
        };
        let reason = format!("{what}, at line {} column {}", error.line(), error.column());
        NotAReply { reason, start: body.get(..SHOWN).unwrap_or(body).escape_ascii().to_string() }
    })
}

/// `[{"result":…},{"error":…},…]`
struct Answers {
    strings: Strings,
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for Answers {
    type Value = Vec<Reply>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Answers {
    type Value = Vec<Reply>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of answers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut replies = Vec::new();
        while let Some(reply) = seq.next_element_seed(Answer { strings: self.strings })? {
            replies.push(reply);
            if replies.len() > self.expected {
                return Err(A::Error::custom("too many"));
            }
        }
        if replies.len() == self.expected { Ok(replies) } else { Err(A::Error::custom("too few")) }
    }
}

/// `{"result":…}` or `{"error":…}`; a member that is `null` beside the other counts as absent, and others are passed over.
struct Answer {
    strings: Strings,
}

impl<'de> DeserializeSeed<'de> for Answer {
    type Value = Reply;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Answer {
    type Value = Reply;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an answer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut result, mut error) = (None, None);
        while let Some(key) = map.next_key::<std::borrow::Cow<str>>()? {
            let twice = match key.as_ref() {
                "result" => result.replace(map.next_value_seed(Value { strings: self.strings })?).is_some(),
                "error" => error.replace(map.next_value::<Option<String>>()?).is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if twice {
                return Err(A::Error::custom("a member twice"));
            }
        }
        match (result, error.flatten()) {
            (Some(reply), None) => Ok(reply),
            (None | Some(Reply::Nil), Some(text)) => Ok(Reply::error(text)),
            (None, None) => Err(A::Error::custom("neither result nor error")),
            (Some(_), Some(_)) => Err(A::Error::custom("both result and error")),
        }
    }
}

/// What stands under `result`, at any depth. `serde_json` itself limits the depth.
#[derive(Clone, Copy)]
struct Value {
    strings: Strings,
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Reply;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Reply;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a reply")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Reply, E> {
        match self.strings {
            Strings::Base64 if text != "OK" => {
                STANDARD.decode(text).map(Reply::bulk).map_err(|_| E::custom("no base64"))
            }
            _ => Ok(Reply::Bulk(Bytes::copy_from_slice(text.as_bytes()))),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Reply, E> {
        Ok(Reply::Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Reply, E> {
        Ok(i64::try_from(number).map_or_else(|_| Reply::bulk(number.to_string()), Reply::Integer))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Reply, E> {
        if number.abs() >= ROUNDED { Err(E::custom("a rounded number")) } else { Ok(Reply::bulk(number.to_string())) }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Reply, E> {
        Ok(Reply::Integer(value.into()))
    }

    fn visit_unit<E: Error>(self) -> Result<Reply, E> {
        Ok(Reply::Nil)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Reply, A::Error> {
        let mut replies = Vec::new();
        while let Some(reply) = seq.next_element_seed(self)? {
            replies.push(reply);
        }
        Ok(Reply::Array(replies))
    }
}
