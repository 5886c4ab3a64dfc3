//! What monitors tell: their own counts, and the facade `metrics`.

use std::sync::Arc;
use std::time::Duration;

use isocache::{CacheAside, LoadOptions, ManualClock, MemoryCacheProvider, Monitor};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// A load, a hit, a load that fails, and one that fails before a stale value.
fn calls(monitor: &Arc<Monitor>) {
    let clock = ManualClock::new();
    let cache = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
    let options = LoadOptions::new()
        .ttl(Duration::from_secs(10))
        .stale_if_error(Duration::from_secs(10))
        .monitor(Arc::clone(monitor));
    pollster::block_on(async {
        for (key, works) in [("k", true), ("k", true), ("other", false)] {
            let load = || async move { if works { Ok(1_u64) } else { Err("down") } };
            assert_eq!(cache.get_or_set(key, &options, load).await.is_ok(), works);
        }
        clock.advance(Duration::from_secs(15));
        assert_eq!(cache.get_or_set("k", &options, || async { Err::<u64, _>("down") }).await.unwrap(), 1);
    });
}

#[test]
fn counts_go_to_the_recorder_of_the_process() {
    let recorder = DebuggingRecorder::new();
    let monitor = Arc::new(Monitor::new("users::get"));
    metrics::with_local_recorder(&recorder, || calls(&monitor));
    let counts = recorder.snapshotter().snapshot().into_vec();
    let count = |name: &str, value: &str| {
        counts.iter().find_map(|(key, _, _, count)| {
            let key = key.key();
            let has = |label: &str| key.labels().any(|found| found.value() == label);
            (key.name() == name && has(value) && has("users::get")).then_some(match count {
                DebugValue::Counter(count) => *count,
                DebugValue::Gauge(_) | DebugValue::Histogram(_) => u64::MAX,
            })
        })
    };
    assert_eq!(count("isocache_calls_total", "hit"), Some(1));
    assert_eq!(count("isocache_calls_total", "load"), Some(3));
    assert_eq!(count("isocache_calls_total", "stale"), Some(1));
    assert_eq!(count("isocache_loads_total", "ok"), Some(1));
    assert_eq!(count("isocache_loads_total", "failed"), Some(2));
    let stats = monitor.stats();
    assert_eq!((stats.hits, stats.loads, stats.failures, stats.stale), (1, 3, 2, 1));
}
