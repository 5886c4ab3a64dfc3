//! What tags promise over every provider.

use std::convert::Infallible;

use futures_util::future::{join, join4};
use isocache::{CacheAside, CacheProvider, CounterProvider, Tagged, TaggedEntry};
use tokio::sync::Barrier;

/// All scenes, over empty providers.
pub async fn all<P, C>(entries: P, counters: C)
where
    P: CacheProvider<TaggedEntry<u64>> + Clone + 'static,
    C: CacheProvider<i64> + CounterProvider + Clone + 'static,
{
    let tags = Tagged::new(entries, counters.clone());
    let (one, two) = (tags.with_tags(&["org:1"]).await.unwrap(), tags.with_tags(&["org:2", "all"]).await.unwrap());
    let plain = tags.with_tags(&[]).await.unwrap();
    one.set_many(vec![("a", 1, None), ("b", 2, None)]).await.unwrap();
    two.set("c", 3, None).await.unwrap();
    plain.set("d", 4, None).await.unwrap();
    let all = || async { plain.get_many(&["a", "b", "c", "d"]).await.unwrap() };
    assert_eq!(all().await, [Some(1), Some(2), Some(3), Some(4)], "any view reads what another wrote");

    tags.invalidate_tags(&["org:1"]).await.unwrap();
    assert_eq!(all().await, [None, None, Some(3), Some(4)]);
    assert!(!plain.exists("a").await.unwrap() && plain.exists("c").await.unwrap());
    assert_eq!(plain.get_with_ttl("a").await.unwrap(), None);
    tags.invalidate_tags(&["all"]).await.unwrap();
    assert_eq!(all().await, [None, None, None, Some(4)], "one of its tags is enough");
    tags.invalidate_tags(&["nobody has this"]).await.unwrap();
    assert_eq!(plain.get("d").await.unwrap(), Some(4));

    // A value that was made before the invalidation, and written after it.
    one.set("a", 1, None).await.unwrap();
    assert_eq!(one.get("a").await.unwrap(), None);
    let fresh = tags.with_tags(&["org:1"]).await.unwrap();
    fresh.set("a", 5, None).await.unwrap();
    assert_eq!(plain.get("a").await.unwrap(), Some(5));

    // A store that drops a counter loses entries, and never brings any back.
    let generation = counters.get("tag:org%3A1").await.unwrap();
    // Numbers of JavaScript are exact up to 2^53.
    assert!(generation.is_some_and(|generation| (1..1 << 42).contains(&generation)));
    assert!(counters.delete("tag:org%3A1").await.unwrap());
    assert_eq!(plain.get("a").await.unwrap(), None);
    tags.invalidate_tags(&["org:1"]).await.unwrap();
    assert_eq!(plain.get("a").await.unwrap(), None);
    assert_ne!(counters.get("tag:org%3A1").await.unwrap(), generation);

    Box::pin(new_tags(&tags)).await;
    Box::pin(during_a_load(&tags)).await;
    for (wrong, why) in [(vec![""], "empty"), (vec!["t"; 65], "65")] {
        let error = tags.with_tags(&wrong).await.err().expect("it is refused").to_string();
        assert!(error.contains("tags") && error.contains(why), "{error}");
    }
}

/// Writers that need a new tag at once do not end each other's entries.
async fn new_tags<P, C>(tags: &Tagged<P, C>)
where
    P: CacheProvider<TaggedEntry<u64>> + Clone + 'static,
    C: CacheProvider<i64> + CounterProvider + Clone + 'static,
{
    for round in 0..20 {
        let name = format!("new {round}");
        let write = async |key: &str| tags.with_tags(&[&name]).await.unwrap().set(key, round, None).await.unwrap();
        join4(write("e"), write("f"), write("g"), write("h")).await;
        let view = tags.with_tags(&[]).await.unwrap();
        assert_eq!(view.get_many(&["e", "f", "g", "h"]).await.unwrap(), [Some(round); 4]);
    }
}

async fn during_a_load<P, C>(tags: &Tagged<P, C>)
where
    P: CacheProvider<TaggedEntry<u64>> + Clone + 'static,
    C: CacheProvider<i64> + CounterProvider + Clone + 'static,
{
    let view = tags.with_tags(&["org:3"]).await.unwrap();
    let meeting = Barrier::new(2);
    let load = view.get_or_set("loaded", None, || async {
        meeting.wait().await;
        meeting.wait().await;
        Ok::<u64, Infallible>(1)
    });
    let invalidation = async {
        meeting.wait().await;
        tags.invalidate_tags(&["org:3"]).await.unwrap();
        let later = tags.with_tags(&["org:3"]).await.unwrap();
        let loaded = later.get_or_set("loaded", None, || async { Ok::<u64, Infallible>(2) }).await;
        assert_eq!(loaded.unwrap(), 2, "who asks later does not wait for the old load");
        meeting.wait().await;
    };
    let (old, ()) = join(load, invalidation).await;
    assert_eq!(old.unwrap(), 1);
    assert_eq!(view.get("loaded").await.unwrap(), Some(2));
}
