//! The extension traits of [`JsCacheProvider`], for objects that have their methods.

use std::ops::RangeInclusive;
use std::time::Duration;

use js_sys::{Function, Reflect, Symbol};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};

use super::object::{Object, array_of, boolean, integer, member, remaining_ttl, settled, wrong_result};
use super::provider::{JsCacheProvider, array, object, ttl_value};
use crate::error::{CacheError, Result};
use crate::key;
use crate::provider::{
    AtomicProvider, BoundedIncrement, CounterProvider, Keys, KeysProvider, MaybeSend, TouchProvider, checked_bounds,
};

impl<T> JsCacheProvider<T> {
    /// The object, which must have this method, for a key that is checked.
    fn with(&self, method: &str, keys: &[&str]) -> Result<Object> {
        keys.iter().try_for_each(|key| key::check(key))?;
        let object = self.object()?;
        object.needs(method)?;
        Ok(object)
    }

    fn booleans(method: &str, keys: &[&str], result: &JsValue) -> Result<Vec<bool>> {
        array_of(method, keys.len(), result)?.iter().map(|value| boolean(method, value)).collect()
    }
}

impl<T: MaybeSend + Serialize + DeserializeOwned> TouchProvider<T> for JsCacheProvider<T> {
    async fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        self.with("ttl", &[key])?;
        let seconds = self.call(Some(key), |object| object.ttl(key)).await?;
        if seconds.is_undefined() {
            return Ok(None);
        }
        Ok(Some(remaining_ttl("ttl", &seconds)?.unwrap_or(Duration::MAX)))
    }

    async fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        self.with("touch", &[key])?;
        let ttl = ttl_value(ttl)?;
        boolean("touch", &self.call(Some(key), |object| object.touch(key, &ttl)).await?)
    }

    async fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Option<T>> {
        self.with("getAndTouch", &[key])?;
        let ttl = ttl_value(ttl)?;
        let found = self.call(Some(key), |object| object.get_and_touch(key, &ttl)).await?;
        self.value(key, found)
    }
}

impl<T: MaybeSend + Serialize + DeserializeOwned> AtomicProvider<T> for JsCacheProvider<T> {
    async fn set_if_absent(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.with("setIfAbsent", &[key])?;
        let (value, options) = self.entry(key, &value, ttl)?;
        let stored = self.call(Some(key), |object| object.set_if_absent(key, &value, &options)).await?;
        boolean("setIfAbsent", &stored)
    }

    async fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.with("replace", &[key])?;
        let (value, options) = self.entry(key, &value, ttl)?;
        boolean("replace", &self.call(Some(key), |object| object.replace(key, &value, &options)).await?)
    }

    async fn get_and_delete(&self, key: &str) -> Result<Option<T>> {
        self.with("getAndDelete", &[key])?;
        let found = self.call(Some(key), |object| object.get_and_delete(key)).await?;
        self.value(key, found)
    }
}

impl<T> KeysProvider for JsCacheProvider<T> {
    fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>> {
        if pattern.is_empty() {
            return Err(CacheError::invalid("pattern", "is empty"));
        }
        self.with("keys", &[])?;
        let pattern = pattern.to_owned();
        Ok(Keys::unfold(None, move |iterator: Option<JsValue>| {
            let pattern = pattern.clone();
            async move {
                let iterator = match iterator {
                    Some(iterator) => iterator,
                    None => iterator_of(&self.call(None, |object| object.keys(&pattern)).await?)?,
                };
                let next = method(&iterator, &"next".into())?;
                let item = settled(next.call0(&iterator), None).await?;
                if member(&item, "done").is_truthy() {
                    return Ok(None);
                }
                let key = member(&item, "value").as_string().ok_or_else(|| wrong_result("keys", "strings"))?;
                Ok(Some((vec![key], Some(iterator))))
            }
        }))
    }

    async fn exists_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.with("hasMany", keys)?;
        let found = self.call(None, |object| object.has_many(&array(keys))).await?;
        Self::booleans("hasMany", keys, &found)
    }

    async fn delete_many_each(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.with("deleteManyEach", keys)?;
        let deleted = self.call(None, |object| object.delete_many_each(&array(keys))).await?;
        Self::booleans("deleteManyEach", keys, &deleted)
    }
}

/// JavaScript's numbers hold integers up to 2^53 - 1, so a sum beyond it is an error of the object.
impl<T> CounterProvider for JsCacheProvider<T> {
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        self.with("increment", &[key])?;
        let by = number("by", by)?;
        let options = object([("ttl", ttl_value(ttl)?)]);
        integer("increment", &self.call(Some(key), |object| object.increment(key, by, &options)).await?)
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> Result<BoundedIncrement> {
        self.with("incrementWithin", &[key])?;
        let (floor, ceiling) = checked_bounds(by, &bounds)?;
        let options = object([
            ("floor", number("floor", floor)?.into()),
            ("ceiling", number("ceiling", ceiling)?.into()),
            ("ttl", ttl_value(ttl)?),
        ]);
        let by = number("by", by)?;
        let result = self.call(Some(key), |object| object.increment_within(key, by, &options)).await?;
        Ok(BoundedIncrement {
            stored: boolean("incrementWithin", &member(&result, "stored"))?,
            count: integer("incrementWithin", &member(&result, "count"))?,
        })
    }
}

/// An integer as a number of JavaScript.
fn number(argument: &'static str, integer: i64) -> Result<f64> {
    #[allow(clippy::cast_precision_loss)]
    let number = integer as f64;
    if js_sys::Number::is_safe_integer(&number.into()) {
        return Ok(number);
    }
    Err(CacheError::invalid(argument, format!("{integer} is beyond ±(2^53 - 1)")))
}

/// An iterator over what `keys` returned: an iterable, synchronous or asynchronous.
fn iterator_of(iterable: &JsValue) -> Result<JsValue> {
    for symbol in [Symbol::async_iterator(), Symbol::iterator()] {
        if let Ok(make) = method(iterable, &symbol.into()) {
            return make.call0(iterable).map_err(|_| wrong_result("keys", "an iterable of strings"));
        }
    }
    Err(wrong_result("keys", "an iterable of strings"))
}

fn method(object: &JsValue, name: &JsValue) -> Result<Function> {
    let method = Reflect::get(object, name).unwrap_or(JsValue::UNDEFINED);
    method.dyn_into().map_err(|_| wrong_result("keys", "an iterable of strings"))
}
