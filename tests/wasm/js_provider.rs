//! `JsCacheProvider` over the npm package: the rules for providers, and one cache for both languages.

use std::collections::BTreeMap;
use std::time::Duration;

use isocache::{
    AtomicProvider, CacheError, CacheProvider, Clock, CounterProvider, DynCacheProvider, JsCacheProvider,
    JsValueSerializer, KeysProvider, ManualClock, TouchProvider,
};
use js_sys::{Array, Date, Float64Array, Function, Map, Promise, Reflect, Set};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

use super::servers::ask;
use crate::conformance::{
    Knowledge, MORE_OPERATIONS, Options, count, every, for_each_rule, get_with_ttl, run, run_more_operations,
};

/// A function of JavaScript.
fn function(arguments: &str, body: &str) -> Function {
    Function::new_with_args(arguments, body)
}

/// Makes a `MemoryCache` of the options; the package comes from `tests/servers/for-wasm.mjs`.
async fn constructor() -> Function {
    let import = function("url", "return import(url)");
    let module = import.call1(&JsValue::UNDEFINED, &ask("package").await.into()).unwrap();
    let module = JsFuture::from(Promise::from(module)).await.unwrap();
    let make = "return (options) => new module.MemoryCache(options)";
    function("module", make).call1(&JsValue::UNDEFINED, &module).unwrap().unchecked_into()
}

async fn memory_cache() -> JsValue {
    constructor().await.call1(&JsValue::UNDEFINED, &js_sys::Object::new()).unwrap()
}

fn calls(object: &JsValue, method: &str, arguments: &[JsValue]) -> JsValue {
    let method: Function = Reflect::get(object, &method.into()).unwrap().unchecked_into();
    method.apply(object, &arguments.iter().collect::<Array>()).unwrap()
}

fn member(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap()
}

/// A `MemoryCache` with the options and the clock of a case.
fn factory<T>(constructor: &Function) -> impl Fn(&Options, ManualClock) -> JsCacheProvider<T> {
    move |options, clock| {
        let given = js_sys::Object::new();
        let set = |name: &str, value: JsValue| Reflect::set(&given, &name.into(), &value).unwrap();
        if let Some(entries) = options.max_entries {
            set("maxEntries", u32::try_from(entries).unwrap().into());
        }
        if let Some(bytes) = options.max_bytes {
            set("maxBytes", JsValue::from_f64(u32::try_from(bytes).unwrap().into()));
            set("sizeOf", function("value", "return new TextEncoder().encode(JSON.stringify(value)).length").into());
        }
        if let Some(ms) = options.default_ttl_ms {
            set("ttl", format!("{ms}ms").into());
        }
        #[allow(clippy::cast_precision_loss)]
        let now = Closure::<dyn Fn() -> f64>::new(move || clock.now_ms() as f64);
        set("clock", now.into_js_value());
        JsCacheProvider::new(constructor.call1(&JsValue::UNDEFINED, &given).unwrap()).unwrap()
    }
}

macro_rules! rule {
    ($rule:ident, $number:literal) => {
        #[wasm_bindgen_test]
        async fn $rule() {
            let constructor = constructor().await;
            assert_eq!(run($number, every, factory::<Value>(&constructor)).await, count($number, every));
        }
    };
}
for_each_rule!(rule);

#[wasm_bindgen_test]
async fn operations_beyond_those_of_every_provider() {
    let constructor = constructor().await;
    let ran = run_more_operations(Knowledge::Everything, every, factory::<Value>(&constructor)).await;
    assert!(ran > 40 && ran == count(MORE_OPERATIONS, every), "{ran}");
}

#[wasm_bindgen_test]
async fn a_missing_method_is_named() {
    let cache = JsCacheProvider::<u8>::new(own("return m.get(key)")).unwrap();
    let errors = [
        (cache.ttl("k").await.unwrap_err(), "ttl"),
        (cache.touch("k", None).await.unwrap_err(), "touch"),
        (cache.get_and_touch("k", None).await.unwrap_err(), "getAndTouch"),
        (cache.set_if_absent("k", 1, None).await.unwrap_err(), "setIfAbsent"),
        (cache.replace("k", 1, None).await.unwrap_err(), "replace"),
        (cache.get_and_delete("k").await.unwrap_err(), "getAndDelete"),
        (cache.keys("*").unwrap_err(), "keys"),
        (cache.exists_many(&["k"]).await.unwrap_err(), "hasMany"),
        (cache.delete_many_each(&["k"]).await.unwrap_err(), "deleteManyEach"),
        (cache.increment("k", 1, None).await.unwrap_err(), "increment"),
        (cache.increment_within("k", 1, 0..=2, None).await.unwrap_err(), "incrementWithin"),
    ];
    for (error, method) in errors {
        assert!(error.to_string().contains(&format!("has no method {method},")), "{error}");
    }
}

