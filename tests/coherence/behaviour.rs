//! What a tiered cache does when the store is away, and what it refuses.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use isocache::{
    CacheError, CacheProvider, InvalidationChannel, LinkState, ManualClock, MemoryCacheProvider, ServeSuspect,
    TieredCacheBuilder, TieredCacheProvider,
};

use crate::provider::Remote;

const MINUTE: Option<Duration> = Some(Duration::from_secs(60));
const HEARTBEAT: Duration = Duration::from_secs(10);

struct Scene {
    far: Remote<u64>,
    channel: InvalidationChannel,
    clock: ManualClock,
}

impl Scene {
    fn new() -> Self {
        let clock = ManualClock::new();
        clock.set_ms(1_000_000);
        let store = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
        Self { far: Remote::over(store), channel: InvalidationChannel::with_heartbeat(HEARTBEAT), clock }
    }

    fn builder(&self) -> TieredCacheBuilder<u64, Remote<u64>> {
        let builder = TieredCacheProvider::builder(self.far.clone()).invalidations(self.channel.clone());
        builder.clock(self.clock.clone())
    }

    fn is_away(&self, is: bool) {
        self.far.broken.store(is, Ordering::SeqCst);
    }
}

/// Lets tasks run until something is so.
async fn until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if is() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never: {what}");
}

