//! What a tiered cache tells the facade `metrics`.

use std::time::Duration;

use isocache::{CacheError, CacheProvider, InvalidationChannel, ManualClock, MemoryCacheProvider, TieredCacheProvider};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

#[test]
fn counts_go_to_the_recorder_of_the_process() {
    let recorder = DebuggingRecorder::new();
    let clock = ManualClock::new();
    metrics::with_local_recorder(&recorder, || pollster::block_on(scene(&clock)));
    let all = recorder.snapshotter().snapshot().into_vec();
    let value = |name: &str, label: &str| {
        let found = all.iter().find(|(key, ..)| {
            let labels: Vec<&str> = key.key().labels().map(metrics::Label::value).collect();
            key.key().name() == name && labels.contains(&"users") && (label.is_empty() || labels.contains(&label))
        });
        match found.map(|(.., value)| value) {
            Some(DebugValue::Counter(count)) => vec![f64::from(u32::try_from(*count).unwrap())],
            Some(DebugValue::Gauge(gauge)) => vec![gauge.0],
            Some(DebugValue::Histogram(values)) => values.iter().map(|value| value.0).collect(),
            None => Vec::new(),
        }
    };
    for (name, label, expected) in [
        ("isocache_tier_reads_total", "near", 4.0),
        ("isocache_tier_reads_total", "far", 2.0),
        ("isocache_tier_reads_total", "miss", 1.0),
        ("isocache_tier_invalidations_total", "", 3.0),
        ("isocache_tier_lag_seconds", "", 0.007),
        ("isocache_tier_suspect_seconds", "", 5.0),
        ("isocache_tier_connected", "", 1.0),
    ] {
        assert_eq!(value(name, label), [expected], "{name} {label}");
    }
}

async fn scene(clock: &ManualClock) {
    let (far, channel) = (MemoryCacheProvider::<u64>::default(), InvalidationChannel::new());
    let builder = TieredCacheProvider::builder(far.clone()).invalidations(channel.clone());
    let cache = builder.clock(clock.clone()).name("users").build().unwrap();
    let view = cache.view(far).build().unwrap();
    cache.ready(crate::READY_LIMIT).await.unwrap();
    cache.set("k", 1, HOUR).await.unwrap();
    clock.advance(Duration::from_millis(7));
    channel.keys(["k", "other"]);
    for cache in [&cache, &view] {
        for _ in 0..3 {
            assert_eq!(cache.get("k").await.unwrap(), Some(1));
        }
    }
    assert_eq!(cache.get("nothing").await.unwrap(), None);
    channel.keys(["k"]);
    channel.disconnect(CacheError::Connection("the bus is down".into()));
    clock.advance(Duration::from_secs(5));
    channel.connect();
}
