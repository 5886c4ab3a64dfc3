//! The envelope: the format in which a value is stored with its freshness and tags, in a store that other clients read.
//!
//! `docs/envelope.md` describes it byte for byte; `tests/vectors/envelope.json` has examples, which JavaScript reads too.

use std::collections::BTreeMap;
use std::ops::Range;

#[cfg(feature = "msgpack")]
use serde::de::IgnoredAny;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::value::RawValue;

/// The type name by which [`TaggedEntry`](crate::TaggedEntry) declares that it is itself an envelope.
pub(crate) const ENTRY: &str = "isocache::TaggedEntry";

/// The largest integer that JSON clients read exactly: 2^53 - 1.
const MAX_WHOLE: f64 = 9_007_199_254_740_991.0;

/// The format in which a [`Serializer`](crate::Serializer) wraps values that are stored with a freshness or with tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    format: Format,
    /// Whether the values are envelopes themselves.
    holds_entry: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    #[cfg(feature = "msgpack")]
    MessagePack,
}

/// A reserved tag that callers cannot use. Its generation is a hash of the function that stored the value.
const OWNER: &str = "";

/// A stored value and the contents of its envelope.
#[derive(Debug, PartialEq)]
pub(crate) struct Unwrapped<'a> {
    /// The bytes to deserialize.
    pub(crate) value: &'a [u8],
    /// When it is no longer fresh, in milliseconds since 1970; `None` if it is fresh until it expires.
    pub(crate) fresh_until: Option<u64>,
    /// The function that stored it.
    pub(crate) owner: Option<i64>,
}

/// The parts of an envelope.
struct Opened {
    value: Range<usize>,
    fresh_until: Option<u64>,
    tags: Option<BTreeMap<String, i64>>,
}

impl Envelope {
    /// For values in JSON: `{"value":…,"fresh_until":…,"tags":{…}}`.
    pub const JSON: Self = Self { format: Format::Json, holds_entry: false };

    /// For values in MessagePack: the same map.
    #[cfg(feature = "msgpack")]
    pub const MESSAGE_PACK: Self = Self { format: Format::MessagePack, holds_entry: false };

    /// The same format, for values of `T`.
    pub(crate) fn of<T: DeserializeOwned>(self) -> Self {
        Self { holds_entry: is_entry::<T>(), ..self }
    }

    /// Whether the values are envelopes themselves, with tags of their own.
    pub(crate) fn holds_entry(self) -> bool {
        self.holds_entry
    }

    /// Wraps a serialized value for storing. Without a freshness and an owner it is stored unchanged, unless it would
    /// be read as an envelope.
    pub(crate) fn wrap(self, value: Vec<u8>, fresh_until: Option<u64>, owner: Option<i64>) -> Vec<u8> {
        if self.holds_entry {
            return match (fresh_until, self.open(&value)) {
                (Some(fresh_until), Some(opened)) => self.insert(&value, &opened.value, fresh_until),
                _ => value,
            };
        }
        if fresh_until.is_none() && owner.is_none() && self.open(&value).is_none() {
            return value;
        }
        let has_tags = fresh_until.is_none() || owner.is_some();
        match self.format {
            Format::Json => {
                let mut wrapped = Vec::with_capacity(value.len() + 64);
                wrapped.extend_from_slice(b"{\"value\":");
                wrapped.extend_from_slice(&value);
                if let Some(fresh_until) = fresh_until {
                    wrapped.extend_from_slice(format!(",\"fresh_until\":{fresh_until}").as_bytes());
                }
                if has_tags {
                    let owner = owner.map(|owner| format!("\"{OWNER}\":{owner}")).unwrap_or_default();
                    wrapped.extend_from_slice(format!(",\"tags\":{{{owner}}}").as_bytes());
                }
                wrapped.push(b'}');
                wrapped
            }
            #[cfg(feature = "msgpack")]
            Format::MessagePack => {
                let entries = 1 + u8::from(fresh_until.is_some()) + u8::from(has_tags);
                let mut wrapped = vec![0x80 | entries];
                wrapped.extend_from_slice(b"\xa5value");
                wrapped.extend_from_slice(&value);
                if let Some(fresh_until) = fresh_until {
                    wrapped.extend_from_slice(b"\xabfresh_until");
                    wrapped.extend(packed(&fresh_until));
                }
                if has_tags {
                    wrapped.extend_from_slice(b"\xa4tags");
                    wrapped.extend(packed(&owner.map(|owner| (OWNER, owner)).into_iter().collect::<BTreeMap<_, _>>()));
                }
                wrapped
            }
        }
    }

    /// Adds a freshness to an envelope without one.
    fn insert(self, envelope: &[u8], value: &Range<usize>, fresh_until: u64) -> Vec<u8> {
        let (before, after) = envelope.split_at(value.end);
        let inserted = match self.format {
            Format::Json => format!(",\"fresh_until\":{fresh_until}").into_bytes(),
            #[cfg(feature = "msgpack")]
            Format::MessagePack => [b"\xabfresh_until".as_slice(), &packed(&fresh_until)].concat(),
        };
        #[cfg_attr(not(feature = "msgpack"), allow(unused_mut))]
        let mut whole = [before, &inserted, after].concat();
        #[cfg(feature = "msgpack")]
        if let (Format::MessagePack, Some(first)) = (self.format, whole.first_mut()) {
            // The map gets one more entry.
            *first += 1;
        }
        whole
    }

