//! Statistics: hits and misses are the lookups of callers. Tags, limiters and sessions in the same provider look up without
//! being counted.

use std::time::Duration;

use bytes::Bytes;
use isocache::{CacheProvider, JsonSerializer, MemoryCacheProvider, RateLimiter, SessionStore, Tagged, Typed};
use pollster::block_on;
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

type New = fn(MemoryCacheProvider<i64>, u64, Duration) -> isocache::Result<RateLimiter<MemoryCacheProvider<i64>>>;

async fn lookups<T: isocache::MaybeSend>(provider: &impl CacheProvider<T>) -> (u64, u64) {
    let stats = provider.get_stats().await.unwrap();
    (stats.hits, stats.misses)
}

#[test]
fn four_reads_of_one_user_under_a_limiter_are_four_hits() {
    block_on(async {
        let made: [New; 3] = [RateLimiter::fixed_window, RateLimiter::sliding_window, RateLimiter::token_bucket];
        for new in made {
            let store = MemoryCacheProvider::<i64>::default();
            let limiter = new(store.clone(), 100, MINUTE).unwrap();
            store.set("user:1", 42, None).await.unwrap();
            for _ in 0..4 {
                assert!(limiter.check("10.0.0.7", "/users").await.unwrap().allowed);
                limiter.peek("10.0.0.7", "/users").await.unwrap();
                assert_eq!(store.get("user:1").await, Ok(Some(42)));
            }
            limiter.reset("10.0.0.7", "/users").await.unwrap();
            assert_eq!(lookups(&store).await, (4, 0));
        }
    });
}

#[test]
fn the_lookups_of_tags_are_not_counted() {
    block_on(async {
        let bytes = MemoryCacheProvider::<Bytes>::default();
        let entries = Typed::<_, JsonSerializer, _>::new(bytes.clone());
        let counters = Typed::<i64, JsonSerializer, _>::new(bytes.clone());
        let tagged = Tagged::new(entries, counters.clone());
        let view = tagged.with_tags(&["org:7", "people"]).await.unwrap();
        view.set("user:1", "Ada".to_string(), None).await.unwrap();
        assert_eq!(CacheProvider::<String>::get(&view, "user:1").await.unwrap().as_deref(), Some("Ada"));
        let many = CacheProvider::<String>::get_many(&view, &["user:1", "user:2"]).await.unwrap();
        assert_eq!(many, [Some("Ada".to_string()), None]);
        assert_eq!(CacheProvider::<String>::exists(&view, "user:1").await, Ok(true));
        assert_eq!(CacheProvider::<String>::exists(&view, "user:2").await, Ok(false));
        tagged.invalidate_tags::<String>(&["people"]).await.unwrap();
        assert_eq!(CacheProvider::<String>::exists(&view, "user:1").await, Ok(false));
        assert_eq!(lookups(&bytes).await, (2, 1));

        // The tags of tags: the generations are themselves entries with a tag.
        let generations = Tagged::new(Typed::<_, JsonSerializer, _>::new(bytes.clone()), counters.clone());
        let generations = generations.with_tags(&["all"]).await.unwrap();
        CacheProvider::<i64>::set(&generations, "tag:a", 7, None).await.unwrap();
        let loading: &dyn isocache::Loading<i64> = generations.loading().unwrap();
        assert_eq!(loading.read_many(&["tag:a", "tag:b"]).unwrap().await, Ok(vec![Some(7), None]));
        assert_eq!(lookups(&bytes).await, (2, 1));
    });
}

#[test]
fn the_lookups_of_sessions_are_not_counted() {
    block_on(async {
        let values = MemoryCacheProvider::<Value>::default();
        let (tokens, counters) = (MemoryCacheProvider::default(), MemoryCacheProvider::<i64>::default());
        let sessions = SessionStore::new(values.clone(), MINUTE).unwrap().absolute_limit(60 * MINUTE).unwrap();
        let sessions = sessions.users(tokens.clone(), counters.clone());
        let token = sessions.create_for(7, json!(1)).await.unwrap();
        let token = sessions.rotate(token.as_str()).await.unwrap().unwrap();
        assert_eq!(sessions.get(token.as_str()).await, Ok(Some(json!(1))));
        assert_eq!(sessions.all(7).await.unwrap().len(), 1);
        assert_eq!(sessions.destroy_all(7).await, Ok(1));
        assert_eq!(lookups(&values).await, (0, 0));
        assert_eq!(lookups(&tokens).await, (0, 0));
        assert_eq!(lookups(&counters).await, (0, 0));
    });
}
