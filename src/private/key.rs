//! The keys of calls.

use std::collections::HashSet;

use crate::{CacheError, KeyPart, KeyPattern, SortedSet};

/// An argument as part of the key. Its type decides: the items of a `HashSet` are sorted.
pub struct Keyed<'a, T: ?Sized>(pub &'a T);

pub trait KeyedSet<'a> {
    type Set;
    fn isocache_keyed(&self) -> SortedSet<'a, Self::Set>;
}
impl<'a, T, S> KeyedSet<'a> for Keyed<'a, HashSet<T, S>> {
    type Set = HashSet<T, S>;
    fn isocache_keyed(&self) -> SortedSet<'a, HashSet<T, S>> {
        SortedSet(self.0)
    }
}
impl<'a, T, S> KeyedSet<'a> for Keyed<'a, &'a HashSet<T, S>> {
    type Set = HashSet<T, S>;
    fn isocache_keyed(&self) -> SortedSet<'a, HashSet<T, S>> {
        SortedSet(self.0)
    }
}

pub trait KeyedValue<'a, T: ?Sized> {
    fn isocache_keyed(&self) -> &'a T;
}
impl<'a, T: ?Sized> KeyedValue<'a, T> for &Keyed<'a, T> {
    fn isocache_keyed(&self) -> &'a T {
        self.0
    }
}

/// An argument of a function without `key`.
#[diagnostic::on_unimplemented(
    message = "without `key`, all arguments are part of the key, and `{Self}` does not implement `Serialize`",
    label = "cannot be part of the key",
    note = "set the key, as in `#[cached(key = \"user:{{id}}\")]`, exclude the argument with `skip(name)`, or derive \
            `serde::Serialize` for its type"
)]
pub trait Argument: serde::Serialize {}
#[diagnostic::do_not_recommend]
impl<T: serde::Serialize + ?Sized> Argument for T {}

/// Checks an argument. The type that it returns always implements `Serialize`, so that the compiler reports one error.
pub fn argument<T: Argument>(argument: T) -> impl serde::Serialize {
    argument
}

/// The glob of all keys of a pattern.
#[must_use]
pub fn glob_of_pattern(pattern: &'static str) -> String {
    // The template was checked at compile time.
    KeyPattern::new(pattern).and_then(|pattern| pattern.glob(&[])).unwrap_or_default()
}

/// The key returned by a closure.
pub fn key_from<K: Into<String>>(key: impl FnOnce() -> K) -> String {
    key().into()
}

/// Appends a value to the key of a pattern.
pub fn append(key: &mut String, value: &(impl KeyPart + ?Sized)) {
    value.append_to(key);
}

/// A key. Hashing all arguments may fail.
pub trait IntoKey {
    #[allow(clippy::missing_errors_doc)]
    fn into_key(self) -> Result<String, CacheError>;
}
impl IntoKey for String {
    fn into_key(self) -> Result<String, CacheError> {
        Ok(self)
    }
}
impl IntoKey for Result<String, CacheError> {
    fn into_key(self) -> Self {
        self
    }
}
