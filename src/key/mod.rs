//! Keys: their limits, and how they are made from patterns and function arguments.

#[cfg(feature = "key-of")]
mod arguments;
#[cfg(feature = "key-of")]
mod canonical;
mod escape;
mod key_part;
mod pattern;
pub mod patterns;
#[cfg(feature = "key-of")]
mod sorted_set;

#[cfg(feature = "key-of")]
pub use arguments::{glob_of, key_of};
pub use key_part::{Displayed, GlobPart, KeyPart};
pub use pattern::KeyPattern;
#[cfg(feature = "key-of")]
pub use sorted_set::{SortedSet, sorted_set};

use isocache_key_pattern as template;

use crate::error::{CacheError, Result};

/// The maximum length of a key, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 64 * 1024;

/// The number of bytes that an error quotes of an invalid key.
const QUOTED_BYTES: usize = 40;

/// Checks that `key` is not empty and not longer than [`MAX_KEY_BYTES`].
///
/// # Errors
/// [`CacheError::InvalidArgument`], with the key (truncated if it is long) and the limit.
#[inline]
pub(crate) fn check(key: &str) -> Result<()> {
    if (1..=MAX_KEY_BYTES).contains(&key.len()) { Ok(()) } else { Err(refused(key)) }
}

#[cold]
fn refused(key: &str) -> CacheError {
    if key.is_empty() {
        return CacheError::invalid("key", "is empty");
    }
    let quoted = quote(key);
    CacheError::invalid("key", format!("{quoted} has {} bytes, more than the limit of {MAX_KEY_BYTES}", key.len()))
}

/// Formats a key for an error: quoted, and truncated if it is long.
pub(crate) fn quote(key: &str) -> String {
    if key.len() <= QUOTED_BYTES {
        return format!("{key:?}");
    }
    let end = (0..=QUOTED_BYTES).rev().find(|&end| key.is_char_boundary(end)).unwrap_or(0);
    format!("{:?}...", &key[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_exact_and_the_error_is_short() {
        assert!(check("k").is_ok());
        assert!(check(&"k".repeat(MAX_KEY_BYTES)).is_ok());
        assert!(check("").is_err());
        let error = check(&"\u{e9}".repeat(MAX_KEY_BYTES)).unwrap_err().to_string();
        assert!(error.contains("131072 bytes") && error.contains("65536") && error.len() < 200, "{error}");
    }
}
