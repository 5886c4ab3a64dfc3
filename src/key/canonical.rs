//! The canonical form of arguments: equal arguments have the same text, different ones have different texts.
//!
//! | value | text |
//! |---|---|
//! | null | `n` |
//! | `true`, `false` | `t`, `f` |
//! | a number that is an integer | `i`, its decimal digits, `;` |
//! | another number | `x` and the 16 hexadecimal digits of its IEEE 754 double; NaN is `x7ff8000000000000` |
//! | a string | `s`, its length in bytes, `:`, the text |
//! | bytes | `b`, their number, `:`, two hexadecimal digits for each |
//! | a list | `[`, its items, `]` |
//! | a map | `{`, its entries, `}`: each a text and a value, ordered by the bytes of the text |
//!
//! JavaScript has two more values, which Rust never produces: `u` for `undefined`, and for a date `d`, its
//! milliseconds, `;`.
//!
//! The first character of a value determines where it ends, so that no two sequences of values have the same text.

mod compound;
mod encoder;
mod name;

use serde::Serialize;

use crate::error::{CacheError, Result};
use encoder::Encoder;

/// The nesting limit of lists and maps, including the list of arguments.
const MAX_DEPTH: usize = 128;

/// The limit on the canonical form, in bytes.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The canonical form of a list of arguments.
pub(super) fn encode<A: Serialize + ?Sized>(arguments: &A) -> Result<Vec<u8>> {
    let mut encoder = Encoder::default();
    arguments.serialize(&mut encoder).map_err(|Refused(reason)| CacheError::invalid("arguments", reason))?;
    match encoder.out.first() {
        Some(b'[') => Ok(encoder.out),
        // `()` means no arguments.
        Some(b'n') if encoder.is_unit => Ok(b"[]".to_vec()),
        _ => Err(CacheError::invalid("arguments", "must be a tuple or a list; a single argument is `(argument,)`")),
    }
}

/// The canonical form of one value.
pub(super) fn encode_item<T: Serialize + ?Sized>(item: &T) -> Result<Vec<u8>> {
    let mut encoder = Encoder::default();
    item.serialize(&mut encoder).map_err(|Refused(reason)| CacheError::invalid("arguments", reason))?;
    Ok(encoder.out)
}

/// Why a value has no canonical form.
#[derive(Debug)]
struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl serde::ser::Error for Refused {
    fn custom<T: std::fmt::Display>(reason: T) -> Self {
        Self(reason.to_string())
    }
}