#[wasm_bindgen_test]
async fn get_with_ttl_tells_what_is_left() {
    get_with_ttl(factory::<Value>(&constructor().await)).await;
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u32,
    name: Option<String>,
    tags: Vec<String>,
    scores: BTreeMap<String, f64>,
}

fn ada() -> User {
    User { id: 7, name: Some("Ada \u{1f600}".into()), tags: vec!["a".into()], scores: [("x".into(), 0.5)].into() }
}

#[wasm_bindgen_test]
async fn what_one_side_sets_the_other_gets() {
    let cache = memory_cache().await;
    let users = JsCacheProvider::<User>::new(cache.clone()).unwrap();
    users.set("user:7", ada(), Some(Duration::from_secs(3600))).await.unwrap();
    let seen = calls(&cache, "get", &["user:7".into()]);
    let json = js_sys::JSON::stringify(&seen).unwrap();
    assert_eq!(json, "{\"id\":7,\"name\":\"Ada \u{1f600}\",\"tags\":[\"a\"],\"scores\":{\"x\":0.5}}");
    assert!(calls(&cache, "ttl", &["user:7".into()]).as_f64().is_some_and(|left| left > 0.0 && left <= 3600.0));

    let made = function("", "return { id: 8, name: null, tags: ['b'], scores: new Map([['y', 1]]) }");
    calls(&cache, "set", &["user:8".into(), made.call0(&JsValue::UNDEFINED).unwrap()]);
    let eighth = User { id: 8, name: None, tags: vec!["b".into()], scores: [("y".into(), 1.0)].into() };
    assert_eq!(users.get_many(&["user:7", "user:8", "user:9"]).await, Ok(vec![Some(ada()), Some(eighth), None]));

    // Erased, as any provider; and a type that does not fit is an error that names the key.
    let erased = DynCacheProvider::new(users.view::<String>());
    let error = erased.get("user:7").await.unwrap_err();
    assert!(matches!(&error, CacheError::Deserialize { key, .. } if key == "user:7"), "{error:?}");
    assert_eq!(users.clear_pattern("user:*").await, Ok(2));
    assert!(calls(&cache, "get", &["user:7".into()]).is_undefined());
    // `None` is a value, and not a miss.
    let maybe = users.view::<Option<u8>>();
    maybe.set("none", None, None).await.unwrap();
    assert!(calls(&cache, "get", &["none".into()]).is_null());
    assert_eq!(maybe.get("none").await, Ok(Some(None)));
}

/// Anything of JavaScript.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Any(#[serde(with = "serde_wasm_bindgen::preserve")] JsValue);

#[derive(Serialize, Deserialize)]
struct Event {
    name: String,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    at: Date,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    samples: Float64Array,
}

#[wasm_bindgen_test]
async fn what_serde_does_not_know_passes_as_it_is() {
    let cache = memory_cache().await;
    let anything = JsCacheProvider::<Any>::new(cache.clone()).unwrap();
    let itself = function("", "const a = []; a.push(a); return a").call0(&JsValue::UNDEFINED).unwrap();
    for value in [
        Map::new().into(),
        Set::new(&JsValue::UNDEFINED).into(),
        Date::new_0().into(),
        JsValue::from(u64::MAX),
        Float64Array::new_with_length(3).into(),
        JsValue::from_f64(f64::NAN),
        JsValue::NULL,
        itself,
    ] {
        anything.set("any", Any(value.clone()), None).await.unwrap();
        assert!(js_sys::Object::is(&calls(&cache, "get", &["any".into()]), &value), "{value:?}");
        let Any(back) = anything.get("any").await.unwrap().unwrap();
        assert!(js_sys::Object::is(&back, &value), "{value:?}");
    }
    let error = anything.set("any", Any(JsValue::UNDEFINED), None).await.unwrap_err();
    assert!(matches!(&error, CacheError::Serialize { key, .. } if key == "any"), "{error:?}");

    let events = anything.view::<Event>();
    let event = Event { name: "e".into(), at: Date::new(&1e12.into()), samples: Float64Array::from(&[1.5, -0.0][..]) };
    events.set("event", event, None).await.unwrap();
    let seen = calls(&cache, "get", &["event".into()]);
    assert_eq!((member(&seen, "name"), member(&seen, "at").is_instance_of::<Date>()), ("e".into(), true));
    let back = events.get("event").await.unwrap().unwrap();
    assert_eq!((back.at.get_time().to_bits(), back.samples.to_vec()), (1e12f64.to_bits(), vec![1.5, -0.0]));
}

