//! Writes events.

use std::borrow::Cow;

use super::{ESCAPED, Subscription};
use crate::reply_json;

/// A comment that keeps a connection alive; clients ignore it.
pub const HEARTBEAT: &str = ": heartbeat\n\n";

/// Appends `data: subscribe,<channel>,<count>` or the like; `count` is the number of subscriptions.
pub fn write_subscription(out: &mut Vec<u8>, kind: Subscription, channel: &[u8], count: u64) {
    begin(out, kind.word(), &[channel]);
    out.extend_from_slice(count.to_string().as_bytes());
    out.extend_from_slice(b"\n\n");
}

/// Appends `data: message,<channel>,<payload>`.
///
/// ```
/// use isocache_protocol::sse;
///
/// let mut out = Vec::new();
/// sse::write_message(&mut out, b"news", b"hello");
/// sse::write_message(&mut out, b"news", b"two\nlines");
/// assert_eq!(out, b"data: message,news,hello\n\n: escaped\ndata: message,news,\"two\\nlines\"\n\n");
/// ```
pub fn write_message(out: &mut Vec<u8>, channel: &[u8], payload: &[u8]) {
    write(out, "message", &[channel], payload);
}

/// Appends `data: pmessage,<pattern>,<channel>,<payload>`.
pub fn write_pattern_message(out: &mut Vec<u8>, pattern: &[u8], channel: &[u8], payload: &[u8]) {
    write(out, "pmessage", &[pattern, channel], payload);
}

/// Appends `data: <text>`, for the lines of `MONITOR`. Line breaks become U+FFFD.
pub fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(b"data: ");
    write_line(out, text);
    out.extend_from_slice(b"\n\n");
}

fn write(out: &mut Vec<u8>, word: &str, names: &[&[u8]], payload: &[u8]) {
    let text = String::from_utf8_lossy(payload);
    if has_line_break(&text) {
        out.extend_from_slice(ESCAPED.as_bytes());
        out.push(b'\n');
        begin(out, word, names);
        reply_json::write_text(out, &text);
    } else {
        begin(out, word, names);
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(b"\n\n");
}

fn begin(out: &mut Vec<u8>, word: &str, names: &[&[u8]]) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(word.as_bytes());
    out.push(b',');
    for name in names {
        write_line(out, name);
        out.push(b',');
    }
}

/// A name with a line break would let its publisher forge events of other channels.
fn write_line(out: &mut Vec<u8>, name: &[u8]) {
    let name = String::from_utf8_lossy(name);
    let name = if has_line_break(&name) { Cow::Owned(name.replace(['\r', '\n'], "\u{fffd}")) } else { name };
    out.extend_from_slice(name.as_bytes());
}

fn has_line_break(text: &str) -> bool {
    text.contains(['\r', '\n'])
}
