//! Parses the JSON responses of any server of the protocol.
//!
//! JSON does not distinguish a status from a string: every string becomes a [`Reply::Bulk`]. A number becomes a
//! [`Reply::Integer`] if it is an integer of 64 bits, and the string of its text otherwise. A boolean, which only
//! servers over RESP3 send, becomes 1 or 0. A larger integer is an error, since JSON parsers round it; servers send it
//! as a string.
//!
//! In base64 mode `OK` is kept unchanged everywhere: padded base64 is never two characters long.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Reply;
use super::reply_json::Strings;

/// How much of an invalid response an error quotes, in bytes.
const SHOWN: usize = 60;
/// From this magnitude on, a floating-point number may represent several integers.
const ROUNDED: f64 = 9_007_199_254_740_992.0;

/// A body that is not a valid response. The text quotes its beginning, in printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; the response begins with \"{start}\"")]
pub struct NotAReply {
    reason: String,
    start: String,
}

/// Parses the response to one command.
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
    parse(body, Response { strings })
}

/// Parses the responses to `expected` commands of a pipeline or transaction. A server that refuses the whole request
/// sends a single response instead, with another HTTP status: parse that with [`reply`].
///
/// # Errors
/// [`NotAReply`], also if there are more or fewer.
pub fn replies(body: &[u8], strings: Strings, expected: usize) -> Result<Vec<Reply>, NotAReply> {
    parse(body, Responses { strings, expected })
}

fn parse<'de, S: DeserializeSeed<'de>>(body: &'de [u8], seed: S) -> Result<S::Value, NotAReply> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| {
        // serde's own message may quote the response, at any length.
        let what = match error.classify() {
            serde_json::error::Category::Eof => "JSON that is cut off",
            serde_json::error::Category::Data => "JSON that is not a response of the protocol",
            _ => "not JSON",
        };
        let reason = format!("{what}, at line {} column {}", error.line(), error.column());
        NotAReply { reason, start: body.get(..SHOWN).unwrap_or(body).escape_ascii().to_string() }
    })
}

/// `[{"result":…},{"error":…},…]`
struct Responses {
    strings: Strings,
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for Responses {
    type Value = Vec<Reply>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Responses {
    type Value = Vec<Reply>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of responses")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut replies = Vec::new();
        while let Some(reply) = seq.next_element_seed(Response { strings: self.strings })? {
            replies.push(reply);
            if replies.len() > self.expected {
                return Err(A::Error::custom("too many"));
            }
        }
        if replies.len() == self.expected { Ok(replies) } else { Err(A::Error::custom("too few")) }
    }
}

/// `{"result":…}` or `{"error":…}`; if both are present, one that is `null` counts as absent. Other members are
/// ignored.
struct Response {
    strings: Strings,
}

impl<'de> DeserializeSeed<'de> for Response {
    type Value = Reply;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Response {
    type Value = Reply;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a response")
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

/// The value of `result`, at any depth. `serde_json` itself limits the depth.
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
