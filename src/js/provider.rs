//! [`JsCacheProvider`].

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use js_sys::{Array, Reflect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

use super::object::{Object, Outcome, array_of, boolean, count, member, remaining_ttl, settled, statistics};
use super::serializer::JsValueSerializer;
use super::thread_bound::ThreadBound;
use crate::error::{CacheError, Result};
use crate::key;
use crate::provider::{CacheProvider, MaybeSend, WithTtl};
use crate::stats::CacheStats;
use crate::ttl::whole_ms;

/// A JavaScript cache as a Rust provider, for programs that use both languages: each side reads what the other has set,
/// as its own values.
///
/// It wraps an object with the methods of a `Provider` of the npm package: a `MemoryCache`, an `HttpCache`, or your
/// own. Values are converted by [`JsValueSerializer`], so that JavaScript sees plain objects and Rust its own types.
///
/// ```
/// use isocache::{CacheProvider, JsCacheProvider};
/// use wasm_bindgen::prelude::*;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct User {
///     name: String,
///     #[serde(with = "serde_wasm_bindgen::preserve")]
///     joined: js_sys::Date,
/// }
///
/// // JavaScript: const cache = new MemoryCache(); await greeting(cache, "1"); cache.get("user:1").name
/// #[wasm_bindgen]
/// pub async fn greeting(cache: JsValue, id: String) -> Result<String, JsError> {
///     let users = JsCacheProvider::<User>::new(cache)?;
///     let user = match users.get(&format!("user:{id}")).await? {
///         Some(user) => user,
///         None => User { name: "Ada".into(), joined: js_sys::Date::new_0() },
///     };
///     let greeting = format!("Hello, {}", user.name);
///     users.set(&format!("user:{id}"), user, None).await?;
///     Ok(greeting)
/// }
/// ```
///
/// **Ttls, limits and statistics** are those of the object. [`get_with_ttl`](CacheProvider::get_with_ttl) requires its
/// method `getWithTtl` or `ttl`. `get_many`, `set_many` and `delete_many` take one call if the object has `getMany`,
/// `setMany` and `deleteMany`. The methods of [`TouchProvider`](crate::TouchProvider),
/// [`AtomicProvider`](crate::AtomicProvider), [`KeysProvider`](crate::KeysProvider) and
/// [`CounterProvider`](crate::CounterProvider) require those of the same names in JavaScript, and return an error that
/// names the missing one.
///
/// **Errors** of the package keep their kind. Any other exception becomes [`CacheError::Unavailable`], and a result of
/// the wrong type becomes [`CacheError::Protocol`]. On any thread but the object's own, every operation fails with
/// [`CacheError::Unavailable`].
pub struct JsCacheProvider<T> {
    object: Arc<ThreadBound>,
    serializer: JsValueSerializer,
    // It contains no `T`: the parameter only names the type of the values.
    values: PhantomData<fn() -> T>,
}

impl<T> JsCacheProvider<T> {
    /// Wraps a JavaScript object.
    ///
    /// # Errors
    /// [`InvalidArgument`](CacheError::InvalidArgument) if the object lacks one of the methods `get`, `set`, `delete`,
    /// `has`, `clearPattern`, `getStats` (or `stats`). The error names the missing methods.
    pub fn new(provider: JsValue) -> Result<Self> {
        Self::with_serializer(provider, JsValueSerializer::new())
    }

    /// Wraps a JavaScript object, with values converted by `serializer`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_serializer(provider: JsValue, serializer: JsValueSerializer) -> Result<Self> {
        Ok(Self { object: Arc::new(ThreadBound::new(Object::checked(provider)?)), serializer, values: PhantomData })
    }

    /// Returns the same cache for values of another type.
    #[must_use]
    pub fn view<U>(&self) -> JsCacheProvider<U> {
        JsCacheProvider { object: Arc::clone(&self.object), serializer: self.serializer, values: PhantomData }
    }

    pub(super) fn object(&self) -> Result<Object> {
        let other_thread = || {
            CacheError::Unavailable(
                "the JavaScript object belongs to another thread: create a provider on each thread".into(),
            )
        };
        self.object.object().ok_or_else(other_thread)
    }

    pub(super) async fn call(&self, key: Option<&str>, method: impl FnOnce(&Object) -> Outcome) -> Result<JsValue> {
        let outcome = method(&self.object()?);
        settled(outcome, key).await
    }
}

impl<T: Serialize + DeserializeOwned> JsCacheProvider<T> {
    pub(super) fn value(&self, key: &str, value: JsValue) -> Result<Option<T>> {
        if value.is_undefined() {
            return Ok(None);
        }
        let value = self.serializer.deserialize(value);
        value.map(Some).map_err(|reason| CacheError::Deserialize { key: key.to_owned(), reason })
    }

