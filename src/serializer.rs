//! Values to bytes and back, for providers that keep bytes.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::envelope::Envelope;

/// Turns values into bytes and back.
///
/// The error is plain text; the provider adds the key to it.
pub trait Serializer<T>: Send + Sync + 'static {
    /// The bytes of `value`.
    ///
    /// # Errors
    /// Why the value cannot be written, as text.
    fn serialize(&self, value: &T) -> Result<Vec<u8>, String>;

    /// The value of `bytes`.
    ///
    /// # Errors
    /// Why the bytes are not a value, as text. No bytes may cause a panic.
    fn deserialize(&self, bytes: &[u8]) -> Result<T, String>;

    /// The form of the envelope in which a remote store keeps values that may be answered when stale, and values with tags.
    /// `None` if the bytes cannot carry one: such values are then refused.
    fn envelope(&self) -> Option<Envelope> {
        None
    }
}

/// Plain JSON, which every other client reads.
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

/// `MessagePack`, with the fields of structs by name: smaller than JSON, and able to carry bytes.
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
        rmp_serde::to_vec_named(value).map_err(|error| error.to_string())
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<T, String> {
        // `from_slice` stops after the first value; what follows it is as wrong here as it is in JSON.
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

/// Text as it is, in UTF-8, for providers of `String`: without the quotation marks of JSON, so that other programs read and write
/// plain text. Such values cannot carry windows or tags.
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

/// Bytes as they are, for providers of [`Bytes`].
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
}
