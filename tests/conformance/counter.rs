//! What every provider that counts keeps.

use std::time::Duration;

use isocache::{CacheError, CacheProvider, CounterProvider, ManualClock};

/// Counts with one provider of numbers, whose store follows `clock`.
pub async fn counters<P: CounterProvider + CacheProvider<i64>>(provider: &P, clock: &ManualClock) {
    let second = Some(Duration::from_secs(1));
    assert_eq!(provider.increment("a", 1, second).await.unwrap(), 1);
    clock.advance(Duration::from_millis(999));
    assert_eq!(provider.increment("a", 41, Some(Duration::from_secs(60))).await.unwrap(), 42);
    let (value, left) = provider.get_with_ttl("a").await.unwrap().unwrap();
    assert_eq!((value, left), (42, Some(Duration::from_millis(1))), "a later ttl changes nothing");
    // A store may let it live through the millisecond in which its life ends.
    clock.advance(Duration::from_millis(2));
    assert_eq!(provider.increment("a", -3, None).await.unwrap(), -3, "it begins again");
    assert_eq!(provider.get_with_ttl("a").await.unwrap(), Some((-3, None)));

    provider.set("b", i64::MAX - 1, None).await.unwrap();
    assert_eq!(provider.increment("b", 1, None).await.unwrap(), i64::MAX);
    let beyond = provider.increment("b", 1, None).await.unwrap_err();
    assert!(
        matches!(&beyond, CacheError::InvalidArgument { argument: "by", reason } if reason.contains("\"b\"")),
        "{beyond}"
    );
    assert_eq!(provider.get("b").await.unwrap(), Some(i64::MAX));
    provider.set("b", i64::MIN, second).await.unwrap();
    assert!(provider.increment("b", -1, None).await.is_err());

    let before = provider.get_stats().await.unwrap();
    provider.increment("c", 1, None).await.unwrap();
    let after = provider.get_stats().await.unwrap();
    assert_eq!((after.hits, after.misses, after.sets), (before.hits, before.misses, before.sets + 1));

    assert!(matches!(provider.increment("", 1, None).await, Err(CacheError::InvalidArgument { argument: "key", .. })));
    let zero = provider.increment("d", 1, Some(Duration::ZERO)).await;
    assert!(matches!(zero, Err(CacheError::InvalidArgument { argument: "ttl", .. })), "{zero:?}");
    assert!(!provider.exists("d").await.unwrap());
}