    /// Unwraps a stored value, if it has an envelope.
    pub(crate) fn unwrap(self, bytes: &[u8]) -> Unwrapped<'_> {
        let Some(opened) = self.open(bytes) else {
            return Unwrapped { value: bytes, fresh_until: None, owner: None };
        };
        let value = if self.holds_entry { bytes } else { bytes.get(opened.value).unwrap_or(bytes) };
        let owner = opened.tags.and_then(|tags| tags.get(OWNER).copied());
        Unwrapped { value, fresh_until: opened.fresh_until, owner }
    }

    fn open(self, bytes: &[u8]) -> Option<Opened> {
        match self.format {
            Format::Json => open_json(bytes),
            #[cfg(feature = "msgpack")]
            Format::MessagePack => open_message_pack(bytes),
        }
    }
}

fn open_json(bytes: &[u8]) -> Option<Opened> {
    // The first bytes are enough to exclude most values.
    let inside = bytes.trim_ascii_start().strip_prefix(b"{")?;
    inside.trim_ascii_start().strip_prefix(b"\"value\"")?;
    let Json { value, fresh_until, tags } = serde_json::from_slice(bytes).ok()?;
    let start = value.get().as_ptr().addr() - bytes.as_ptr().addr();
    Some(Opened { value: start..start + value.get().len(), fresh_until, tags })
}

/// An envelope in JSON: an object with exactly these keys, in this order.
struct Json<'a> {
    value: &'a RawValue,
    fresh_until: Option<u64>,
    tags: Option<BTreeMap<String, i64>>,
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Json<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an envelope")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
                let no_envelope = || de::Error::custom("no envelope");
                if map.next_key::<String>()?.as_deref() != Some("value") {
                    return Err(no_envelope());
                }
                let value = map.next_value()?;
                let mut key = map.next_key::<String>()?;
                let mut fresh_until = None;
                if key.as_deref() == Some("fresh_until") {
                    fresh_until = Some(map.next_value::<Whole>()?.moment().ok_or_else(no_envelope)?);
                    key = map.next_key()?;
                }
                let mut tags = None;
                if key.as_deref() == Some("tags") {
                    tags = Some(map.next_value::<BTreeMap<String, Whole>>()?);
                    key = map.next_key()?;
                }
                if key.is_some() || (fresh_until.is_none() && tags.is_none()) {
                    return Err(no_envelope());
                }
                Ok(Json { value, fresh_until, tags: tags.map(generations) })
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

#[cfg(feature = "msgpack")]
fn open_message_pack(bytes: &[u8]) -> Option<Opened> {
    let (&header, mut rest) = bytes.split_first()?;
    let entries = match header {
        0x82 | 0x83 => header & 0x0f,
        _ => return None,
    };
    rest = rest.strip_prefix(b"\xa5value")?;
    let start = bytes.len() - rest.len();
    let (_, mut rest) = unpacked::<IgnoredAny>(rest)?;
    let end = bytes.len() - rest.len();
    let (mut fresh_until, mut tags) = (None, None);
    if let Some(number) = rest.strip_prefix(b"\xabfresh_until") {
        let (whole, after) = unpacked::<Whole>(number)?;
        fresh_until = Some(whole.moment()?);
        rest = after;
    }
    if let Some(map) = rest.strip_prefix(b"\xa4tags") {
        let (map, after) = unpacked::<BTreeMap<String, Whole>>(map)?;
        tags = Some(generations(map));
        rest = after;
    }
    let found = 1 + u8::from(fresh_until.is_some()) + u8::from(tags.is_some());
    (rest.is_empty() && found == entries).then_some(Opened { value: start..end, fresh_until, tags })
}

#[cfg(feature = "msgpack")]
fn unpacked<T: DeserializeOwned>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let mut deserializer = rmp_serde::Deserializer::new(bytes);
    let value = T::deserialize(&mut deserializer).ok()?;
    let rest = deserializer.get_ref().len();
    Some((value, bytes.get(bytes.len() - rest..)?))
}

#[cfg(feature = "msgpack")]
fn packed(value: &impl serde::Serialize) -> Vec<u8> {
    // The value consists of numbers and maps of them, and writing to a `Vec` cannot fail.
    rmp_serde::to_vec(value).unwrap_or_default()
}

fn generations(tags: BTreeMap<String, Whole>) -> BTreeMap<String, i64> {
    tags.into_iter().map(|(tag, Whole(generation))| (tag, generation)).collect()
}

/// An integer that JavaScript reads exactly, in any notation.
struct Whole(i64);

impl Whole {
    fn moment(&self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if number.fract() != 0.0 || number.abs() > MAX_WHOLE {
            return Err(de::Error::custom("not a whole number"));
        }
        #[allow(clippy::cast_possible_truncation, reason = "it is whole and within 2^53")]
        Ok(Self(number as i64))
    }
}