/// Waits until nothing waits to be sent again.
async fn until_sent(cache: &TieredCacheProvider<u64, Remote<u64>>) {
    let started = std::time::Instant::now();
    while cache.tier_stats().queued_writes > 0 {
        assert!(started.elapsed() < servers::PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_suspect_copies_are_for() {
    for (serves, with_store, without, long_without) in [
        (ServeSuspect::Never, Some(2), None, None),
        (ServeSuspect::IfFarFails, Some(2), Some(2), None),
        (ServeSuspect::Always, Some(1), Some(1), None),
    ] {
        let scene = Scene::new();
        let builder = scene.builder().serve_suspect(serves).serve_suspect_for(Duration::from_secs(30));
        let cache = builder.build().unwrap();
        cache.ready(crate::READY_LIMIT).await.unwrap();
        cache.set("k", 1, Some(Duration::from_secs(3600))).await.unwrap();
        assert_eq!(cache.get("k").await.unwrap(), Some(1));
        // Somebody else writes, and nobody tells.
        scene.far.store.sync().set("k", 2, Some(Duration::from_secs(3600))).unwrap();
        scene.clock.advance(Duration::from_millis(19_999));
        assert_eq!(cache.get("k").await.unwrap(), Some(1), "within the bound");
        scene.channel.disconnect(CacheError::Connection("down".into()));
        assert_eq!(cache.tier_stats().link, LinkState::Disconnected);
        assert_eq!(cache.get("k").await.unwrap(), with_store, "{serves:?}");
        scene.is_away(true);
        assert_eq!(cache.get("k").await.ok().flatten(), without, "{serves:?}");
        scene.clock.advance(Duration::from_secs(31));
        assert_eq!(cache.get("k").await.ok().flatten(), long_without, "{serves:?}");
        scene.is_away(false);
        scene.channel.connect();
        assert_eq!(cache.get("k").await.unwrap(), Some(2));
        assert!(cache.tier_stats().suspect_time >= Duration::from_secs(31), "{:?}", cache.tier_stats());
    }
}

#[tokio::test]
async fn writes_that_failed_are_sent_again_in_order() {
    let scene = Scene::new();
    let unsent = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&unsent);
    let cache = scene
        .builder()
        .retry_writes(3)
        .on_unsent_write(move |error, operation, key| {
            told.lock().unwrap().push(format!("{operation} {key}: {error}"));
        })
        .build()
        .unwrap();
    cache.ready(crate::READY_LIMIT).await.unwrap();
    scene.is_away(true);
    cache.set("a", 1, MINUTE).await.unwrap();
    cache.set("a", 2, MINUTE).await.unwrap();
    assert!(!cache.delete("b").await.unwrap());
    let error = cache.set("c", 3, MINUTE).await.unwrap_err();
    assert!(matches!(error, CacheError::Connection(_)), "the queue is full, so the error is the caller's: {error}");
    assert_eq!(cache.tier_stats().queued_writes, 3);
    scene.far.store.sync().set("b", 9, None).unwrap();
    scene.is_away(false);
    until_sent(&cache).await;
    assert_eq!((cache.get("a").await.unwrap(), cache.get("b").await.unwrap()), (Some(2), None));
    assert!(unsent.lock().unwrap().is_empty() && cache.tier_stats().unsent_writes == 0);
    scene.is_away(true);
    cache.set("a", 4, MINUTE).await.unwrap();
    drop(cache);
    until("the last write is given up", || !unsent.lock().unwrap().is_empty()).await;
    assert!(unsent.lock().unwrap()[0].starts_with("set a: connection failed"), "{unsent:?}");
}

#[tokio::test(start_paused = true)]
async fn writes_of_many_keys_wait_with_the_others() {
    let scene = Scene::new();
    let unsent = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&unsent);
    let builder = scene.builder().retry_writes(6).on_unsent_write(move |_, operation, key| {
        told.lock().unwrap().push(format!("{operation} {key}"));
    });
    let cache = builder.build().unwrap();
    cache.ready(crate::READY_LIMIT).await.unwrap();
    for key in ["old:1", "old:2", "b"] {
        cache.set(key, 1, MINUTE).await.unwrap();
    }
    scene.is_away(true);
    assert_eq!(cache.clear_pattern("old:*").await, Ok(0));
    cache.set_many(vec![("a", 2, MINUTE), ("old:2", 2, Some(Duration::from_secs(1)))]).await.unwrap();
    assert_eq!(cache.delete_many(&["b"]).await, Ok(0));
    assert_eq!(cache.tier_stats().queued_writes, 4, "one for each key");
    assert!(cache.set_many(vec![("c", 3, None), ("d", 3, None), ("e", 3, None)]).await.is_err(), "all or none");
    assert_eq!(cache.tier_stats().queued_writes, 4);
    for error in [cache.set("", 1, None).await, cache.set("k", 1, Some(Duration::ZERO)).await] {
        assert!(matches!(error, Err(CacheError::InvalidArgument { .. })), "{error:?}");
    }
    // Its ttl passes before it can be stored.
    scene.clock.advance(Duration::from_secs(1));
    scene.is_away(false);
    until_sent(&cache).await;
    let found = cache.get_many(&["a", "b", "old:1", "old:2"]).await.unwrap();
    assert_eq!(found, [Some(2), None, None, None]);
    assert_eq!(*unsent.lock().unwrap(), ["set old:2"]);
    scene.is_away(true);
    cache.clear_pattern("a*").await.unwrap();
    drop(cache);
    until("the last write is given up", || unsent.lock().unwrap().len() == 2).await;
    assert_eq!(unsent.lock().unwrap()[1], "clear_pattern a*");
}

#[tokio::test(start_paused = true)]
async fn a_write_does_not_overtake_those_that_wait() {
    let scene = Scene::new();
    let cache = scene.builder().retry_writes(1).build().unwrap();
    cache.ready(crate::READY_LIMIT).await.unwrap();
    scene.is_away(true);
    cache.set("k", 1, MINUTE).await.unwrap();
    scene.is_away(false);
    // The store is there again, but the first write has not been sent.
    assert!(cache.set("k", 2, MINUTE).await.is_err(), "there is no room behind it");
    until_sent(&cache).await;
    assert_eq!(cache.get("k").await, Ok(Some(1)));
    cache.set("k", 2, MINUTE).await.unwrap();
    assert_eq!(cache.get("k").await, Ok(Some(2)));
}

#[tokio::test]
async fn without_a_queue_an_error_is_the_callers() {
    let scene = Scene::new();
    let cache = scene.builder().build().unwrap();
    cache.ready(crate::READY_LIMIT).await.unwrap();
    cache.set("k", 1, MINUTE).await.unwrap();
    scene.is_away(true);
    assert!(cache.set("k", 2, MINUTE).await.is_err() && cache.delete("k").await.is_err());
    assert!(cache.get("k").await.is_err(), "the copy of a write that failed is gone");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let far = MemoryCacheProvider::<u64>::default;
    let refused = |builder: TieredCacheBuilder<u64, MemoryCacheProvider<u64>>| builder.build().unwrap_err().to_string();
    let none = refused(TieredCacheProvider::builder(far()));
    assert!(none.contains("invalidations") && none.contains("without_invalidations"), "{none}");
    let silent = refused(TieredCacheProvider::builder(far()).without_invalidations());
    assert!(silent.contains("near_ttl"), "{silent}");
    let zero = refused(TieredCacheProvider::builder(far()).without_invalidations().near_ttl(Duration::ZERO));
    assert!(zero.contains("near_ttl"), "{zero}");
    let cache = TieredCacheProvider::builder(far()).invalidations(InvalidationChannel::new()).build().unwrap();
    let view = refused(cache.view(far()).invalidations(InvalidationChannel::new()));
    assert!(view.contains("shares"), "{view}");
    let entries =
        refused(TieredCacheProvider::builder(far()).invalidations(InvalidationChannel::new()).near_max_entries(0));
    assert!(entries.contains("max_entries"), "{entries}");
}

#[tokio::test]
async fn a_view_drops_the_copies_of_its_cache() {
    let scene = Scene::new();
    let cache = scene.builder().build().unwrap();
    cache.ready(crate::READY_LIMIT).await.unwrap();
    let view = cache.view(scene.far.clone()).build().unwrap();
    cache.set("k", 1, MINUTE).await.unwrap();
    view.set("k", 2, MINUTE).await.unwrap();
    assert_eq!(cache.get("k").await.unwrap(), Some(2));
    view.clear_pattern("k*").await.unwrap();
    assert_eq!(cache.get("k").await.unwrap(), None);
    assert_eq!(cache.tier_stats().resets, 1, "the first connection");
}

#[tokio::test]
async fn the_lag_is_measured_at_own_writes() {
    let scene = Scene::new();
    let cache = scene.builder().build().unwrap();
    cache.ready(crate::READY_LIMIT).await.unwrap();
    cache.set("k", 1, MINUTE).await.unwrap();
    assert_eq!(cache.tier_stats().lag, None);
    scene.clock.advance(Duration::from_millis(7));
    scene.channel.keys(["other", "k"]);
    assert_eq!(cache.tier_stats().lag, Some(Duration::from_millis(7)));
    assert_eq!(cache.tier_stats().invalidations, 2);
}

#[tokio::test]
async fn a_write_without_a_ttl_is_kept_for_the_default_ttl_of_the_store() {
    let clock = ManualClock::new();
    let second = Duration::from_secs(1);
    let far = MemoryCacheProvider::<u64>::builder().default_ttl(second).clock(clock.clone()).build().unwrap();
    let builder = TieredCacheProvider::builder(far.clone()).invalidations(InvalidationChannel::new());
    let cache = builder.clock(clock.clone()).build().unwrap();
    cache.ready(crate::READY_LIMIT).await.unwrap();
    cache.set("a", 1, None).await.unwrap();
    cache.set_many(vec![("b", 2, None)]).await.unwrap();
    far.clear_pattern("*").await.unwrap();
    clock.advance(Duration::from_millis(999));
    let left = Some(Duration::from_millis(1));
    assert_eq!(cache.get_with_ttl("a").await, Ok(Some((1, left))), "a copy");
    assert_eq!(cache.get_with_ttl("b").await, Ok(Some((2, left))));
    clock.advance(Duration::from_millis(1));
    assert_eq!(cache.get_many(&["a", "b"]).await, Ok(vec![None, None]));
}

#[tokio::test]
async fn waiting_for_the_source_has_a_limit_and_says_why() {
    // Nothing listens on the port.
    let http = isocache::HttpCacheProvider::<u64>::builder("http://127.0.0.1:1").retries(0);
    let http = http.timeout(crate::READY_LIMIT).build().unwrap();
    for is_polled in [false, true] {
        let (far, mut changes) = http.clone().with_invalidations();
        if is_polled {
            changes = changes.polling(Duration::from_secs(1)).unwrap();
        }
        let cache = TieredCacheProvider::builder(far).invalidations(changes).build().unwrap();
        let mut limit = Duration::from_millis(20);
        let error = loop {
            // The attempt itself may take longer than the limit on a busy machine.
            let error = cache.ready(limit).await.unwrap_err().to_string();
            if error.contains("the last attempt") {
                break error;
            }
            limit *= 2;
            assert!(limit < crate::READY_LIMIT, "{error}");
        };
        assert!(error.starts_with("timed out: changed keys were not announced within "), "{error}");
        assert!(error.contains("connection failed"), "{error}");
    }
}

/// A far provider whose value and ttl are read one after the other, with a write in between.
#[derive(Clone)]
struct TwoSteps {
    store: MemoryCacheProvider<u64>,
    channel: InvalidationChannel,
    is_ttl_first: bool,
    /// Carried out once.
    between: Arc<Mutex<Option<isocache::WithTtl<u64>>>>,
}

impl CacheProvider<u64> for TwoSteps {
    async fn get(&self, key: &str) -> isocache::Result<Option<u64>> {
        self.store.get(key).await
    }

    async fn set(&self, key: &str, value: u64, ttl: Option<Duration>) -> isocache::Result<()> {
        self.store.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> isocache::Result<bool> {
        self.store.delete(key).await
    }

    async fn exists(&self, key: &str) -> isocache::Result<bool> {
        self.store.exists(key).await
    }

    async fn clear_pattern(&self, pattern: &str) -> isocache::Result<u64> {
        self.store.clear_pattern(pattern).await
    }

    async fn get_stats(&self) -> isocache::Result<isocache::CacheStats> {
        self.store.get_stats().await
    }

    async fn get_with_ttl(&self, key: &str) -> isocache::Result<Option<isocache::WithTtl<u64>>> {
        let first = self.store.get_with_ttl(key).await?;
        if let Some((value, ttl)) = self.between.lock().unwrap().take() {
            self.store.sync().set(key, value, ttl)?;
            self.channel.keys([key]);
        }
        let second = self.store.get_with_ttl(key).await?;
        let (of_value, of_ttl) = if self.is_ttl_first { (second, first) } else { (first, second) };
        Ok(of_value.zip(of_ttl).map(|((value, _), (_, ttl))| (value, ttl)))
    }
}

/// As Redis is read: `GET` and `PTTL` without a transaction.
#[tokio::test]
async fn a_value_with_the_ttl_of_another_is_not_kept() {
    for is_ttl_first in [false, true] {
        let clock = ManualClock::new();
        let store = MemoryCacheProvider::<u64>::builder().clock(clock.clone()).build().unwrap();
        let channel = InvalidationChannel::new();
        store.set("k", 1, MINUTE).await.unwrap();
        let between = Arc::new(Mutex::new(Some((2, Some(Duration::from_secs(1))))));
        let far = TwoSteps { store, channel: channel.clone(), is_ttl_first, between };
        let builder = TieredCacheProvider::builder(far).invalidations(channel);
        let cache = builder.clock(clock.clone()).build().unwrap();
        cache.ready(crate::READY_LIMIT).await.unwrap();
        let first = cache.get("k").await.unwrap();
        assert_eq!(first, Some(if is_ttl_first { 2 } else { 1 }), "the reader gets what it has read");
        assert_eq!(cache.get("k").await.unwrap(), Some(2));
        assert_eq!((cache.tier_stats().far_hits, cache.tier_stats().near_hits), (2, 0), "the first was not kept");
        assert_eq!(cache.get("k").await.unwrap(), Some(2));
        assert_eq!(cache.tier_stats().near_hits, 1);
        clock.advance(Duration::from_secs(1));
        assert_eq!(cache.get("k").await.unwrap(), None, "it has its own ttl");
    }
}

#[tokio::test]
async fn a_read_does_not_get_from_an_earlier_one_what_had_expired_before_it_began() {
    let scene = Scene::new();
    let cache = scene.builder().build().unwrap();
    cache.ready(crate::READY_LIMIT).await.unwrap();
    scene.far.store.sync().set("k", 1, Some(Duration::from_secs(1))).unwrap();
    let read = || {
        tokio::spawn({
            let cache = cache.clone();
            async move { cache.get("k").await }
        })
    };
    scene.far.barrier.hold(Some(crate::provider::Kind::Read));
    let first = read();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    scene.clock.advance(Duration::from_millis(999));
    let joined = read();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    // It expires. Nobody announces it before somebody looks.
    scene.clock.advance(Duration::from_millis(1));
    let late = read();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    scene.far.barrier.hold(None);
    assert_eq!((first.await.unwrap(), joined.await.unwrap()), (Ok(Some(1)), Ok(Some(1))));
    assert_eq!(late.await.unwrap(), Ok(None));
}
