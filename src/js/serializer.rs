//! [`JsValueSerializer`].

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

/// Converts Rust values to JavaScript values and back, without JSON text in between. It is to
/// [`JsCacheProvider`](crate::JsCacheProvider) what [`Serializer`](crate::Serializer) is to providers of bytes.
///
/// | Rust | JavaScript |
/// |---|---|
/// | `bool`, `String`, `Vec`, tuples | boolean, string, arrays |
/// | numbers | number; an integer beyond 2^53 is an error, unless [`bigints`](Self::bigints) is set; `i128` and `u128` are `BigInt` |
/// | `None`, `()` | `null` |
/// | structs, and maps with string keys | plain objects; maps become `Map` if [`maps`](Self::maps) is set |
/// | bytes (`serde_bytes`) | `Uint8Array` |
///
/// In the other direction, `null` and `undefined` become `None`, a `BigInt` becomes any integer type that can hold it,
/// and a `Map` or a plain object becomes a map.
///
/// To pass a value that serde does not support, such as a `Date`, a `Set` or a typed array, by reference, use a field
/// of type `JsValue` (or a `js-sys` type) with `#[serde(with = "serde_wasm_bindgen::preserve")]`. Use such a field also
/// for values that refer to themselves: a recursive Rust type would follow the cycle until the stack overflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsValueSerializer {
    maps: bool,
    bigints: bool,
}

impl JsValueSerializer {
    /// Creates a serializer that converts maps to plain objects, and integers to numbers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether maps become `Map`, which accepts keys of every type. Structs always become plain objects.
    #[must_use]
    pub fn maps(mut self, maps: bool) -> Self {
        self.maps = maps;
        self
    }

    /// Sets whether all `i64` and `u64` become `BigInt`. Otherwise, integers beyond 2^53 are an error.
    #[must_use]
    pub fn bigints(mut self, bigints: bool) -> Self {
        self.bigints = bigints;
        self
    }

    /// Converts a Rust value to JavaScript.
    ///
    /// # Errors
    /// A message that says why the value cannot be converted.
    pub fn serialize<T: Serialize>(&self, value: &T) -> Result<JsValue, String> {
        let serializer = serde_wasm_bindgen::Serializer::new()
            .serialize_missing_as_null(true)
            .serialize_maps_as_objects(!self.maps)
            .serialize_large_number_types_as_bigints(self.bigints);
        value.serialize(&serializer).map_err(|error| error.to_string())
    }

    /// Converts a JavaScript value to Rust.
    ///
    /// # Errors
    /// A message that says why the value cannot be converted.
    pub fn deserialize<T: DeserializeOwned>(&self, value: JsValue) -> Result<T, String> {
        serde_wasm_bindgen::from_value(value).map_err(|error| error.to_string())
    }
}
