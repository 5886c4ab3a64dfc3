//! Invalidation, the rate limiter and sessions over a real server.

use std::time::Duration;

use isocache::{
    CacheInvalidator, CacheProvider, Invalidated, ManualClock, RateLimiter, RedisCacheProvider, SessionStore,
};

use super::patient;
use servers::redis::RedisServer;

#[tokio::test]
async fn invalidation_the_rate_limiter_and_sessions() {
    let server = RedisServer::plain();
    let texts: RedisCacheProvider<String> = patient(&server.url()).namespace("app").build().unwrap();

    for key in ["user:1", "user:2", "user_list:a"] {
        texts.set(key, "x".into(), None).await.unwrap();
    }
    let invalidator = CacheInvalidator::new(texts.clone());
    assert_eq!(invalidator.invalidate_user(1).await, Ok(Invalidated { entries: 1, lists: 1 }));
    assert_eq!(server.cli(&["KEYS", "*"]), "app:user:2");
    assert_eq!(invalidator.invalidate_all_users().await, Ok(Invalidated { entries: 1, lists: 0 }));

    let clock = ManualClock::new();
    clock.set_ms(7_300_000);
    crate::services::windows(&texts.view::<i64>()).await;
    let limiter = RateLimiter::fixed_window(texts.view(), 2, Duration::from_secs(3600)).unwrap().clock(clock);
    assert!(limiter.check("10.0.0.7", "/a").await.unwrap().allowed);
    assert_eq!(server.cli(&["GET", "app:rate:10.0.0.7:/a:3600000:2"]), "1");
    crate::services::bucket_and_users(texts.clone(), texts.view(), texts.clone()).await;

    let sessions = SessionStore::new(texts.clone(), Duration::from_secs(3600)).unwrap();
    let token = sessions.create("Ada".into()).await.unwrap();
    let key = format!("app:session:{}", token.as_str());
    assert_eq!(server.cli(&["GET", &key]), "\"Ada\"");
    server.cli(&["PEXPIRE", &key, "600000"]);
    assert_eq!(sessions.get(token.as_str()).await.unwrap().as_deref(), Some("Ada"));
    assert!(server.cli(&["PTTL", &key]).parse::<u64>().unwrap() > 1_800_000, "it lives on");
    server.cli(&["PEXPIRE", &key, "600000"]);
    assert!(sessions.update(token.as_str(), "Bo".into()).await.unwrap());
    assert!(server.cli(&["PTTL", &key]).parse::<u64>().unwrap() > 1_800_000);
    assert!(sessions.destroy(token.as_str()).await.unwrap());
    assert!(!sessions.update(token.as_str(), "Cy".into()).await.unwrap());
    assert_eq!(sessions.get(token.as_str()).await.unwrap(), None);
    assert_eq!(server.cli(&["EXISTS", &key]), "0");

    server.cli(&["RPUSH", &key, "a list"]);
    let error = sessions.get(token.as_str()).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&token.as_str()[..8]), "{error:?}");
}
