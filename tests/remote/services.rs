//! What is built on providers, over a store that is far away.

use std::time::Duration;

use isocache::{AtomicProvider, CacheProvider, CounterProvider, ManualClock, RateLimiter, SessionStore, TouchProvider};

type New<P> = fn(P, u64, Duration) -> isocache::Result<RateLimiter<P>>;

/// Fixed and sliding windows of two processes, over one store, with a hundred callers at once.
pub async fn windows<P: CacheProvider<i64> + CounterProvider + Clone>(numbers: &P) {
    let clock = ManualClock::new();
    clock.set_ms(60_000);
    let kinds: [(&str, New<P>); 2] = [("fixed", RateLimiter::fixed_window), ("sliding", RateLimiter::sliding_window)];
    for (name, new) in kinds {
        for limit in [1, 10, 70] {
            let limiters =
                [(); 2].map(|()| new(numbers.clone(), limit, Duration::from_secs(3600)).unwrap().clock(clock.clone()));
            let endpoint = format!("/{name}/{limit}");
            let checks = (0..100).map(|at: usize| limiters[at % 2].check("10.0.0.7", &*endpoint));
            let checks = futures_util::future::join_all(checks).await;
            let allowed = checks.into_iter().filter(|check| check.as_ref().unwrap().allowed).count();
            assert_eq!(allowed as u64, limit, "{endpoint}");
            assert_eq!(limiters[0].peek("10.0.0.7", &*endpoint).await.unwrap().remaining, 0, "{endpoint}");
            assert_eq!(limiters[1].reset("10.0.0.7", &*endpoint).await, Ok(true));
            assert_eq!(limiters[0].peek("10.0.0.7", &*endpoint).await.unwrap().remaining, limit, "{endpoint}");
        }
    }
}

/// A token bucket and sessions of users, over one store.
pub async fn bucket_and_users<P, I, C>(texts: P, numbers: I, counters: C)
where
    P: CacheProvider<String> + TouchProvider<String> + AtomicProvider<String> + Clone + 'static,
    I: CacheProvider<i64> + CounterProvider + Clone + 'static,
    C: CounterProvider + 'static,
{
    let clock = ManualClock::new();
    clock.set_ms(60_000);
    // Two processes with the same store.
    let window = Duration::from_secs(1000);
    let limiters =
        [(); 2].map(|()| RateLimiter::token_bucket(numbers.clone(), 20, window).unwrap().clock(clock.clone()));
    let together = async || {
        let checks = limiters.iter().flat_map(|limiter| (0..40).map(|_| limiter.check("10.0.0.7", "/bucket")));
        let checks = futures_util::future::join_all(checks).await;
        checks.into_iter().filter(|check| check.as_ref().unwrap().allowed).count()
    };
    assert_eq!(together().await, 20);
    clock.advance(Duration::from_secs(100));
    assert_eq!(together().await, 2);
    assert_eq!(limiters[0].peek("10.0.0.7", "/bucket").await.unwrap().remaining, 0);
    assert_eq!(limiters[1].reset("10.0.0.7", "/bucket").await, Ok(true));
    assert_eq!(together().await, 20);
    let lookups = numbers.get_stats().await.unwrap();
    let before = lookups.hits + lookups.misses;

    let sessions = SessionStore::new(texts.clone(), Duration::from_secs(3600)).unwrap();
    let sessions = sessions.absolute_limit(Duration::from_secs(36_000)).unwrap().users(texts, counters);
    let laptop = sessions.create_for("ada", "laptop".into()).await.unwrap();
    let phone = sessions.create_for("ada", "phone".into()).await.unwrap();
    let rotations = futures_util::future::join_all((0..5).map(|_| sessions.rotate(phone.as_str()))).await;
    assert_eq!(rotations.into_iter().filter(|rotated| rotated.as_ref().unwrap().is_some()).count(), 1);
    assert_eq!(sessions.get(phone.as_str()).await, Ok(None));
    assert_eq!(sessions.get(laptop.as_str()).await.unwrap().as_deref(), Some("laptop"));
    let mut values: Vec<String> = sessions.all("ada").await.unwrap().into_iter().map(|one| one.value).collect();
    values.sort();
    assert_eq!(values, ["laptop", "phone"]);
    assert_eq!(sessions.destroy_all("ada").await, Ok(2));
    assert_eq!(sessions.get(laptop.as_str()).await, Ok(None));
    let lookups = numbers.get_stats().await.unwrap();
    assert_eq!(lookups.hits + lookups.misses, before, "they share the statistics, which count no lookup of sessions");
}
