//! The grammar of isocache's key patterns, such as `rate:{ip}:{endpoint}`.
//!
//! `{name}` is a parameter. A name consists of ASCII letters, digits and `_`, with dots between words (`{opts.lang}`, `{0}`).
//! `{{` and `}}` stand for braces. Everything else is literal text.
//!
//! A template is refused if two lists of values could give the same key, or if its glob would match every key:
//! - between two parameters there must be a `:`, which no escaped value contains;
//! - no parameter may occur twice;
//! - there must be some literal text.
//!
//! A `$` before a `{` is refused, too: it comes from a template literal of JavaScript, whose value would be missing.
//!
//! Everything is `const`, so that the compiler checks patterns in the source. The library and its procedural macro share this
//! crate, so that both accept the same patterns.

#![forbid(unsafe_code)]

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

use std::fmt;

/// A part of a template. Literal text may come in several pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text that is the same in every key, with braces as the key has them.
    Literal(&'a str),
    /// The name of a parameter.
    Parameter(&'a str),
}

/// A fault in a template, and its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The position of the fault, in bytes from the start.
    pub at: usize,
    /// The fault.
    pub reason: &'static str,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.at)
    }
}

impl std::error::Error for TemplateError {}

/// The piece that begins at byte `at`, and the start of the next one; `None` at the end.
///
/// # Errors
/// [`TemplateError`] for an unpaired brace, and for a pair that contains no name.
pub const fn piece(template: &str, at: usize) -> Result<Option<(Piece<'_>, usize)>, TemplateError> {
    let bytes = template.as_bytes();
    if at >= bytes.len() {
        return Ok(None);
    }
    let doubled = at + 1 < bytes.len() && bytes[at + 1] == bytes[at];
    match bytes[at] {
        b'{' | b'}' if doubled => Ok(Some((Piece::Literal(slice(template, at, at + 1)), at + 2))),
        b'}' => Err(TemplateError { at, reason: "there is a } without its { (for a brace, write }})" }),
        b'{' => {
            let end = run(bytes, at + 1);
            if end == bytes.len() || bytes[end] == b'{' {
                return Err(TemplateError { at, reason: "there is a { without its } (for a brace, write {{)" });
            }
            if !is_name(bytes, at + 1, end) {
                let reason = "the name of a parameter has letters, digits and _, with dots between words";
                return Err(TemplateError { at: at + 1, reason });
            }
            Ok(Some((Piece::Parameter(slice(template, at + 1, end)), end + 1)))
        }
        _ => {
            let end = run(bytes, at);
            Ok(Some((Piece::Literal(slice(template, at, end)), end)))
        }
    }
}

/// Checks a whole template.
///
/// # Errors
/// [`TemplateError`] for the first fault.
pub const fn check(template: &str) -> Result<(), TemplateError> {
    if let Some(at) = dollar_brace(template.as_bytes()) {
        return Err(TemplateError {
            at,
            reason: "a key pattern is not a template literal: leave the $ out, as in user:{id}",
        });
    }
    let (mut at, mut has_literal, mut is_apart) = (0, false, true);
    loop {
        match piece(template, at) {
            Err(error) => return Err(error),
            Ok(None) => break,
            Ok(Some((Piece::Literal(text), next))) => {
                has_literal = true;
                is_apart = is_apart || contains_colon(text.as_bytes());
                at = next;
            }
            Ok(Some((Piece::Parameter(name), next))) => {
                if !is_apart {
                    let reason = "between this parameter and the one before it, there must be a :";
                    return Err(TemplateError { at, reason });
                }
                if occurs_before(template, at, name) {
                    return Err(TemplateError { at, reason: "this parameter is there already" });
                }
                is_apart = false;
                at = next;
            }
        }
    }
    if has_literal {
        Ok(())
    } else {
        Err(TemplateError { at: 0, reason: "a pattern needs some literal text, to distinguish its keys from others" })
    }
}

/// The pieces of a template that [`check`] accepts; for any other template, the pieces before the fault.
pub fn pieces(template: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (piece, next) = piece(template, at).ok().flatten()?;
        at = next;
        Some(piece)
    })
}

/// Whether the parameters of a template are those of a list, in its order.
pub const fn has_parameters(template: &str, names: &[&str]) -> bool {
    let (mut at, mut found) = (0, 0);
    while let Ok(Some((piece, next))) = piece(template, at) {
        if let Piece::Parameter(name) = piece {
            if found == names.len() || !is_same(name, names[found]) {
                return false;
            }
            found += 1;
        }
        at = next;
    }
    found == names.len()
}

/// The position of the first `${`.
const fn dollar_brace(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at - 1] == b'$' && bytes[at] == b'{' {
            return Some(at - 1);
        }
        at += 1;
    }
    None
}

/// The position of the next brace, from `at` on, or the end.
const fn run(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'{' && bytes[at] != b'}' {
        at += 1;
    }
    at
}

/// `from` and `to` are beside ASCII characters or at an end of the text.
const fn slice(text: &str, from: usize, to: usize) -> &str {
    text.split_at(to).0.split_at(from).1
}

const fn is_name(bytes: &[u8], from: usize, to: usize) -> bool {
    let mut at = from;
    // As if a dot stood before the name: a word must follow it, and each dot in it.
    let mut after_dot = true;
    while at < to {
        match bytes[at] {
            b'.' if after_dot => return false,
            b'.' => after_dot = true,
            b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => after_dot = false,
            _ => return false,
        }
        at += 1;
    }
    !after_dot
}

const fn contains_colon(bytes: &[u8]) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b':' {
            return true;
        }
        at += 1;
    }
    false
}

/// Whether a parameter of this name begins before byte `end`.
const fn occurs_before(template: &str, end: usize, name: &str) -> bool {
    let mut at = 0;
    while at < end {
        match piece(template, at) {
            Ok(Some((Piece::Parameter(other), _))) if is_same(name, other) => return true,
            Ok(Some((_, next))) => at = next,
            _ => return false,
        }
    }
    false
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}