#[wasm_bindgen_test]
async fn whole_numbers_are_exact_or_an_error() {
    let cache = memory_cache().await;
    let plain = JsCacheProvider::<u64>::new(cache.clone()).unwrap();
    let bigints =
        JsCacheProvider::<u64>::with_serializer(cache.clone(), JsValueSerializer::new().bigints(true)).unwrap();
    plain.set("n", 1 << 53 >> 1, None).await.unwrap();
    assert_eq!(calls(&cache, "get", &["n".into()]).as_f64(), Some(2f64.powi(52)));
    let error = plain.set("n", u64::MAX, None).await.unwrap_err();
    assert!(matches!(&error, CacheError::Serialize { key, .. } if key == "n"), "{error:?}");
    bigints.set("n", u64::MAX, None).await.unwrap();
    assert_eq!(calls(&cache, "get", &["n".into()]), JsValue::from(u64::MAX));
    assert_eq!(plain.get("n").await, Ok(Some(u64::MAX)), "a BigInt is read either way");
    calls(&cache, "set", &["n".into(), JsValue::from(1u128 << 64)]);
    assert!(matches!(plain.get("n").await, Err(CacheError::Deserialize { .. })));
    calls(&cache, "set", &["n".into(), 0.5.into()]);
    assert!(matches!(plain.get("n").await, Err(CacheError::Deserialize { .. })));
}

#[wasm_bindgen_test]
async fn maps_are_objects_or_maps() {
    let cache = memory_cache().await;
    let map = || BTreeMap::from([(3u32, "c".to_owned())]);
    let objects = JsCacheProvider::<BTreeMap<u32, String>>::new(cache.clone()).unwrap();
    assert!(matches!(objects.set("m", map(), None).await, Err(CacheError::Serialize { .. })), "a key that is no text");
    let maps = JsCacheProvider::with_serializer(cache.clone(), JsValueSerializer::new().maps(true)).unwrap();
    maps.set("m", map(), None).await.unwrap();
    assert!(calls(&cache, "get", &["m".into()]).is_instance_of::<Map>());
    assert_eq!(maps.get("m").await, Ok(Some(map())));
}

/// Whether an error is the right one.
type Fits = fn(&CacheError) -> bool;

/// An object of one's own, asynchronous, without the methods that need not be there.
fn own(get: &str) -> JsValue {
    let body = "const m = new Map(); return {
        async get(key) { GET },
        async set(key, value) { m.set(key, value) },
        async delete(key) { return m.delete(key) },
        has: (key) => Promise.resolve(m.has(key)),
        clearPattern: () => 'many',
        stats: () => ({ hits: 1 }),
    }";
    function("", &body.replace("GET", get)).call0(&JsValue::UNDEFINED).unwrap()
}

#[wasm_bindgen_test]
async fn an_object_of_ones_own_may_answer_later_and_wrongly() {
    let cache = JsCacheProvider::<u8>::new(own("return m.get(key)")).unwrap();
    cache.set_many(vec![("a", 1, None), ("b", 2, None)]).await.unwrap();
    assert_eq!(cache.get_many(&["a", "c", "b"]).await, Ok(vec![Some(1), None, Some(2)]));
    assert_eq!((cache.exists("a").await, cache.delete_many(&["a", "c"]).await), (Ok(true), Ok(1)));
    assert!(matches!(cache.clear_pattern("*").await, Err(CacheError::Protocol(text)) if text.contains("clearPattern")));
    assert!(matches!(cache.get_stats().await, Err(CacheError::Protocol(text)) if text.contains("stats")));
    assert!(matches!(cache.get_with_ttl("b").await, Err(CacheError::Protocol(text)) if text.contains("ttl")));

    let thrown: [(&str, Fits); 5] = [
        ("throw Object.assign(new Error('isocache: slow'), { code: 'timeout' })", |e| {
            *e == CacheError::Timeout("slow".into())
        }),
        ("throw Object.assign(new Error('no'), { code: 'refused' })", |e| *e == CacheError::Refused("no".into())),
        ("throw new Error('broken')", |e| *e == CacheError::Unavailable("broken".into())),
        ("throw 7", |e| matches!(e, CacheError::Unavailable(_))),
        ("undefined.x", |e| matches!(e, CacheError::Unavailable(_))),
    ];
    for (get, fits) in thrown {
        let error = JsCacheProvider::<u8>::new(own(get)).unwrap().get("a").await.unwrap_err();
        assert!(fits(&error), "{get}: {error:?}");
    }
}

#[wasm_bindgen_test]
fn what_is_no_provider_is_refused_by_name() {
    for (value, missing) in
        [(JsValue::NULL, "get, set"), (JsValue::UNDEFINED, "getStats"), (Map::new().into(), "clearPattern")]
    {
        let error = JsCacheProvider::<u8>::new(value).unwrap_err();
        assert!(error.to_string().contains(missing), "{error}");
    }
}
