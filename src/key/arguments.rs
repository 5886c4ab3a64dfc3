//! The default key of a function: its name and a hash of its arguments.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::canonical;
use crate::error::{CacheError, Result};
use crate::glob::Glob;

/// How much of the hash is in the key, in bytes: 32 characters of base64url.
const HASH_BYTES: usize = 24;

/// The key of the call of a function with these arguments: `name:` and 32 characters, which are 192 bits of the SHA-256 of
/// the arguments. `keyOf` of the npm package gives the same key for the same arguments.
///
/// `arguments` is a tuple (`&(id,)` for one argument, `&()` for none) or a list, of anything that is [`Serialize`].
///
/// ```
/// use isocache::key_of;
///
/// let key = key_of("users::find", &("Ada", 1))?;
/// assert_eq!(key, "users::find:zG05t8fsG7lXMkQJY3hRh1Hn0ERz9uF1");
/// assert_eq!(key, key_of("users::find", &(String::from("Ada"), 1.0))?);
/// assert_ne!(key, key_of("users::find", &("Ada", "1"))?);
/// # Ok::<(), isocache::CacheError>(())
/// ```
///
/// # Which arguments are equal
/// Those whose JSON, as `serde_json` writes it, says the same:
/// - a struct is a map from the names of its fields, a tuple is a list, `None` is null and `Some(x)` is `x`, a unit variant
///   is its name, a `char` is a text. The order of the entries of a map does not count; that of a list does. serde does not tell
///   a set from a list: mark a field that is a `HashSet` with `#[serde(serialize_with = "isocache::sorted_set")]`, or pass
///   [`SortedSet`](crate::SortedSet)`(&set)`, because its order differs from process to process.
/// - A key of a map may be a text, a `char`, an integer or a `bool`, and counts by its text.
/// - Numbers are equal where their values are: `1`, `1u64` and `1.0`; also `0.0` and `-0.0`, and every NaN. They differ from
///   JSON beyond 2^53, where nothing is rounded, and in that NaN and the infinities are no null. An `f32` has its own value:
///   `0.1f32` is not `0.1`.
/// - Bytes (`serialize_bytes`, as `serde_bytes` does) are no list of numbers. A plain `Vec<u8>` or `&[u8]` is one for serde.
///
/// # Errors
/// [`CacheError::InvalidArgument`] for an empty name, for arguments that are no tuple or list, that nest deeper than 128
/// levels or take more than 16 MiB in the canonical form, for a key of a map that is none of the above, and for what the
/// arguments themselves refuse.
pub fn key_of<A: Serialize + ?Sized>(name: &str, arguments: &A) -> Result<String> {
    check_name(name)?;
    let canonical = canonical::encode(arguments)?;
    let hash = Sha256::digest(&canonical);
    let mut key = String::with_capacity(name.len() + 1 + HASH_BYTES / 3 * 4);
    key.push_str(name);
    key.push(':');
    URL_SAFE_NO_PAD.encode_string(hash.get(..HASH_BYTES).unwrap_or(&hash), &mut key);
    Ok(key)
}

/// The glob of the keys that [`key_of`] gives for a function, whatever its arguments, and of those of no other function.
///
/// ```
/// use isocache::{Glob, glob_of, key_of};
///
/// let glob = Glob::new(glob_of("users")?);
/// assert!(glob.matches(&key_of("users", &(1,))?));
/// assert!(!glob.matches(&key_of("users::find", &(1,))?));
/// # Ok::<(), isocache::CacheError>(())
/// ```
///
/// # Errors
/// [`CacheError::InvalidArgument`] for an empty name.
pub fn glob_of(name: &str) -> Result<String> {
    check_name(name)?;
    // With a `*`, the glob of `users` would match the keys of `users::find`.
    Ok(format!("{}:{}", Glob::escape(name), "?".repeat(HASH_BYTES / 3 * 4)))
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() { Err(CacheError::invalid("name", "is empty")) } else { Ok(()) }
}
