//! The envelope: the format in which a value is stored with its freshness and tags, in a store that other clients read.
//!
//! `docs/envelope.md` describes it byte for byte; `tests/vectors/envelope.json` has examples, which JavaScript reads too.

mod open;
mod probe;

#[cfg(feature = "msgpack")]
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
    /// When it is no longer fresh, in milliseconds since 1970; `None` if it is fresh until it expires.
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
