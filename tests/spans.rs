//! Loads, and operations of tiers, are spans of `tracing`. Alone in its process: what is listened to is decided once for all threads.
#![cfg(not(target_arch = "wasm32"))]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use isocache::{
    CacheAside, CacheProvider, InvalidationChannel, LoadOptions, MemoryCacheProvider, Monitor, TieredCacheProvider,
};

/// Where lines go.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is written of the spans of `act`.
fn spans_of(act: impl FnOnce()) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, act);
    String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
}

#[test]
fn loads_are_spans_without_their_keys() {
    let text = spans_of(|| {
        let cache = MemoryCacheProvider::default();
        let monitor = Arc::new(Monitor::new("users::get"));
        let options = || LoadOptions::new().monitor(Arc::clone(&monitor));
        pollster::block_on(cache.get_or_set("a-key", options(), || async { Ok::<u64, Infallible>(1) })).unwrap();
        cache.sync().get_or_set("another-key", options(), || Ok::<u64, Infallible>(1)).unwrap();
    });
    assert_eq!(text.matches("load{function=\"users::get\" background=false}").count(), 2, "{text}");
    assert!(!text.contains("-key"), "{text}");
}

#[test]
fn operations_of_tiers_are_spans_without_their_keys() {
    let text = spans_of(|| {
        pollster::block_on(async {
            let far = MemoryCacheProvider::<u64>::default();
            let builder = TieredCacheProvider::builder(far).invalidations(InvalidationChannel::new());
            let cache = builder.name("users").build().unwrap();
            cache.ready(std::time::Duration::from_secs(300)).await.unwrap();
            assert_eq!(cache.get("a-key").await, Ok(None));
            cache.far().set("a-key", 1, None).await.unwrap();
            for _ in 0..2 {
                assert_eq!(cache.get("a-key").await, Ok(Some(1)));
            }
            assert_eq!(cache.get_many(&["a-key", "b-key"]).await, Ok(vec![Some(1), None]));
            cache.set("a-key", 2, None).await.unwrap();
            cache.set_many(vec![("a-key", 3, None), ("b-key", 3, None)]).await.unwrap();
            cache.delete("a-key").await.unwrap();
            cache.clear_pattern("*-key").await.unwrap();
            cache.get_or_set("c-key", None, || async { Ok::<u64, Infallible>(1) }).await.unwrap();
        });
    });
    let spans: Vec<&str> =
        text.lines().filter_map(|line| line.split("DEBUG ").nth(1)?.split(": isocache").next()).collect();
    let name = "cache.name=\"users\"";
    for (span, count) in [
        (format!("cache.get{{{name} cache.hit=false cache.tier=\"far\"}}"), 2),
        (format!("cache.get{{{name} cache.hit=true cache.tier=\"far\"}}"), 1),
        (format!("cache.get{{{name} cache.hit=true cache.tier=\"near\"}}"), 1),
        (format!("cache.get{{{name} cache.keys=2 cache.hit=false cache.tier=\"far\"}}"), 1),
        (format!("cache.put{{{name}}}"), 1),
        (format!("cache.put{{{name} cache.keys=2}}"), 1),
        (format!("cache.remove{{{name}}}"), 1),
        (format!("cache.flush{{{name}}}"), 1),
    ] {
        assert_eq!(spans.iter().filter(|other| **other == span).count(), count, "{span}\n{text}");
    }
    assert!(!text.contains("-key"), "{text}");
}
