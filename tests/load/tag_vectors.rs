//! What tags store, which is the same in JavaScript: `tests/vectors/tags.json`.

use isocache::{CacheProvider, MemoryCacheProvider, Tagged, TaggedEntry};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/tags.json")).unwrap()
}

#[tokio::test]
async fn the_counter_of_a_tag() {
    let vectors = vectors();
    let keys = vectors["keys"].as_array().unwrap();
    assert!(keys.len() > 2);
    for row in keys {
        let counters = MemoryCacheProvider::<i64>::default();
        let tags = Tagged::new(MemoryCacheProvider::<TaggedEntry<Value>>::default(), counters.clone());
        tags.invalidate_tags(&[row[0].as_str().unwrap()]).await.unwrap();
        assert!(counters.exists(row[1].as_str().unwrap()).await.unwrap(), "{row}");
    }
}

#[tokio::test]
async fn the_text_of_an_entry() {
    let vectors = vectors();
    let entries = vectors["entries"].as_array().unwrap();
    assert!(entries.len() > 2);
    for row in entries {
        let store = MemoryCacheProvider::<TaggedEntry<Value>>::default();
        let counters = MemoryCacheProvider::<i64>::default();
        let generations = row["tags"].as_object().unwrap();
        for (tag, generation) in generations {
            let key = format!("tag:{}", tag.replace(':', "%3A"));
            counters.set(&key, generation.as_i64().unwrap(), None).await.unwrap();
        }
        let tags = Tagged::new(store.clone(), counters);
        let names: Vec<&str> = generations.keys().map(String::as_str).collect();
        let view = tags.with_tags(&names).await.unwrap();
        view.set("written", row["value"].clone(), None).await.unwrap();
        let written = store.get("written").await.unwrap().unwrap();
        let text = row["text"].as_str().unwrap();
        assert_eq!(serde_json::to_string(&written).unwrap(), text);
        store.set("read", serde_json::from_str(text).unwrap(), None).await.unwrap();
        assert_eq!(view.get("read").await.unwrap().as_ref(), Some(&row["value"]));
    }
}
