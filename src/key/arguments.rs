//! The default key of a cached function: its name and a hash of its arguments.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::canonical;
use crate::error::{CacheError, Result};
use crate::glob::Glob;

/// The part of the hash that is in the key, in bytes: 32 characters of base64url.
const HASH_BYTES: usize = 24;

/// Returns the key of a function call with these arguments: `name:` and 32 characters, which are 192 bits of the
/// SHA-256 of the arguments. `keyOf` of the npm package returns the same key for the same arguments.
///
/// `arguments` is a tuple (`&(id,)` for one argument, `&()` for none) or a list of any types that implement
/// [`Serialize`].
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
/// Arguments are equal if `serde_json` would write the same JSON for them:
/// - A struct is a map from the names of its fields, a tuple is a list, `None` is null and `Some(x)` is `x`, a unit
///   variant is its name, a `char` is a string. The order of the entries of a map does not matter; that of a list does.
///   serde does not distinguish a set from a list, and the order of a `HashSet` differs from process to process: mark
///   such a field with `#[serde(serialize_with = "isocache::sorted_set")]`, or pass
///   [`SortedSet`](crate::SortedSet)`(&set)`.
/// - A key of a map may be a string, a `char`, an integer or a `bool`, and is compared as text.
/// - Numbers are equal if their values are: `1`, `1u64` and `1.0`; also `0.0` and `-0.0`, and every NaN. Unlike in
///   JSON, numbers beyond 2^53 are not rounded, and NaN and the infinities are not null. An `f32` is compared by its
///   own value: `0.1f32` is not `0.1`.
/// - Bytes (`serialize_bytes`, as in `serde_bytes`) are not a list of numbers. To serde, a plain `Vec<u8>` or `&[u8]`
///   is a list.
///
/// # Errors
/// [`CacheError::InvalidArgument`] for an empty name; for arguments that are not a tuple or list, nest deeper than 128
/// levels, or take more than 16 MiB in canonical form; for a map key of any other type; and for any error of the
/// arguments' own `Serialize`.
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

/// Returns the glob that matches the keys that [`key_of`] returns for a function, for all arguments, and no keys of
/// other functions.
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
    // With a plain `*`, the glob of `users` would match the keys of `users::find`.
    Ok(format!("{}:{}", Glob::escape(name), "?".repeat(HASH_BYTES / 3 * 4)))
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() { Err(CacheError::invalid("name", "is empty")) } else { Ok(()) }
}
