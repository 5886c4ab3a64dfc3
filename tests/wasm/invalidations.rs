//! Announcements of changed keys over `fetch`: as a stream, and by polling.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use isocache::{CacheError, CacheProvider, HttpCacheProvider, Invalidation, InvalidationSource, Position};
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::wasm_bindgen_test;

use super::servers::{Script, bridge, moment, patient};

/// A provider whose keys are those of one test.
async fn cache() -> HttpCacheProvider<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let bridge = bridge().await;
    let namespace = format!("changes-{}-{}", js_sys::Math::random(), NUMBER.fetch_add(1, Ordering::Relaxed));
    patient(&bridge.url).token(bridge.token).namespace(namespace).build().unwrap()
}

/// What a source has announced, beside heartbeats, while it runs.
#[derive(Clone, Default)]
struct Announced {
    events: Arc<Mutex<Vec<Invalidation>>>,
    stopped: Arc<Mutex<bool>>,
}

impl Announced {
    fn run(source: &impl InvalidationSource, since: Option<Position>) -> Self {
        let announced = Self::default();
        let events = Arc::clone(&announced.events);
        let mut running = source.run(
            since,
            Arc::new(move |event| {
                if !matches!(event, Invalidation::Heartbeat { .. }) {
                    events.lock().unwrap().push(event);
                }
            }),
        );
        let stopped = Arc::clone(&announced.stopped);
        spawn_local(std::future::poll_fn(move |context| {
            if *stopped.lock().unwrap() { std::task::Poll::Ready(()) } else { Pin::new(&mut running).poll(context) }
        }));
        announced
    }

    /// Waits for the next one.
    async fn next(&self) -> Invalidation {
        loop {
            {
                let mut events = self.events.lock().unwrap();
                if !events.is_empty() {
                    return events.remove(0);
                }
            }
            moment().await;
        }
    }

    async fn keys(&self) -> (Vec<String>, Vec<String>) {
        match self.next().await {
            Invalidation::Keys { keys, own, .. } => (keys, own),
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        *self.stopped.lock().unwrap() = true;
    }
}

fn texts(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

#[wasm_bindgen_test]
async fn a_stream_announces_changes_and_whose_they_are() {
    let http = cache().await;
    let (far, source) = http.with_invalidations();
    let announced = Announced::run(&source, None);
    let Invalidation::Connected { resumed: false, position: Some(start), .. } = announced.next().await else {
        panic!()
    };
    far.set("a", "mine".into(), None).await.unwrap();
    assert_eq!(announced.keys().await, (texts(&["a"]), texts(&["a"])));
    http.set("a", "another's".into(), None).await.unwrap();
    assert_eq!(announced.keys().await, (texts(&["a"]), Vec::new()));
    // Another one, from where the first began.
    let again = Announced::run(&source, Some(start));
    assert_eq!(again.keys().await, (texts(&["a"]), Vec::new()));
    let Invalidation::Connected { resumed: true, .. } = again.next().await else { panic!() };
}

#[wasm_bindgen_test]
async fn polling_tells_what_was_missed() {
    let http = cache().await;
    let (far, source) = http.with_invalidations();
    let source = source.polling(Duration::from_millis(10)).unwrap();
    let Ok(Invalidation::Reset { position: Some(start) }) = source.poll(None).await else { panic!() };
    far.set("a", "mine".into(), None).await.unwrap();
    http.set("b", "another's".into(), None).await.unwrap();
    let Ok(Invalidation::Keys { keys, own, .. }) = source.poll(Some(start)).await else { panic!() };
    assert_eq!((keys, own), (texts(&["a", "b"]), texts(&["a"])));
    assert!(source.latest().is_some());
    let announced = Announced::run(&source, None);
    let Invalidation::Connected { resumed: false, .. } = announced.next().await else { panic!() };
    far.set("c", "mine".into(), None).await.unwrap();
    assert_eq!(announced.keys().await, (texts(&["c"]), texts(&["c"])));
}

#[wasm_bindgen_test]
async fn a_server_that_is_no_bridge_says_what_is_needed() {
    let script = Script::new("html");
    let cache = patient::<String>(&script.url).build().unwrap();
    let announced = Announced::run(&cache.invalidations(), None);
    let Invalidation::Disconnected { error } = announced.next().await else { panic!() };
    assert!(matches!(&error, CacheError::Protocol(text) if text.contains("need the bridge")), "{error:?}");
    let error = cache.invalidations().poll(None).await.unwrap_err();
    assert!(matches!(error, CacheError::Protocol(_)), "{error:?}");
}
