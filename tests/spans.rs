//! Loads are spans of `tracing`. Alone in its process: what is listened to is decided once for all threads.
#![cfg(not(target_arch = "wasm32"))]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use isocache::{CacheAside, LoadOptions, MemoryCacheProvider, Monitor};

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

#[test]
fn loads_are_spans_without_their_keys() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let cache = MemoryCacheProvider::default();
        let monitor = Arc::new(Monitor::new("users::get"));
        let options = || LoadOptions::new().monitor(Arc::clone(&monitor));
        pollster::block_on(cache.get_or_set("a-key", options(), || async { Ok::<u64, Infallible>(1) })).unwrap();
        cache.sync().get_or_set("another-key", options(), || Ok::<u64, Infallible>(1)).unwrap();
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.matches("load{function=\"users::get\" background=false}").count(), 2, "{text}");
    assert!(!text.contains("-key"), "{text}");
}
