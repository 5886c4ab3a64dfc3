//! Calls the methods of the JavaScript object. Its interface is `Provider` in the types of the npm package.

use std::time::Duration;

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::error::{CacheError, Result};
use crate::stats::CacheStats;

/// The result of a call, or the value that it throws.
pub(super) type Outcome = Result<JsValue, JsValue>;

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    pub(super) type Object;

    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn get(this: &Object, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn set(this: &Object, key: &str, value: &JsValue, options: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn delete(this: &Object, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn has(this: &Object, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = clearPattern)]
    pub(super) fn clear_pattern(this: &Object, pattern: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = getStats)]
    fn get_stats(this: &Object) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    fn stats(this: &Object) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn ttl(this: &Object, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = getWithTtl)]
    pub(super) fn get_with_ttl(this: &Object, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = getMany)]
    pub(super) fn get_many(this: &Object, keys: &Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = setMany)]
    pub(super) fn set_many(this: &Object, entries: &Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = deleteMany)]
    pub(super) fn delete_many(this: &Object, keys: &Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = hasMany)]
    pub(super) fn has_many(this: &Object, keys: &Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = deleteManyEach)]
    pub(super) fn delete_many_each(this: &Object, keys: &Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn keys(this: &Object, pattern: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn touch(this: &Object, key: &str, ttl: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = getAndTouch)]
    pub(super) fn get_and_touch(this: &Object, key: &str, ttl: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = getAndDelete)]
    pub(super) fn get_and_delete(this: &Object, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = setIfAbsent)]
    pub(super) fn set_if_absent(
        this: &Object,
        key: &str,
        value: &JsValue,
        options: &JsValue,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn replace(this: &Object, key: &str, value: &JsValue, options: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn increment(this: &Object, key: &str, by: f64, options: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = incrementWithin)]
    pub(super) fn increment_within(this: &Object, key: &str, by: f64, options: &JsValue) -> Result<JsValue, JsValue>;
}

/// The required methods.
const METHODS: [&str; 5] = ["get", "set", "delete", "has", "clearPattern"];
/// At least one of these methods is required.
const STATS: [&str; 2] = ["getStats", "stats"];

impl Object {
    /// Checks that an object has all required methods.
    pub(super) fn checked(value: JsValue) -> Result<Self> {
        let object: Self = value.unchecked_into();
        let mut missing: Vec<&str> = METHODS.into_iter().filter(|name| !object.can(name)).collect();
        if !STATS.iter().any(|name| object.can(name)) {
            missing.push(STATS[0]);
        }
        if missing.is_empty() {
            return Ok(object);
        }
        Err(CacheError::invalid("provider", format!("has no method {}", missing.join(", "))))
    }

    /// Reads the statistics: with `getStats`, or with `stats` on a synchronous cache.
    pub(super) fn statistics(&self) -> Result<JsValue, JsValue> {
        if self.can(STATS[0]) { self.get_stats() } else { self.stats() }
    }

    /// Checks that the object has a method that not every provider has.
    pub(super) fn needs(&self, name: &str) -> Result<()> {
        if self.can(name) {
            return Ok(());
        }
        Err(CacheError::invalid("provider", format!("has no method {name}, which this operation needs")))
    }

    /// Whether the object has a method of this name.
    pub(super) fn can(&self, name: &str) -> bool {
        member(self, name).is_instance_of::<Function>()
    }
}

