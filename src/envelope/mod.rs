//! The envelope: the format in which a value is stored with its freshness and tags, in a store that other clients read.
//!
//! `docs/envelope.md` describes it byte for byte; `tests/vectors/envelope.json` has examples, which JavaScript reads too.

mod open;
mod probe;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;

#[cfg(feature = "msgpack")]
use open::open_message_pack;
use open::{Opened, open_json};
use probe::is_entry;

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
    /// The time until which it is fresh, in milliseconds since 1970; `None` if it is fresh until it expires.
    pub(crate) fresh_until: Option<u64>,
    /// The function that stored it.
    pub(crate) owner: Option<i64>,
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
        let tags = (fresh_until.is_none() || owner.is_some())
            .then(|| owner.map(|owner| (OWNER.to_owned(), owner)).into_iter().collect());
        self.build(&value, fresh_until, tags.as_ref())
    }

    fn build(self, value: &[u8], fresh_until: Option<u64>, tags: Option<&BTreeMap<String, i64>>) -> Vec<u8> {
        match self.format {
            Format::Json => {
                let mut built = Vec::with_capacity(value.len() + 64);
                built.extend_from_slice(b"{\"value\":");
                built.extend_from_slice(value);
                if let Some(fresh_until) = fresh_until {
                    built.extend_from_slice(format!(",\"fresh_until\":{fresh_until}").as_bytes());
                }
                if let Some(tags) = tags {
                    built.extend_from_slice(b",\"tags\":");
                    // A map of numbers can always be written as JSON.
                    built.extend_from_slice(&serde_json::to_vec(tags).unwrap_or_default());
                }
                built.push(b'}');
                built
            }
            #[cfg(feature = "msgpack")]
            Format::MessagePack => {
                let entries = 1 + u8::from(fresh_until.is_some()) + u8::from(tags.is_some());
                let mut built = vec![0x80 | entries];
                built.extend_from_slice(b"\xa5value");
                built.extend_from_slice(value);
                if let Some(fresh_until) = fresh_until {
                    built.extend_from_slice(b"\xabfresh_until");
                    built.extend(packed(&fresh_until));
                }
                if let Some(tags) = tags {
                    built.extend_from_slice(b"\xa4tags");
                    built.extend(packed(tags));
                }
                built
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

    /// Returns a stored value with another freshness. With `None`, it is fresh until it expires.
    #[cfg(any(feature = "http", feature = "redis"))]
    pub(crate) fn with_freshness(self, bytes: &[u8], fresh_until: Option<u64>) -> Vec<u8> {
        let Some(Opened { value, mut tags, .. }) = self.open(bytes) else { return bytes.to_vec() };
        let value = bytes.get(value).unwrap_or_default();
        if self.holds_entry && fresh_until.is_none() {
            // The value is the envelope itself, which needs one of the two.
            tags.get_or_insert_default();
        }
        if fresh_until.is_none() && tags.is_none() {
            return self.wrap(value.to_vec(), None, None);
        }
        self.build(value, fresh_until, tags.as_ref())
    }

    /// Whether a stored value that begins with `head`, of at least 16 bytes unless it is shorter, may have an envelope.
    #[cfg(any(feature = "http", feature = "redis"))]
    pub(crate) fn may_begin_with(self, head: &[u8]) -> bool {
        match self.format {
            Format::Json => {
                // Other clients may put spaces around the brace.
                let mut inside = head.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
                b"{\"value\"".iter().all(|&byte| inside.next().is_none_or(|found| found == byte))
            }
            #[cfg(feature = "msgpack")]
            Format::MessagePack => head.get(1..).is_some_and(|head| head.starts_with(b"\xa5value")),
        }
    }

    /// The name of the format, in commands of the bridge.
    #[cfg(any(feature = "http", feature = "redis"))]
    pub(crate) fn name(self) -> &'static str {
        match self.format {
            Format::Json => "JSON",
            #[cfg(feature = "msgpack")]
            Format::MessagePack => "MSGPACK",
        }
    }

    /// The format of this name, in any case.
    #[cfg(all(feature = "redis", not(target_arch = "wasm32")))]
    pub(crate) fn of_name(name: &[u8]) -> Option<Self> {
        let formats = [
            Self::JSON,
            #[cfg(feature = "msgpack")]
            Self::MESSAGE_PACK,
        ];
        formats.into_iter().find(|format| format.name().as_bytes().eq_ignore_ascii_case(name))
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

#[cfg(feature = "msgpack")]
fn packed(value: &impl serde::Serialize) -> Vec<u8> {
    // The value consists of numbers and maps of them, and writing to a `Vec` cannot fail.
    rmp_serde::to_vec(value).unwrap_or_default()
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
        serde_json::from_str(include_str!("../../tests/vectors/envelope.json")).unwrap()
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

    #[cfg(any(feature = "http", feature = "redis"))]
    #[test]
    fn a_stored_value_gets_another_freshness() {
        let json = |stored: &str, fresh_until| {
            String::from_utf8(Envelope::JSON.with_freshness(stored.as_bytes(), fresh_until)).unwrap()
        };
        assert_eq!(json(r#"{"value":[1],"fresh_until":5}"#, Some(7)), r#"{"value":[1],"fresh_until":7}"#);
        assert_eq!(json(r#"{"value":[1],"fresh_until":5}"#, None), "[1]");
        assert_eq!(
            json(r#"{"value":1,"fresh_until":5,"tags":{"b":2,"a":1}}"#, Some(7)),
            r#"{"value":1,"fresh_until":7,"tags":{"a":1,"b":2}}"#
        );
        assert_eq!(json(r#"{"value":1,"fresh_until":5,"tags":{"a":1}}"#, None), r#"{"value":1,"tags":{"a":1}}"#);
        let nested = r#"{"value":{"value":1,"tags":{}},"fresh_until":5}"#;
        assert_eq!(json(nested, None), r#"{"value":{"value":1,"tags":{}},"tags":{}}"#, "it must not be read as one");

        for envelope in [Envelope::JSON, Envelope::MESSAGE_PACK] {
            let stored = envelope.wrap(vec![b'1'], Some(5), Some(3));
            assert_eq!(envelope.with_freshness(&stored, Some(7)), envelope.wrap(vec![b'1'], Some(7), Some(3)));
            assert!(envelope.may_begin_with(&stored[..16]));
            assert!(!envelope.may_begin_with(b"[1,2,3,4,5,6,7,8"));
            #[cfg(feature = "redis")]
            assert_eq!(Envelope::of_name(envelope.name().to_lowercase().as_bytes()), Some(envelope));
            let entry = Envelope { holds_entry: true, ..envelope };
            let stored = envelope.wrap(vec![b'1'], Some(5), None);
            assert!(entry.open(&entry.with_freshness(&stored, None)).is_some());
        }
        assert!(Envelope::JSON.may_begin_with(b" { \n \"value\" : 1"));
        #[cfg(feature = "redis")]
        assert!(Envelope::of_name(b"bytes").is_none());
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
