//! Tells whether the values of a type are envelopes themselves.

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// The type name by which [`TaggedEntry`](crate::TaggedEntry) declares that it is itself an envelope.
const ENTRY: &str = "isocache::TaggedEntry";

/// Whether the values of a type are envelopes: checks the type name that their `Deserialize` requests.
pub(super) fn is_entry<T: DeserializeOwned>() -> bool {
    matches!(T::deserialize(Probe), Err(Probed(true)))
}

/// A deserializer without a value. Its error reports the type name that was requested.
struct Probe;

#[derive(Debug)]
struct Probed(bool);

impl std::fmt::Display for Probed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a probe")
    }
}

impl std::error::Error for Probed {}

impl de::Error for Probed {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self(false)
    }
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Probed;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Probed> {
        Err(Probed(false))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Probed> {
        Err(Probed(name == ENTRY))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
