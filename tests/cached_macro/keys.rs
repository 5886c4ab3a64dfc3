//! The keys of calls.

use isocache::{CacheProvider, KeyPattern, Typed, cached, default_cache, key_of};
use serde::{Deserialize, Serialize};

use crate::support::{called, calls};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Opts {
    lang: String,
    pair: (u64, bool),
}

#[cached(key = "keys:{{}}:{name}:{opts.lang}:{opts.pair.0}")]
async fn templated(name: &str, unused: u64, opts: Opts) -> String {
    format!("{name}{unused}{}", opts.lang)
}

#[tokio::test]
async fn a_template_takes_fields_and_escapes() {
    let opts = Opts { lang: "e*".to_owned(), pair: (7, true) };
    let key = templated::key("a:b", opts.clone());
    assert_eq!(key, "keys:{}:a%3Ab:e%2A:7");
    let pattern = KeyPattern::new("keys:{{}}:{name}:{lang}:{pair}").unwrap();
    assert_eq!(pattern.key(&[("name", &"a:b"), ("lang", &"e*"), ("pair", &7)]).unwrap(), key);
    templated("a:b", 1, opts).await;
    // In an envelope that names the function, under this very key.
    let stored = default_cache().get(&key).await.unwrap().unwrap();
    assert!(stored.starts_with(b"{\"value\":\"a:b1e*\",\"tags\":{"), "{stored:?}");
    assert_eq!(Typed::<String>::new(default_cache()).get(&key).await.unwrap().as_deref(), Some("a:b1e*"));
}

#[cached]
async fn hashed(id: u64, name: Option<&str>, opts: &Opts) -> String {
    called("hashed");
    format!("{id}{name:?}{}", opts.lang)
}

#[cached(name = "users::find")]
async fn named(name: &str, id: u32) -> u64 {
    called("named") + name.len() as u64 + u64::from(id)
}

#[tokio::test]
async fn without_a_key_all_arguments_count_under_the_name() {
    let opts = Opts { lang: "en".to_owned(), pair: (7, true) };
    let key = hashed::key(1, None, &opts).unwrap();
    assert_eq!(key, key_of("cached_macro::keys::hashed", &(1, (), &opts)).unwrap());
    hashed(1, None, &opts).await;
    assert!(default_cache().exists(&key).await.unwrap());
    hashed(2, None, &opts).await;
    hashed(1, Some(""), &opts).await;
    hashed(1, None, &Opts { lang: "fr".to_owned(), ..opts.clone() }).await;
    assert_eq!(calls("hashed"), 4);
    hashed(1, None, &opts).await;
    assert_eq!(calls("hashed"), 4);
    // The vector of `key_of`, which the npm package has too.
    assert_eq!(named::key("Ada", 1).unwrap(), "users::find:zG05t8fsG7lXMkQJY3hRh1Hn0ERz9uF1");
    named("Ada", 1).await;
    assert!(default_cache().exists("users::find:zG05t8fsG7lXMkQJY3hRh1Hn0ERz9uF1").await.unwrap());
}

#[cached(key = |id, name: &&str| {
    if *id == 0 {
        return "none".to_owned();
    }
    format!("closure:{id}:{}", name.len())
})]
async fn closure(_db: &(), name: &str, id: u64) -> String {
    called("closure");
    format!("{name}{id}")
}

#[tokio::test]
async fn a_closure_makes_any_key() {
    // The arguments that the key is made of, in the order of the function.
    assert_eq!(closure::key("abc", 7), "closure:7:3");
    assert_eq!(closure::key("abc", 0), "none");
    assert_eq!(closure(&(), "abc", 7).await, "abc7");
    assert_eq!(closure(&(), "xyz", 7).await, "abc7");
    assert_eq!(calls("closure"), 1);
}

#[cached(key = |key| key.clone())]
async fn keyed(key: String) -> u64 {
    drop(key);
    called("keyed")
}

#[cached(key = |key| key.clone())]
fn keyed_sync(key: String) -> u64 {
    drop(key);
    called("keyed_sync")
}

#[cached]
async fn unhashable(map: std::collections::BTreeMap<Vec<u64>, u64>) -> u64 {
    called("unhashable") + map.len() as u64
}

#[tokio::test]
async fn a_key_that_cannot_be_is_passed_over() {
    assert_eq!((keyed(String::new()).await, keyed(String::new()).await), (1, 2));
    assert_eq!(keyed("k".repeat(70_000)).await, 3);
    assert!(keyed::invalidate(String::new()).await.is_err());
    assert_eq!((keyed_sync(String::new()), keyed_sync(String::new())), (1, 2));
    let map = [(vec![1], 1)].into_iter().collect::<std::collections::BTreeMap<_, _>>();
    assert!(unhashable::key(map.clone()).is_err());
    assert_eq!((unhashable(map.clone()).await, unhashable(map).await), (2, 3));
}

#[cached(key = "keys:foreign")]
async fn replacing() -> u64 {
    called("replacing")
}

#[tokio::test]
async fn what_another_wrote_under_the_key_is_replaced() {
    let texts: Typed<String> = Typed::new(default_cache());
    texts.set(&replacing::key(), "no number".to_owned(), None).await.unwrap();
    assert_eq!((replacing().await, replacing().await), (1, 1));
    assert!(texts.get(&replacing::key()).await.is_err());
}
