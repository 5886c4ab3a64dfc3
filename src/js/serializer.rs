//! [`JsValueSerializer`].

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

/// Turns values of Rust into values of JavaScript and back, as [`Serializer`](crate::Serializer) does with bytes: no text of
/// JSON is in between.
///
/// | Rust | JavaScript |
/// |---|---|
/// | `bool`, `String`, `Vec`, tuples | boolean, string, arrays |
/// | numbers | number; whole ones beyond 2^53 are an error, unless [`bigints`](Self::bigints) says otherwise; `i128` and `u128` are `BigInt` |
/// | `None`, `()` | `null` |
/// | structs, and maps with text for keys | plain objects; maps are `Map` where [`maps`](Self::maps) says so |
/// | bytes, as of `serde_bytes` | `Uint8Array` |
///
/// On the way back, `null` and `undefined` are `None`, a `BigInt` is any integer that holds it, and a `Map` or a plain object
/// is a map.
///
/// What serde does not know, such as a `Date`, a `Set` or a typed array, passes as it is, by reference, in a field with
/// `#[serde(with = "serde_wasm_bindgen::preserve")]`, whose type is `JsValue` or one of js-sys; and so does everything of
/// which Rust only needs a part. A value that holds itself is for such a field only: a type that nests without end would
/// follow it until the stack is used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsValueSerializer {
    maps: bool,
    bigints: bool,
}

impl JsValueSerializer {
    /// Maps as plain objects, and whole numbers as numbers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether maps become `Map`, which takes keys of every type. Structs are plain objects all the same.
    #[must_use]
    pub fn maps(mut self, maps: bool) -> Self {
        self.maps = maps;
        self
    }

    /// Whether `i64` and `u64` become `BigInt`, all of them. Without it, those beyond 2^53 are an error.
    #[must_use]
    pub fn bigints(mut self, bigints: bool) -> Self {
        self.bigints = bigints;
        self
    }

    /// The value in JavaScript.
    ///
    /// # Errors
    /// What cannot be written, in words.
    pub fn serialize<T: Serialize>(&self, value: &T) -> Result<JsValue, String> {
        let serializer = serde_wasm_bindgen::Serializer::new()
            .serialize_missing_as_null(true)
            .serialize_maps_as_objects(!self.maps)
            .serialize_large_number_types_as_bigints(self.bigints);
        value.serialize(&serializer).map_err(|error| error.to_string())
    }

    /// The value in Rust.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn deserialize<T: DeserializeOwned>(&self, value: JsValue) -> Result<T, String> {
        serde_wasm_bindgen::from_value(value).map_err(|error| error.to_string())
    }
}