/// Reads a property; `undefined` if the value has no properties.
pub(super) fn member(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Returns the result of a call, awaiting it if it is a promise.
pub(super) async fn settled(outcome: Outcome, key: Option<&str>) -> Result<JsValue> {
    let outcome = match outcome {
        Ok(value) if member(&value, "then").is_instance_of::<Function>() && value.is_object() => {
            JsFuture::from(Promise::resolve(&value)).await
        }
        settled => settled,
    };
    outcome.map_err(|error| failure(&error, key))
}

/// Converts an exception to an error. The package's own errors are recognized by their `code`.
fn failure(error: &JsValue, key: Option<&str>) -> CacheError {
    let text = member(error, "message").as_string().or_else(|| error.as_string());
    let text = text.unwrap_or_else(|| "the provider threw a value that is not an error".into());
    let own = text.strip_prefix("isocache: ");
    let message = own.unwrap_or(&text).to_owned();
    let code = member(error, "code").as_string();
    match (code.as_deref(), key) {
        (Some("connection"), _) => CacheError::Connection(message),
        (Some("timeout"), _) => CacheError::Timeout(message),
        (Some("refused"), _) => CacheError::Refused(message),
        (Some("full"), _) => CacheError::Full(message),
        (Some("protocol"), _) => CacheError::Protocol(message),
        (Some("deserialize"), Some(key)) => CacheError::Deserialize { key: key.to_owned(), reason: message },
        // Keys, patterns and ttls have already been checked.
        _ if own.is_some() && (error.is_instance_of::<js_sys::RangeError>() || is_type_error(error)) => {
            CacheError::invalid("value", message)
        }
        _ => CacheError::Unavailable(message),
    }
}

fn is_type_error(error: &JsValue) -> bool {
    error.is_instance_of::<js_sys::TypeError>()
}

/// The error for a result of the wrong type.
pub(super) fn wrong_result(method: &str, expected: &str) -> CacheError {
    CacheError::Protocol(format!("the provider's {method} must return {expected}"))
}

pub(super) fn boolean(method: &str, value: &JsValue) -> Result<bool> {
    value.as_bool().ok_or_else(|| wrong_result(method, "true or false"))
}

/// Reads an integer that is at least 0.
pub(super) fn count(method: &str, value: &JsValue) -> Result<u64> {
    match value.as_f64() {
        // Integers up to 2^53 are exact in both types.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Some(number) if number >= 0.0 && js_sys::Number::is_safe_integer(value) => Ok(number as u64),
        _ => Err(wrong_result(method, "a count")),
    }
}

/// Reads an integer.
pub(super) fn integer(method: &str, value: &JsValue) -> Result<i64> {
    match value.as_f64() {
        // Integers up to 2^53 are exact in both types.
        #[allow(clippy::cast_possible_truncation)]
        Some(number) if js_sys::Number::is_safe_integer(value) => Ok(number as i64),
        _ => Err(wrong_result(method, "a whole number")),
    }
}

/// Reads an array of `length` values.
pub(super) fn array_of(method: &str, length: usize, value: &JsValue) -> Result<Vec<JsValue>> {
    if Array::is_array(value) {
        let values = Array::from(value);
        if values.length() as usize == length {
            return Ok(values.iter().collect());
        }
    }
    Err(wrong_result(method, "an array with a value for each key"))
}

/// Reads a remaining ttl in seconds; `null` means no expiry.
pub(super) fn remaining_ttl(method: &str, seconds: &JsValue) -> Result<Option<Duration>> {
    if seconds.is_null() {
        return Ok(None);
    }
    let ms = seconds.as_f64().map(|seconds| (seconds * 1000.0).round());
    match ms {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Some(ms) if ms >= 0.0 && ms < 2f64.powi(53) => Ok(Some(Duration::from_millis(ms as u64))),
        _ => Err(wrong_result(method, "a number of seconds")),
    }
}

pub(super) fn statistics(stats: &JsValue) -> Result<CacheStats> {
    let needed = |name| count("stats", &member(stats, name));
    let optional = |name| {
        let value = member(stats, name);
        if value.is_undefined() || value.is_null() { Ok(None) } else { count("stats", &value).map(Some) }
    };
    Ok(CacheStats {
        hits: needed("hits")?,
        misses: needed("misses")?,
        sets: needed("sets")?,
        deletes: needed("deletes")?,
        evictions: needed("evictions")?,
        expirations: needed("expirations")?,
        entries: optional("entries")?,
        bytes: optional("bytes")?,
    })
}
