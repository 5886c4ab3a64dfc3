//! Invalidation, the rate limiter and sessions through the bridge.

use std::time::Duration;

use isocache::{CacheInvalidator, CacheProvider, HttpCacheProvider, Invalidated, ManualClock, SessionStore};

use super::patient;
use super::serving::{TOKEN, memory_bridge, redis_bridge};
use servers::redis::RedisServer;

#[tokio::test]
async fn invalidation_the_rate_limiter_and_sessions() {
    let clock = ManualClock::new();
    clock.set_ms(60_000);
    let server = RedisServer::plain();
    for url in [memory_bridge(&clock).await, redis_bridge(&server.url()).await] {
        let texts: HttpCacheProvider<String> = patient(&url).token(TOKEN).namespace("app").build().unwrap();

        for key in ["user:1", "user:2", "user_list:a"] {
            texts.set(key, "x".into(), None).await.unwrap();
        }
        let invalidator = CacheInvalidator::new(texts.clone());
        assert_eq!(invalidator.invalidate_user(1).await, Ok(Invalidated { entries: 1, lists: 1 }));
        assert_eq!(invalidator.invalidate_all_users().await, Ok(Invalidated { entries: 1, lists: 0 }));

        crate::services::windows(&texts.view::<i64>()).await;
        crate::services::bucket_and_users(texts.clone(), texts.view(), texts.clone()).await;

        let sessions = SessionStore::new(texts.clone(), Duration::from_secs(3600)).unwrap();
        let token = sessions.create("Ada".into()).await.unwrap();
        let key = format!("session:{}", token.as_str());
        texts.set(&key, "Ada".into(), Some(Duration::from_secs(600))).await.unwrap();
        assert_eq!(sessions.get(token.as_str()).await.unwrap().as_deref(), Some("Ada"));
        let (_, left) = texts.get_with_ttl(&key).await.unwrap().unwrap();
        assert!(left.unwrap() > Duration::from_secs(1800), "it lives on: {left:?}");
        assert!(sessions.update(token.as_str(), "Bo".into()).await.unwrap());
        assert_eq!(sessions.get(token.as_str()).await.unwrap().as_deref(), Some("Bo"));
        assert!(sessions.destroy(token.as_str()).await.unwrap());
        assert!(!sessions.update(token.as_str(), "Cy".into()).await.unwrap());
        assert_eq!(sessions.get(token.as_str()).await.unwrap(), None);
    }
}
