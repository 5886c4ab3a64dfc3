//! Who changed a key, according to the client.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU64;
use std::sync::OnceLock;

use bytes::Bytes;

/// The name that a client attaches to its requests, so that it can tell its own changes from those of others. Only a
/// hash is kept, with keys that are random in each process: the chance that two of 1,000 clients collide is 1 in 10^13,
/// and nobody can search for a collision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin(NonZeroU64);

/// The text is not the name of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin, which is 1 to {} printable ASCII characters without spaces", Origin::MAX_LEN)]
pub struct NotAnOrigin;

impl Origin {
    /// The maximum length of a name, in characters.
    pub const MAX_LEN: usize = 64;

    /// Creates the origin with this name.
    ///
    /// # Errors
    /// [`NotAnOrigin`] if the name is empty, too long, or contains a character outside `!` to `~`.
    pub fn new(name: &[u8]) -> Result<Self, NotAnOrigin> {
        static KEYS: OnceLock<RandomState> = OnceLock::new();
        if !(1..=Self::MAX_LEN).contains(&name.len()) || !name.iter().all(u8::is_ascii_graphic) {
            return Err(NotAnOrigin);
        }
        let hash = KEYS.get_or_init(RandomState::new).hash_one(name);
        Ok(Self(NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN)))
    }
}

/// A changed key.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Bytes,
    /// Who changed it; `None` if that is unknown, or if the entry expired or was evicted.
    pub origin: Option<Origin>,
}

impl From<Bytes> for Change {
    fn from(key: Bytes) -> Self {
        Self { key, origin: None }
    }
}

/// Omits the key, which must not appear in logs.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change").field("origin", &self.origin).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_they_are() {
        let longest = "x".repeat(Origin::MAX_LEN);
        for name in ["a", "A", "tab-1", "!~", &longest] {
            assert_eq!(Origin::new(name.as_bytes()), Origin::new(name.as_bytes()));
            assert_ne!(Origin::new(name.as_bytes()), Origin::new(b"other"));
            assert!(Origin::new(name.as_bytes()).is_ok());
        }
        assert_ne!(Origin::new(b"a"), Origin::new(b"A"));
        let too_long = "x".repeat(Origin::MAX_LEN + 1);
        for name in ["", " ", "a b", "a\n", "\u{e4}", "\u{7f}", &too_long] {
            assert_eq!(Origin::new(name.as_bytes()), Err(NotAnOrigin), "{name:?}");
        }
    }
}
