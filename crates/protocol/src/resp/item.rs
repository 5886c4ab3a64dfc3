//! One item of RESP: a line, and the blob that belongs to it.

use std::ops::Range;

use super::{RespError, RespErrorReason, RespLimits};

/// The longest line of an item: status, error, number or length. Redis' own are far shorter.
const MAX_LINE: usize = 64 << 10;

/// The item. Ranges refer to the input.
#[derive(Debug)]
pub(super) enum Item {
    Status(Range<usize>),
    Error(Range<usize>),
    Integer(i64),
    Bulk(Range<usize>),
    Nil,
    /// The beginning of an array with this many elements; in a map, keys and values are counted separately.
    Array(usize),
    /// An attribute with this many elements, about the next item.
    Attribute(usize),
}

/// The remaining budget.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) limits: RespLimits,
    /// The elements announced so far.
    pub(super) elements: usize,
}

impl Budget {
    pub(super) fn new(limits: &RespLimits) -> Self {
        let depth = limits.depth.min(super::MAX_DEPTH);
        Self { limits: RespLimits { depth, ..*limits }, elements: 0 }
    }

    /// Parses the item at `at`, and returns it with the position of the next one; `None` if the input ends before that.
    pub(super) fn read(&mut self, input: &[u8], at: usize) -> Result<Option<(Item, usize)>, RespError> {
        let rest = input.get(at..).unwrap_or_default();
        let Some((&kind, _)) = rest.split_first() else { return self.more(input, at) };
        if !b"+-:$*_#,(!=%~>|".contains(&kind) {
            return Err(RespError { at, reason: RespErrorReason::UnknownType });
        }
        let head = rest.get(..MAX_LINE).unwrap_or(rest);
        let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
            if head.len() == MAX_LINE {
                return Err(too_much(at, "bytes in a line", MAX_LINE));
            }
            return self.more(input, at);
        };
        let (line, next) = (at + 1..at + end - 1, at + end + 1);
        if end < 2 || input.get(line.end) != Some(&b'\r') {
            return Err(malformed(at, "line"));
        }
        let text = input.get(line.clone()).unwrap_or_default();
        let item = match kind {
            b'+' => Item::Status(line),
            b'-' => Item::Error(line),
            b':' => Item::Integer(number(text).ok_or_else(|| malformed(at, "integer"))?),
            b'$' | b'!' | b'=' => return self.blob(input, at, kind, text, next),
            b'_' if text.is_empty() => Item::Nil,
            b'#' if text == b"t" => Item::Integer(1),
            b'#' if text == b"f" => Item::Integer(0),
            b',' if number::<f64>(text).is_some() => Item::Bulk(line),
            b'(' if is_big_number(text) => Item::Bulk(line),
            b'*' if text == b"-1" => Item::Nil,
            b'*' | b'~' | b'>' => Item::Array(self.count(at, text, 1)?),
            b'%' => Item::Array(self.count(at, text, 2)?),
            b'|' => Item::Attribute(self.count(at, text, 2)?),
            b'_' => return Err(malformed(at, "null")),
            b'#' => return Err(malformed(at, "boolean")),
            b',' => return Err(malformed(at, "double")),
            _ => return Err(malformed(at, "big number")),
        };
        self.whole(at, next)?;
        Ok(Some((item, next)))
    }

    /// The blob whose length the line announces.
    fn blob(
        &self,
        input: &[u8],
        at: usize,
        kind: u8,
        line: &[u8],
        start: usize,
    ) -> Result<Option<(Item, usize)>, RespError> {
        if kind == b'$' && line == b"-1" {
            self.whole(at, start)?;
            return Ok(Some((Item::Nil, start)));
        }
        let length = length(line).ok_or_else(|| malformed(at, "length"))?;
        let (end, next) = (start.saturating_add(length), start.saturating_add(length).saturating_add(2));
        self.whole(at, next)?;
        let Some(tail) = input.get(end..next) else { return Ok(None) };
        if tail != b"\r\n" {
            return Err(malformed(end, "end of string"));
        }
        let item = match kind {
            b'$' => Item::Bulk(start..end),
            b'!' => Item::Error(start..end),
            _ if length >= 4 && input.get(start + 3) == Some(&b':') => Item::Bulk(start + 4..end),
            _ => return Err(malformed(start, "verbatim string")),
        };
        Ok(Some((item, next)))
    }

    /// The number of elements that a line announces, all of which are counted at once.
    fn count(&mut self, at: usize, line: &[u8], each: usize) -> Result<usize, RespError> {
        let count = length(line).ok_or_else(|| malformed(at, "number of elements"))?.saturating_mul(each);
        self.elements = self.elements.saturating_add(count);
        if self.elements > self.limits.elements {
            return Err(too_much(at, "elements", self.limits.elements));
        }
        Ok(count)
    }

    /// Incomplete: at least one more byte is needed.
    fn more<T>(&self, input: &[u8], at: usize) -> Result<Option<T>, RespError> {
        self.whole(at, input.len().saturating_add(1))?;
        Ok(None)
    }

    fn whole(&self, at: usize, end: usize) -> Result<(), RespError> {
        if end > self.limits.bytes { Err(too_much(at, "bytes", self.limits.bytes)) } else { Ok(()) }
    }

    /// Checks the nesting depth of arrays.
    pub(super) fn descend(&self, at: usize, depth: usize) -> Result<(), RespError> {
        if depth > self.limits.depth {
            return Err(too_much(at, "depth", self.limits.depth));
        }
        Ok(())
    }
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A length: digits only.
fn length(text: &[u8]) -> Option<usize> {
    if text.first()?.is_ascii_digit() { number(text) } else { None }
}

fn is_big_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

pub(super) fn malformed(at: usize, what: &'static str) -> RespError {
    RespError { at, reason: RespErrorReason::Malformed(what) }
}

pub(super) fn too_much(at: usize, what: &'static str, limit: usize) -> RespError {
    RespError { at, reason: RespErrorReason::TooMuch { what, limit } }
}
