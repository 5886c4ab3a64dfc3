//! Scopes of keys and channels.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// A set of keys or channels: all of them, or those that begin with one of some prefixes.
///
/// In the configuration and in signed tokens it is `"*"` for everything, or a list of prefixes. An empty list is nothing.
/// A prefix can end at any byte: `user:4` also covers `user:42`. Prefixes should therefore end in the delimiter of the
/// keys, as in `user:4:`. [`Scope::without_delimiter`] returns those that do not.
///
/// ```
/// use isocache_bridge::access::Scope;
///
/// let scope = Scope::prefixes(["user:4:"]).unwrap();
/// assert!(scope.contains(b"user:4:name") && !scope.contains(b"user:42:name"));
/// assert!(Scope::prefixes([""]).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Everything,
    /// Names that begin with one of these.
    Prefixes(Box<[Box<[u8]>]>),
}

impl Scope {
    /// The maximum number of prefixes.
    pub const MAX_PREFIXES: usize = 64;
    /// The maximum length of a prefix, in bytes.
    pub const MAX_PREFIX_BYTES: usize = 1024;

    /// Nothing.
    pub fn nothing() -> Self {
        Self::Prefixes(Box::default())
    }

    /// Names that begin with one of these prefixes.
    ///
    /// # Errors
    /// If a prefix is empty, which would mean everything, or longer than [`Self::MAX_PREFIX_BYTES`], or if there are
    /// more than [`Self::MAX_PREFIXES`].
    pub fn prefixes<P: AsRef<[u8]>>(prefixes: impl IntoIterator<Item = P>) -> Result<Self, String> {
        let mut all: Vec<Box<[u8]>> = Vec::new();
        for prefix in prefixes {
            let prefix = prefix.as_ref();
            if prefix.is_empty() {
                return Err("a prefix is empty: for every key, write \"*\" instead of the list".into());
            }
            if prefix.len() > Self::MAX_PREFIX_BYTES {
                return Err(format!(
                    "a prefix has {} bytes, and the limit is {}",
                    prefix.len(),
                    Self::MAX_PREFIX_BYTES
                ));
            }
            if all.len() == Self::MAX_PREFIXES {
                return Err(format!("there are more than {} prefixes", Self::MAX_PREFIXES));
            }
            all.push(prefix.into());
        }
        Ok(Self::Prefixes(all.into()))
    }

    /// Whether a key or channel is in the scope.
    pub fn contains(&self, name: &[u8]) -> bool {
        match self {
            Self::Everything => true,
            Self::Prefixes(prefixes) => prefixes.iter().any(|prefix| name.starts_with(prefix)),
        }
    }

    /// Whether the scope is everything.
    pub fn is_everything(&self) -> bool {
        *self == Self::Everything
    }

    /// Whether `other` contains everything in this scope.
    pub fn within(&self, other: &Self) -> bool {
        match self {
            Self::Everything => other.is_everything(),
            Self::Prefixes(prefixes) => prefixes.iter().all(|prefix| other.contains(prefix)),
        }
    }

    /// Whether every name that a glob matches is in the scope: its part before the first wildcard must be.
    ///
    /// ```
    /// use isocache_bridge::access::Scope;
    ///
    /// let scope = Scope::prefixes(["room:"]).unwrap();
    /// assert!(scope.contains_pattern(b"room:*") && !scope.contains_pattern(b"roo[m]:*"));
    /// ```
    pub fn contains_pattern(&self, glob: &[u8]) -> bool {
        self.is_everything() || self.contains(&literal_beginning(glob))
    }

    /// The longest common prefix of all prefixes.
    pub(super) fn common_prefix(&self) -> &[u8] {
        let Self::Prefixes(prefixes) = self else { return &[] };
        let Some((first, rest)) = prefixes.split_first() else { return &[] };
        let shared = |other: &[u8]| first.iter().zip(other).take_while(|(a, b)| a == b).count();
        let length = rest.iter().map(|prefix| shared(prefix)).min().unwrap_or(first.len());
        first.get(..length).unwrap_or_default()
    }

    /// The prefixes that end in a letter or a digit, probably by mistake: `user:4` also covers `user:42`.
    pub fn without_delimiter(&self) -> impl Iterator<Item = &[u8]> {
        let prefixes: &[_] = if let Self::Prefixes(prefixes) = self { prefixes } else { &[] };
        prefixes.iter().map(|prefix| &**prefix).filter(|prefix| prefix.last().is_some_and(u8::is_ascii_alphanumeric))
    }
}

/// The part of a glob before its first wildcard, which every match begins with.
fn literal_beginning(glob: &[u8]) -> Vec<u8> {
    let mut literal = Vec::with_capacity(glob.len());
    let mut rest = glob;
    loop {
        match rest {
            [b'*' | b'?' | b'[', ..] | [] => return literal,
            [b'\\', byte, after @ ..] | [byte, after @ ..] => {
                literal.push(*byte);
                rest = after;
            }
        }
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scopes;
        impl<'de> Visitor<'de> for Scopes {
            type Value = Scope;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("\"*\" or a list of prefixes")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scope, E> {
                if text == "*" {
                    Ok(Scope::Everything)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scope, A::Error> {
                let mut prefixes: Vec<String> = Vec::new();
                while let Some(prefix) = list.next_element::<String>()? {
                    // In a list the star would be literal, which is certainly a mistake.
                    if prefix.ends_with('*') {
                        return Err(A::Error::custom(format!(
                            "the prefix {prefix:?} ends in a star: a prefix is not a pattern, leave out the star"
                        )));
                    }
                    prefixes.push(prefix);
                    if prefixes.len() > Scope::MAX_PREFIXES {
                        break;
                    }
                }
                Scope::prefixes(prefixes).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Scopes)
    }
}

/// Prefixes that are not UTF-8 cannot be written.
impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self::Prefixes(prefixes) = self else { return serializer.serialize_str("*") };
        let texts: Result<Vec<&str>, _> = prefixes.iter().map(|prefix| std::str::from_utf8(prefix)).collect();
        serializer.collect_seq(texts.map_err(serde::ser::Error::custom)?)
    }
}