    /// A checked value and the options of its `set`.
    pub(super) fn entry(&self, key: &str, value: &T, ttl: Option<Duration>) -> Result<(JsValue, JsValue)> {
        key::check(key)?;
        let ttl = ttl_value(ttl)?;
        let failed = |reason| CacheError::Serialize { key: key.to_owned(), reason };
        let value = self.serializer.serialize(value).map_err(failed)?;
        if value.is_undefined() {
            return Err(failed("the value is undefined, which stands for an absent entry: use null".into()));
        }
        Ok((value, object([("ttl", ttl)])))
    }

    async fn found_with_ttl(&self, key: &str) -> Result<Option<(T, Option<Duration>)>> {
        let object = self.object()?;
        if object.can("getWithTtl") {
            let found = self.call(Some(key), |object| object.get_with_ttl(key)).await?;
            let Some(value) = self.value(key, member(&found, "value"))? else { return Ok(None) };
            return Ok(Some((value, remaining_ttl("getWithTtl", &member(&found, "ttl"))?)));
        }
        if !object.can("ttl") {
            return Err(CacheError::Protocol("the provider has neither a method getWithTtl nor ttl".into()));
        }
        let Some(value) = self.get(key).await? else { return Ok(None) };
        let seconds = self.call(Some(key), |object| object.ttl(key)).await?;
        // The entry may have been removed in between.
        if seconds.is_undefined() { Ok(None) } else { Ok(Some((value, remaining_ttl("ttl", &seconds)?))) }
    }
}

impl<T: MaybeSend + Serialize + DeserializeOwned> CacheProvider<T> for JsCacheProvider<T> {
    async fn get(&self, key: &str) -> Result<Option<T>> {
        key::check(key)?;
        let found = self.call(Some(key), |object| object.get(key)).await?;
        self.value(key, found)
    }

    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        let (value, options) = self.entry(key, &value, ttl)?;
        self.call(Some(key), |object| object.set(key, &value, &options)).await.map(drop)
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        key::check(key)?;
        boolean("delete", &self.call(Some(key), |object| object.delete(key)).await?)
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        key::check(key)?;
        boolean("has", &self.call(Some(key), |object| object.has(key)).await?)
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        if pattern.is_empty() {
            return Err(CacheError::invalid("pattern", "is empty"));
        }
        count("clearPattern", &self.call(None, |object| object.clear_pattern(pattern)).await?)
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        statistics(&self.call(None, Object::statistics).await?)
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        key::check(key)?;
        self.found_with_ttl(key).await
    }

    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
        keys.iter().try_for_each(|key| key::check(key))?;
        let mut values = Vec::with_capacity(keys.len());
        if !self.object()?.can("getMany") {
            for key in keys {
                values.push(self.get(key).await?);
            }
            return Ok(values);
        }
        let found = self.call(None, |object| object.get_many(&array(keys))).await?;
        for (key, value) in keys.iter().zip(array_of("getMany", keys.len(), &found)?) {
            values.push(self.value(key, value)?);
        }
        Ok(values)
    }

    async fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
        let entries = entries.into_iter().map(|(key, value, ttl)| Ok((key, self.entry(key, &value, ttl)?)));
        let entries = entries.collect::<Result<Vec<_>>>()?;
        if self.object()?.can("setMany") {
            let items = entries.into_iter().map(|(key, (value, options))| {
                object([("key", key.into()), ("value", value), ("ttl", member(&options, "ttl"))])
            });
            let items: Array = items.collect();
            return self.call(None, |object| object.set_many(&items)).await.map(drop);
        }
        for (key, (value, options)) in entries {
            self.call(Some(key), |object| object.set(key, &value, &options)).await?;
        }
        Ok(())
    }

    async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        keys.iter().try_for_each(|key| key::check(key))?;
        if self.object()?.can("deleteMany") {
            return count("deleteMany", &self.call(None, |object| object.delete_many(&array(keys))).await?);
        }
        let mut deleted = 0;
        for key in keys {
            deleted += u64::from(self.delete(key).await?);
        }
        Ok(deleted)
    }
}

/// The clones share the cache.
impl<T> Clone for JsCacheProvider<T> {
    fn clone(&self) -> Self {
        self.view()
    }
}

impl<T> std::fmt::Debug for JsCacheProvider<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsCacheProvider").field("serializer", &self.serializer).finish_non_exhaustive()
    }
}

/// A ttl as an option of the object's methods.
pub(super) fn ttl_value(ttl: Option<Duration>) -> Result<JsValue> {
    Ok(match ttl {
        None => JsValue::UNDEFINED,
        Some(Duration::MAX) => JsValue::NULL,
        // Numbers are seconds in JavaScript, so text is the only public form that is exact in milliseconds.
        Some(ttl) => format!("{}ms", whole_ms(ttl)?).into(),
    })
}

pub(super) fn array(texts: &[&str]) -> Array {
    texts.iter().map(|text| JsValue::from_str(text)).collect()
}

/// Creates a plain object with these properties.
pub(super) fn object<const N: usize>(members: [(&str, JsValue); N]) -> JsValue {
    let object = js_sys::Object::new();
    for (name, value) in members {
        // Setting a property of a new plain object cannot fail.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}
