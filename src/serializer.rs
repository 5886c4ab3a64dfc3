//! Serialization, for providers that store bytes.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::envelope::Envelope;

/// Serializes values to bytes and back.
///
/// The error is plain text; the provider adds the key to it.
pub trait Serializer<T>: Send + Sync + 'static {
    /// Serializes a value.
    ///
    /// # Errors
    /// A message that says why the value cannot be serialized.
    fn serialize(&self, value: &T) -> Result<Vec<u8>, String>;

    /// Deserializes a value.
    ///
    /// # Errors
    /// A message that says why the bytes cannot be deserialized. Invalid bytes must not cause a panic.
    fn deserialize(&self, bytes: &[u8]) -> Result<T, String>;

    /// Returns the format of the envelope for values with a window or with tags in a remote store. `None` if the
    /// serialized form cannot contain one; such values are then refused.
    fn envelope(&self) -> Option<Envelope> {
        None
    }
}

/// Plain JSON, which all other clients can read.
///
/// ```
/// use isocache::{JsonSerializer, Serializer};
///
/// let bytes = JsonSerializer.serialize(&vec![1, 2]).unwrap();
/// assert_eq!(bytes, b"[1,2]");
/// let back: Vec<u32> = JsonSerializer.deserialize(&bytes).unwrap();
/// assert_eq!(back, [1, 2]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonSerializer;

impl<T: Serialize + DeserializeOwned> Serializer<T> for JsonSerializer {
    fn serialize(&self, value: &T) -> Result<Vec<u8>, String> {
        serde_json::to_vec(value).map_err(|error| error.to_string())
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<T, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    fn envelope(&self) -> Option<Envelope> {
        Some(Envelope::JSON.of::<T>())
    }
}

/// `MessagePack`, with struct fields by name: smaller than JSON, and able to hold bytes.
///
/// ```
/// use isocache::{MessagePackSerializer, Serializer};
///
/// let bytes = MessagePackSerializer.serialize(&(7, "seven".to_string())).unwrap();
/// let back: (u32, String) = MessagePackSerializer.deserialize(&bytes).unwrap();
/// assert_eq!(back, (7, "seven".to_string()));
/// ```
#[cfg(feature = "msgpack")]
#[derive(Clone, Copy, Debug, Default)]
pub struct MessagePackSerializer;

#[cfg(feature = "msgpack")]
impl<T: Serialize + DeserializeOwned> Serializer<T> for MessagePackSerializer {
    fn serialize(&self, value: &T) -> Result<Vec<u8>, String> {
        let bytes = rmp_serde::to_vec_named(value).map_err(|error| error.to_string())?;
        // One byte that is a digit could be a counter, which the store keeps in decimal. A number from 48 to 57 takes two.
        match bytes.as_slice() {
            &[digit] if digit.is_ascii_digit() => Ok(vec![0xcc, digit]),
            _ => Ok(bytes),
        }
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<T, String> {
        // `from_slice` ignores trailing bytes; they are an error here, as they are in JSON.
        let mut deserializer = rmp_serde::Deserializer::new(bytes);
        let value = T::deserialize(&mut deserializer).map_err(|error| error.to_string())?;
        match deserializer.get_ref().len() {
            0 => Ok(value),
            rest => Err(format!("{rest} bytes follow the value")),
        }
    }

    fn envelope(&self) -> Option<Envelope> {
        Some(Envelope::MESSAGE_PACK.of::<T>())
    }
}

/// Strings as plain UTF-8, for providers of `String`: without the quotation marks of JSON, so that other programs can
/// read and write plain text. Such values cannot have windows or tags.
///
/// ```
/// use isocache::{Serializer, TextSerializer};
///
/// assert_eq!(TextSerializer.serialize(&"Ada".to_string()).unwrap(), b"Ada");
/// assert_eq!(TextSerializer.deserialize(b"Ada").unwrap(), "Ada");
/// assert!(TextSerializer.deserialize(b"\xff").is_err());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TextSerializer;

impl Serializer<String> for TextSerializer {
    fn serialize(&self, value: &String) -> Result<Vec<u8>, String> {
        Ok(value.clone().into_bytes())
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<String, String> {
        let text = std::str::from_utf8(bytes);
        text.map(str::to_owned).map_err(|error| format!("not text in UTF-8: byte {} is invalid", error.valid_up_to()))
    }
}

/// Bytes unchanged, for providers of [`Bytes`].
///
/// ```
/// use bytes::Bytes;
/// use isocache::{BytesSerializer, Serializer};
///
/// let bytes = Bytes::from_static(b"\xff\x00");
/// assert_eq!(BytesSerializer.serialize(&bytes).unwrap(), b"\xff\x00");
/// assert_eq!(BytesSerializer.deserialize(b"\xff\x00").unwrap(), bytes);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct BytesSerializer;

impl Serializer<Bytes> for BytesSerializer {
    fn serialize(&self, value: &Bytes) -> Result<Vec<u8>, String> {
        Ok(value.to_vec())
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<Bytes, String> {
        Ok(Bytes::copy_from_slice(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct User {
        id: u64,
        name: Option<String>,
    }

    fn round_trip(serializer: &impl Serializer<User>) {
        let user = User { id: u64::MAX, name: Some("\u{1f600}\0".into()) };
        let bytes = serializer.serialize(&user).unwrap();
        assert_eq!(serializer.deserialize(&bytes).unwrap(), user);
        for end in 0..bytes.len() {
            assert!(serializer.deserialize(&bytes[..end]).is_err(), "cut at {end}");
        }
        let mut longer = bytes.clone();
        longer.push(b'1');
        assert!(serializer.deserialize(&longer).is_err());
        assert!(serializer.deserialize(b"\xff\xfe\x00").is_err());
    }

    #[test]
    fn json_comes_back_as_it_was_and_damage_is_an_error() {
        round_trip(&JsonSerializer);
        assert_eq!(JsonSerializer.serialize(&User { id: 1, name: None }).unwrap(), br#"{"id":1,"name":null}"#);
    }

    #[cfg(feature = "msgpack")]
    #[test]
    fn message_pack_comes_back_as_it_was_and_damage_is_an_error() {
        round_trip(&MessagePackSerializer);
    }

    #[cfg(feature = "msgpack")]
    #[test]
    #[allow(clippy::float_cmp, reason = "small integers, which are exact")]
    fn message_pack_of_a_number_is_not_taken_for_a_counter() {
        for number in 0_u8..=255 {
            let bytes = MessagePackSerializer.serialize(&number).unwrap();
            assert!(!bytes.iter().all(u8::is_ascii_digit), "{number}: {bytes:?}");
            assert_eq!(Serializer::<u8>::deserialize(&MessagePackSerializer, &bytes).unwrap(), number);
            assert_eq!(Serializer::<f64>::deserialize(&MessagePackSerializer, &bytes).unwrap(), f64::from(number));
        }
    }
}
