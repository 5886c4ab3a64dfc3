//! Reads envelopes. Anything that is not exactly an envelope is a plain value.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
#[cfg(feature = "msgpack")]
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

/// The largest integer that JSON clients read exactly: 2^53 - 1.
const MAX_WHOLE: f64 = 9_007_199_254_740_991.0;

/// The parts of an envelope.
pub(super) struct Opened {
    pub(super) value: Range<usize>,
    pub(super) fresh_until: Option<u64>,
    pub(super) tags: Option<BTreeMap<String, i64>>,
}

pub(super) fn open_json(bytes: &[u8]) -> Option<Opened> {
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
pub(super) fn open_message_pack(bytes: &[u8]) -> Option<Opened> {
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
