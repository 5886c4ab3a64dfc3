//! The keys of calls.

use crate::{CacheError, KeyPart};

/// An argument that counts for the key.
#[must_use]
pub fn keyed<T: serde::Serialize + ?Sized>(argument: &T) -> &T {
    argument
}

/// The key that a closure makes.
pub fn key_from<K: Into<String>>(key: impl FnOnce() -> K) -> String {
    key().into()
}

/// Appends a value to the key of a pattern.
pub fn append(key: &mut String, value: &(impl KeyPart + ?Sized)) {
    value.append_to(key);
}

/// A key, wherever one is made: making one of all arguments may fail.
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
