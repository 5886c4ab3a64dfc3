//! A model of how the official JavaScript client decodes answers in base64 mode. It must see what was stored.

use base64_of_browsers::atob;
use isocache_protocol::Reply;
use isocache_protocol::reply_json::{Strings, write_reply};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::strategies;

mod base64_of_browsers {
    /// `atob`: forgiving about white space, padding and bits left over.
    pub fn atob(text: &str) -> Option<Vec<u8>> {
        let mut text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        if text.len().is_multiple_of(4) {
            let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
            text.truncate(text.len() - padding);
        }
        if text.len() % 4 == 1 {
            return None;
        }
        let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0);
        for byte in text {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = (bits << 6 | u32::from(value)) & 0xffff;
            held += 6;
            if held >= 8 {
                held -= 8;
                out.push(u8::try_from(bits >> held & 0xff).ok()?);
            }
        }
        Some(out)
    }
}

/// `atob`, then `TextDecoder`, which drops a byte order mark; the text itself where that fails.
fn base64_decode(text: &str) -> Value {
    atob(text).map_or_else(|| text.into(), |bytes| as_text(&bytes))
}

fn as_text(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes);
    text.strip_prefix('\u{feff}').unwrap_or(&text).into()
}

/// A number is one of 64 bits with a point.
fn number(value: &Value) -> Value {
    json!(value.as_f64().unwrap())
}

fn decode(result: &Value) -> Value {
    match result {
        Value::Number(_) => number(result),
        Value::String(text) if text == "OK" => "OK".into(),
        Value::String(text) => base64_decode(text),
        Value::Array(elements) => elements.iter().map(decode_element).collect(),
        _ => Value::Null,
    }
}

/// Of an array: a string is decoded whatever it reads, the elements of an array in it as whole results are.
fn decode_element(element: &Value) -> Value {
    match element {
        Value::String(text) => base64_decode(text),
        Value::Array(elements) => elements.iter().map(decode).collect(),
        Value::Number(_) => number(element),
        other => other.clone(),
    }
}

/// What a user of the client should see.
#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn expected(reply: &Reply) -> Value {
    match reply {
        Reply::Status(bytes) | Reply::Bulk(bytes) | Reply::Error(bytes) => as_text(bytes),
        Reply::Integer(number) if number.unsigned_abs() < 1 << 53 => json!(*number as f64),
        Reply::Integer(number) => number.to_string().into(),
        Reply::Nil => Value::Null,
        Reply::Array(replies) => replies.iter().map(expected).collect(),
    }
}

#[test]
fn the_model_has_the_traps_of_the_client() {
    assert_eq!(decode(&json!("OK")), json!("OK"));
    assert_eq!(decode(&json!(["OK"])), json!(["8"]));
    assert_eq!(decode(&json!([["OK"]])), json!([["OK"]]));
    assert_eq!(decode(&json!("T0s=")), json!("OK"));
    assert_eq!(decode(&json!({"a": 1})), Value::Null);
    assert_ne!(decode(&json!("9007199254740993")), json!("9007199254740993"));
}

fn seen(reply: &Reply) -> Value {
    let mut body = Vec::new();
    write_reply(&mut body, reply, Strings::Base64, usize::MAX).unwrap();
    decode(&serde_json::from_slice::<Value>(&body).unwrap()["result"])
}

#[test]
fn ok_at_every_depth_and_by_every_way() {
    for ok in [Reply::OK, Reply::bulk("OK"), Reply::bulk("T0s="), Reply::bulk("8"), Reply::Integer(i64::MAX)] {
        let mut reply = ok;
        for _ in 0..6 {
            assert_eq!(seen(&reply), expected(&reply));
            reply = Reply::Array(vec![reply.clone(), Reply::error("OK"), reply]);
        }
    }
}

proptest! {
    #[test]
    fn the_client_sees_what_was_stored(reply in strategies::reply().prop_filter("errors are apart", |reply| !reply.is_error())) {
        prop_assert_eq!(seen(&reply), expected(&reply));
    }
}
