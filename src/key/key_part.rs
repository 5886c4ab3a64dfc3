//! The values of key patterns.

use std::borrow::Cow;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZero;
use std::ops::RangeFull;
use std::rc::Rc;
use std::sync::Arc;

use compact_str::ToCompactString;

use super::escape::escape;

/// A value for a parameter of a [`KeyPattern`](crate::KeyPattern): a string, a number, a `bool`, a `char`, an IP
/// address, or an `Option` of one of these.
///
/// Only the text of a value matters: `7` and `"7"` give the same key. An empty string is a value too, and leaves its
/// segment empty; `None` gives `%-`, which no string produces. The text of a float is the shortest decimal number that
/// parses to it, such as `0.1`; `-0.0` is `0`. (JavaScript formats very large and very small numbers differently: pass
/// those as strings.)
///
/// The texts of these types are stable across versions of this crate.
///
/// Implement this trait for your own types by returning their text, without escaping. [`Displayed`] wraps a value that
/// implements [`Display`].
///
/// ```
/// use isocache::{KeyPart, keys};
/// use std::borrow::Cow;
///
/// struct UserId(u64);
///
/// impl KeyPart for UserId {
///     fn key_part(&self) -> Cow<'_, str> {
///         self.0.to_string().into()
///     }
/// }
/// assert_eq!(keys::user(UserId(7)), "user:7");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a value in a key pattern",
    note = "strings, numbers, `bool`, `char`, IP addresses and `Option`s of them can. `isocache::Displayed(value)` wraps any \
            other value that implements `Display`, and `impl KeyPart for …` adds a type of your own"
)]
pub trait KeyPart {
    /// Returns the text, before it is escaped. Different values should have different texts.
    fn key_part(&self) -> Cow<'_, str>;

    /// Appends the escaped text to a key.
    #[doc(hidden)]
    fn append_to(&self, key: &mut String) {
        key.push_str(&escape(self.key_part()));
    }
}

/// A value for a parameter of a glob: a [`KeyPart`], or `..` for any value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a value in the glob of a key pattern",
    note = "pass a value that the key can have, or `..` for any value"
)]
pub trait GlobPart {
    /// Returns the text, before it is escaped; `None` for any value.
    fn glob_part(&self) -> Option<Cow<'_, str>>;

    /// Appends the escaped text to a glob; a `*` for any value.
    #[doc(hidden)]
    fn append_to_glob(&self, glob: &mut String) {
        match self.glob_part() {
            Some(text) => glob.push_str(&escape(text)),
            None => glob.push('*'),
        }
    }
}

impl<T: KeyPart + ?Sized> GlobPart for T {
    fn glob_part(&self) -> Option<Cow<'_, str>> {
        Some(self.key_part())
    }

    fn append_to_glob(&self, glob: &mut String) {
        self.append_to(glob);
    }
}

impl GlobPart for RangeFull {
    fn glob_part(&self) -> Option<Cow<'_, str>> {
        None
    }
}

/// Uses the [`Display`] form of a value, such as a UUID, in a key. It should be the same in every process.
///
/// ```
/// use isocache::{Displayed, keys};
///
/// assert_eq!(keys::user(Displayed(format_args!("{:04}", 7))), "user:0007");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Displayed<T>(pub T);

impl<T: Display> KeyPart for Displayed<T> {
    fn key_part(&self) -> Cow<'_, str> {
        Cow::Owned(self.0.to_string())
    }
}

impl KeyPart for str {
    fn key_part(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

impl KeyPart for String {
    fn key_part(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

impl KeyPart for bool {
    fn key_part(&self) -> Cow<'_, str> {
        Cow::Borrowed(if *self { "true" } else { "false" })
    }
}

macro_rules! displayed {
    ($($type:ty)*) => {$(
        impl KeyPart for $type {
            fn key_part(&self) -> Cow<'_, str> {
                Cow::Owned(self.to_string())
            }
        }
    )*};
}
displayed!(char IpAddr Ipv4Addr Ipv6Addr);

/// The text for `None`. It cannot result from escaping, which writes two hexadecimal digits after each `%`.
const NONE: &str = "%-";

impl<T: KeyPart> KeyPart for Option<T> {
    fn key_part(&self) -> Cow<'_, str> {
        self.as_ref().map_or(Cow::Borrowed(NONE), KeyPart::key_part)
    }

    fn append_to(&self, key: &mut String) {
        match self {
            Some(value) => value.append_to(key),
            None => key.push_str(NONE),
        }
    }
}

macro_rules! floats {
    ($($type:ty)*) => {$(
        impl KeyPart for $type {
            fn key_part(&self) -> Cow<'_, str> {
                // Adding 0 turns -0 into 0.
                Cow::Owned((*self + 0.0).to_string())
            }
        }
    )*};
}
floats!(f32 f64);

macro_rules! non_zero {
    ($($type:ty)*) => {$(
        impl KeyPart for NonZero<$type> {
            fn key_part(&self) -> Cow<'_, str> {
                Cow::Owned(self.get().to_string())
            }

            fn append_to(&self, key: &mut String) {
                self.get().append_to(key);
            }
        }
    )*};
}
non_zero!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl KeyPart for $type {
            fn key_part(&self) -> Cow<'_, str> {
                Cow::Owned(self.to_string())
            }

            // Digits need no escaping and no allocation.
            fn append_to(&self, key: &mut String) {
                key.push_str(&self.to_compact_string());
            }
        }
    )*};
}
integers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

macro_rules! pointed {
    ($($type:ty)*) => {$(
        impl<T: KeyPart + ?Sized> KeyPart for $type {
            fn key_part(&self) -> Cow<'_, str> {
                (**self).key_part()
            }

            fn append_to(&self, key: &mut String) {
                (**self).append_to(key);
            }
        }
    )*};
}
pointed!(&T &mut T Box<T> Rc<T> Arc<T>);

impl<T: KeyPart + ToOwned + ?Sized> KeyPart for Cow<'_, T> {
    fn key_part(&self) -> Cow<'_, str> {
        (**self).key_part()
    }

    fn append_to(&self, key: &mut String) {
        (**self).append_to(key);
    }
}