/// Whether the values of a type are envelopes: checks the type name that their `Deserialize` requests.
fn is_entry<T: DeserializeOwned>() -> bool {
    matches!(T::deserialize(Probe), Err(Probed(true)))
}

/// A deserializer without a value. Its error reports the type name that was requested.
struct Probe;

#[derive(Debug, thiserror::Error)]
#[error("a probe")]
struct Probed(bool);

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

/// The owner for a name: 53 bits of its FNV-1a hash, which is the same in every process and version.
pub(crate) fn owner_of(name: &str) -> i64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    i64::try_from(hash >> 11).unwrap_or_default()
}

#[cfg(all(test, feature = "msgpack"))]
mod tests {
    use super::*;
    use serde_json::Value;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../tests/vectors/envelope.json")).unwrap()
    }

    #[test]
    fn the_envelopes_that_javascript_writes_and_reads_too() {
        let vectors = vectors();
        let cases = vectors["json"].as_array().unwrap();
        assert!(cases.len() > 6);
        for case in cases {
            let (value, stored) = (case["value"].as_str().unwrap(), case["stored"].as_str().unwrap());
            let fresh_until = case["fresh_until"].as_u64();
            if case["tags"].is_null() {
                let wrapped = Envelope::JSON.wrap(value.as_bytes().to_vec(), fresh_until, None);
                assert_eq!(String::from_utf8(wrapped).unwrap(), stored, "{case}");
            }
            let unwrapped = Envelope::JSON.unwrap(stored.as_bytes());
            assert_eq!((unwrapped.value, unwrapped.fresh_until), (value.as_bytes(), fresh_until), "{case}");
        }
    }

    #[test]
    fn what_is_no_envelope_is_a_value() {
        let vectors = vectors();
        let cases = vectors["plain"].as_array().unwrap();
        assert!(cases.len() > 6);
        for text in cases {
            let text = text.as_str().unwrap().as_bytes();
            assert_eq!(Envelope::JSON.unwrap(text), Unwrapped { value: text, fresh_until: None, owner: None });
            assert_eq!(Envelope::JSON.wrap(text.to_vec(), None, None), text);
        }
    }

    #[test]
    fn message_pack_has_the_same_map() {
        let vectors = vectors();
        let hex = |text: &Value| {
            let text = text.as_str().unwrap();
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect::<Vec<_>>()
        };
        let cases = vectors["message_pack"].as_array().unwrap();
        assert!(cases.len() > 3);
        for case in cases {
            let (value, stored, fresh_until) =
                (hex(&case["value"]), hex(&case["stored"]), case["fresh_until"].as_u64());
            if case["read_only"].is_null() {
                assert_eq!(Envelope::MESSAGE_PACK.wrap(value.clone(), fresh_until, None), stored, "{case}");
            }
            let unwrapped = Envelope::MESSAGE_PACK.unwrap(&stored);
            assert_eq!((unwrapped.value, unwrapped.fresh_until), (value.as_slice(), fresh_until), "{case}");
        }
    }

    #[test]
    fn an_entry_with_tags_gets_its_freshness_in_between() {
        let entry = Envelope { holds_entry: true, ..Envelope::JSON };
        let stored = entry.wrap(br#"{"value":[1],"tags":{"t":5}}"#.to_vec(), Some(7), None);
        assert_eq!(String::from_utf8_lossy(&stored), r#"{"value":[1],"fresh_until":7,"tags":{"t":5}}"#);
        let unwrapped = entry.unwrap(&stored);
        assert_eq!((unwrapped.value, unwrapped.fresh_until), (stored.as_slice(), Some(7)));
        assert_eq!(Envelope::JSON.unwrap(&stored).value, b"[1]");

        let packed = rmp_serde::to_vec_named(&crate::TaggedEntry::<u8>::of(1, [("t", 5)])).unwrap();
        let entry = Envelope { holds_entry: true, ..Envelope::MESSAGE_PACK };
        let stored = entry.wrap(packed, Some(7), None);
        assert_eq!(entry.unwrap(&stored).fresh_until, Some(7));
        assert_eq!(Envelope::MESSAGE_PACK.unwrap(&stored).value, [1]);
    }

    #[test]
    fn an_owner_is_read_back_and_types_that_are_entries_are_known() {
        for envelope in [Envelope::JSON, Envelope::MESSAGE_PACK] {
            for fresh_until in [None, Some(1)] {
                let wrapped = envelope.wrap(vec![b'1'], fresh_until, Some(owner_of("users::find")));
                let unwrapped = envelope.unwrap(&wrapped);
                assert_eq!((unwrapped.value, unwrapped.fresh_until), (b"1".as_slice(), fresh_until));
                assert_eq!(unwrapped.owner, Some(owner_of("users::find")));
            }
        }
        assert_eq!(owner_of("users::find"), owner_of("users::find"));
        assert_ne!(owner_of("users::find"), owner_of("cards::find"));
        assert!(is_entry::<crate::TaggedEntry<u8>>());
        assert!(
            !is_entry::<u8>() && !is_entry::<Vec<String>>() && !is_entry::<Option<Value>>() && !is_entry::<Value>()
        );
    }
}
