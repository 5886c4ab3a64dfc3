//! The announcements of a bridge as a program sees them: a stream, and what follows its faults.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use isocache::{
    CacheError, CacheProvider, CounterProvider, HttpCacheBuilder, HttpCacheProvider, HttpInvalidations, Invalidation,
    InvalidationSource, Position, UnixClock,
};
use isocache_bridge::store::Store;
use isocache_bridge::store::memory::{MemoryStore, MemoryStoreOptions};
use servers::proxy::Proxy;
use servers::redis::RedisServer;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use super::scripted::{Act, Scripted, error};
use super::serving::{Announcing, Killable, TOKEN, bridge};
use super::{bounded, patient};

/// An embedded store of this test alone.
fn embedded() -> Store {
    Store::Memory(MemoryStore::new(MemoryStoreOptions::default()).unwrap())
}

pub async fn memory_bridge() -> String {
    bridge(embedded(), UnixClock).await
}

pub fn client(url: &str) -> HttpCacheBuilder<String> {
    patient(url).token(TOKEN)
}

/// Whether an error is the right one.
type Fits = fn(&CacheError) -> bool;

/// A source that runs, and what it announces.
pub struct Running {
    events: UnboundedReceiver<Invalidation>,
    task: JoinHandle<()>,
}

impl Running {
    pub fn start(source: &HttpInvalidations, since: Option<Position>) -> Self {
        let (sender, events) = unbounded_channel();
        let announce = Arc::new(move |event| drop(sender.send(event)));
        Self { events, task: tokio::spawn(source.run(since, announce)) }
    }

    pub async fn next(&mut self) -> Invalidation {
        bounded(self.events.recv()).await.expect("it never ends by itself")
    }

    /// The next announcement that is neither a heartbeat nor a lost connection.
    async fn change(&mut self) -> Invalidation {
        loop {
            let event = self.next().await;
            if !matches!(event, Invalidation::Heartbeat { .. } | Invalidation::Disconnected { .. }) {
                return event;
            }
        }
    }

    /// Waits until it is connected. Returns whether everything since the last time was announced.
    async fn connected(&mut self) -> bool {
        loop {
            if let Invalidation::Connected { resumed, .. } = self.next().await {
                return resumed;
            }
        }
    }

    async fn disconnected(&mut self) -> CacheError {
        loop {
            if let Invalidation::Disconnected { error } = self.next().await {
                return error;
            }
        }
    }

    /// The keys of the next announcements up to one of them, each with whether it is an own change.
    pub async fn keys_until(&mut self, last: &str) -> Vec<(String, bool)> {
        let mut all: Vec<(String, bool)> = Vec::new();
        while !all.iter().any(|(key, _)| key == last) {
            match self.change().await {
                Invalidation::Keys { keys, own, .. } => {
                    all.extend(keys.into_iter().map(|key| (key.clone(), own.contains(&key))));
                }
                // It may have been slow, and connected again.
                Invalidation::Connected { resumed: true, .. } => {}
                other => panic!("{other:?}"),
            }
        }
        all.sort_unstable();
        all
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn changes_of_the_namespace_are_announced() {
    let url = memory_bridge().await;
    let shop = client(&url).namespace("shop").build().unwrap();
    let other = client(&url).build().unwrap();
    let mut running = Running::start(&shop.invalidations(), None);
    let Invalidation::Connected { position: Some(_), resumed: false, heartbeat, .. } = running.next().await else {
        panic!()
    };
    assert_eq!(heartbeat, Duration::from_secs(10));
    other.set("elsewhere", "x".into(), None).await.unwrap();
    other.set("shop:a", "x".into(), None).await.unwrap();
    assert_eq!(running.keys_until("a").await, [("a".to_owned(), false)]);
    shop.set("b", "x".into(), None).await.unwrap();
    assert_eq!(running.keys_until("b").await, [("b".to_owned(), false)], "this source does not ask whose they are");
    assert_eq!(shop.clear_pattern("*").await, Ok(2));
    running.keys_until("b").await;
}

#[tokio::test]
async fn own_changes_are_told_from_those_of_others() {
    let url = memory_bridge().await;
    let http = client(&url).namespace("shop").build().unwrap();
    let (far, source) = http.with_invalidations();
    let mut running = Running::start(&source, None);
    assert!(!running.connected().await);
    let key = |key: &str, own| (key.to_owned(), own);
    far.set("a", "mine".into(), None).await.unwrap();
    assert_eq!(running.keys_until("a").await, [key("a", true)]);
    http.set("a", "another's".into(), None).await.unwrap();
    assert_eq!(running.keys_until("a").await, [key("a", false)], "the provider that it was made from is another");
    far.view::<i64>().increment("n", 1, Some(Duration::from_secs(60))).await.unwrap();
    assert_eq!(running.keys_until("n").await, [key("n", true)], "a view is the same, and so is a transaction");
    assert_eq!(far.delete("a").await, Ok(true));
    assert_eq!(running.keys_until("a").await, [key("a", true)]);
}

#[tokio::test]
async fn after_a_write_of_unknown_outcome_nothing_is_own_until_the_name_has_changed() {
    let url = memory_bridge().await;
    let proxy = Proxy::start(url.rsplit(':').next().unwrap().parse().unwrap());
    let http =
        client(&format!("http://127.0.0.1:{}", proxy.port)).retries(0).breaker(0, Duration::ZERO).build().unwrap();
    let (far, source) = http.with_invalidations();
    let mut running = Running::start(&source, None);
    running.connected().await;
    far.set("a", "1".into(), None).await.unwrap();
    assert_eq!(running.keys_until("a").await, [("a".to_owned(), true)]);
    // The response is lost, and whether the write will be carried out is not known.
    proxy.lose_replies();
    proxy.cut();
    far.set("a", "2".into(), None).await.unwrap_err();
    proxy.pass();
    running.disconnected().await;
    assert!(running.connected().await, "the stream goes on under the new name");
    far.set("b", "3".into(), None).await.unwrap();
    let keys = running.keys_until("b").await;
    assert!(keys.contains(&("b".to_owned(), true)), "{keys:?}");
    assert!(!keys.contains(&("a".to_owned(), true)), "{keys:?}");
}

#[tokio::test]
async fn a_stream_that_breaks_goes_on_where_it_was() {
    let url = memory_bridge().await;
    let proxy = Proxy::start(url.rsplit(':').next().unwrap().parse().unwrap());
    let writer = client(&url).build().unwrap();
    let reader = client(&format!("http://127.0.0.1:{}", proxy.port)).build().unwrap();
    let mut running = Running::start(&reader.invalidations(), None);
    assert!(!running.connected().await);
    for (round, cut) in [Proxy::cut, Proxy::reset].into_iter().enumerate() {
        writer.set("before", "x".into(), None).await.unwrap();
        running.keys_until("before").await;
        cut(&proxy);
        proxy.refuse();
        let error = running.disconnected().await;
        assert!(matches!(error, CacheError::Connection(_)), "{error:?}");
        let missed = format!("missed-{round}");
        writer.set(&missed, "x".into(), None).await.unwrap();
        // It keeps trying.
        running.disconnected().await;
        proxy.pass();
        // What was missed comes before the news that the stream is complete again.
        assert_eq!(running.keys_until(&missed).await, [(missed, false)]);
        let Invalidation::Connected { resumed: true, position, .. } = running.change().await else { panic!() };
        assert!(position.is_some());
    }
    // Nothing was missed: it is connected all the same, at once.
    proxy.cut();
    running.disconnected().await;
    assert!(running.connected().await);
}

#[tokio::test]
async fn a_position_of_another_bridge_is_a_reset() {
    let url = memory_bridge().await;
    let cache = client(&url).build().unwrap();
    let elsewhere = Position { epoch: 7, sequence: 3 };
    let mut running = Running::start(&cache.invalidations(), Some(elsewhere));
    let Invalidation::Reset { position: Some(position) } = running.next().await else { panic!() };
    assert_ne!(position.epoch, 7);
    let Invalidation::Connected { resumed: false, .. } = running.next().await else { panic!() };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_was_restarted_resets_its_readers() {
    let redis = RedisServer::plain();
    // No pause of the machine ends the stream.
    let mut bridge = Killable::start(&redis.url(), Duration::from_secs(3600));
    let cache = client(&bridge.url()).build().unwrap();
    let mut running = Running::start(&cache.invalidations(), None);
    assert!(!running.connected().await);
    redis.cli(&["SET", "a", "x"]);
    running.keys_until("a").await;
    bridge.kill();
    running.disconnected().await;
    redis.cli(&["SET", "b", "x"]);
    bridge.restart();
    let Invalidation::Reset { .. } = running.change().await else { panic!() };
    let Invalidation::Connected { resumed: false, .. } = running.change().await else { panic!() };
    redis.cli(&["SET", "c", "x"]);
    running.keys_until("c").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_connection_is_noticed_and_replaced() {
    let bridge = Announcing::start(embedded(), Duration::from_millis(100)).await;
    let proxy = Proxy::start(bridge.port());
    let reader =
        client(&format!("http://127.0.0.1:{}", proxy.port)).timeout(Duration::from_millis(500)).build().unwrap();
    let writer = client(&bridge.url).build().unwrap();
    let mut running = Running::start(&reader.invalidations(), None);
    assert!(!running.connected().await);
    proxy.swallow();
    let error = running.disconnected().await;
    assert!(error.to_string().contains("silent for more than two heartbeats"), "{error}");
    writer.set("a", "x".into(), None).await.unwrap();
    // On a busy machine, the stream may have been silent once before.
    let error = loop {
        let error = running.disconnected().await;
        if !error.to_string().contains("silent") {
            break error;
        }
    };
    assert!(matches!(error, CacheError::Timeout(_)), "{error:?}");
    proxy.pass();
    running.keys_until("a").await;
    assert!(running.connected().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_are_told() {
    // A machine on which a thousand streams are slow shall not take them for silent.
    let bridge = Announcing::start(embedded(), Duration::from_secs(60)).await;
    let cache = client(&bridge.url).namespace("shop").build().unwrap();
    let source = cache.invalidations();
    let mut all: Vec<Running> = (0..1000).map(|_| Running::start(&source, None)).collect();
    join_all(all.iter_mut().map(Running::connected)).await;
    cache.set("k", "x".into(), None).await.unwrap();
    join_all(all.iter_mut().map(|running| running.keys_until("k"))).await;
}

#[tokio::test]
async fn a_silent_stream_is_given_up_after_two_heartbeats() {
    let hello = "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\nid: 0000000000000abc-7\nevent: hello\n\
                 data: {\"heartbeat\":20}\n\n: a comment is no heartbeat\n\n";
    let server = Scripted::start([Act::Stall(hello)]).await;
    let cache = client(&server.url).build().unwrap();
    let mut running = Running::start(&cache.invalidations(), None);
    let Invalidation::Connected { position, resumed: false, heartbeat, .. } = running.next().await else { panic!() };
    assert_eq!((position, heartbeat), (Some("0000000000000abc-7".parse().unwrap()), Duration::from_millis(20)));
    let error = running.disconnected().await;
    assert!(error.to_string().contains("silent for more than two heartbeats"), "{error}");
    // It asks for what came after the position, on a new connection.
    let error = running.disconnected().await;
    assert!(error.to_string().contains("silent"), "{error}");
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /invalidations HTTP"), "{requests:?}");
    assert!(requests[1].starts_with("GET /invalidations?since=0000000000000abc-7 HTTP"), "{requests:?}");
    assert!(requests[1].to_lowercase().contains("accept: text/event-stream"), "{requests:?}");
    assert!(requests[1].contains(&format!("Bearer {TOKEN}")), "{requests:?}");
}

#[tokio::test]
async fn a_connection_that_never_answers_is_given_up() {
    let server = Scripted::start([Act::Stall("")]).await;
    let cache = client(&server.url).timeout(Duration::from_millis(50)).build().unwrap();
    let mut running = Running::start(&cache.invalidations(), None);
    let error = running.disconnected().await;
    assert!(matches!(error, CacheError::Timeout(_)), "{error:?}");
    let error = cache.invalidations().poll(None).await.unwrap_err();
    assert!(matches!(error, CacheError::Timeout(_)), "{error:?}");
}

#[tokio::test]
async fn failures_say_what_to_do() {
    let html = Act::Answer(404, "", "<html>not here</html>".into());
    let foreign: Fits = |error| matches!(error, CacheError::Protocol(text) if text.contains("need the bridge") && text.contains("near_ttl"));
    let cases: Vec<(Act, Fits)> = vec![
        (error(401, "", "WRONGPASS invalid or missing auth token"), |error| matches!(error, CacheError::Refused(_))),
        (
            error(403, "", "NOPERM this token may not read"),
            |error| matches!(error, CacheError::Refused(text) if text.contains("may not read")),
        ),
        (
            error(503, "retry-after: 0\r\n", "ERR the store does not announce changed keys at present"),
            |error| matches!(error, CacheError::Unavailable(text) if text.contains("at present")),
        ),
        (error(429, "retry-after: 0\r\n", "ERR too many subscriptions"), |error| {
            matches!(error, CacheError::Unavailable(_))
        }),
        (Act::Answer(502, "", "<html>".into()), |error| matches!(error, CacheError::Unavailable(_))),
        (html, foreign),
        (error(405, "", "ERR method"), foreign),
        (error(400, "", "ERR unknown command 'invalidations', with args beginning with: "), foreign),
        (error(400, "", "ERR refused by the bridge: unknown command 'invalidations'"), foreign),
        (Act::Answer(200, "content-type: text/html\r\n", "<html>".into()), foreign),
        (Act::Answer(200, "content-type: text/plain\r\n", "{\"result\":1}".into()), foreign),
    ];
    for (number, (act, fits)) in cases.into_iter().enumerate() {
        let server = Scripted::start([act]).await;
        let cache = client(&server.url).build().unwrap();
        let mut running = Running::start(&cache.invalidations(), None);
        for error in [running.disconnected().await, cache.invalidations().poll(None).await.unwrap_err()] {
            assert!(fits(&error), "{number}: {error:?}");
            assert!(!error.to_string().contains(TOKEN), "{error}");
        }
    }
}

#[tokio::test]
async fn an_event_that_is_none_ends_the_stream_and_an_unknown_one_resets_it() {
    let sent = |event: &str| {
        let hello = "id: 0000000000000abc-7\nevent: hello\ndata: {\"heartbeat\":60000}\n\n";
        Act::Answer(200, "content-type: text/event-stream; charset=utf-8\r\n", format!("{hello}{event}"))
    };
    let strange = Scripted::start([sent("id: 0000000000000abc-8\nevent: invalidate\ndata: <html>\n\n")]).await;
    let cache = client(&strange.url).build().unwrap();
    let mut running = Running::start(&cache.invalidations(), None);
    running.connected().await;
    let error = running.disconnected().await;
    assert!(matches!(&error, CacheError::Protocol(text) if text.contains("not JSON")), "{error:?}");
    let newer = Scripted::start([sent("id: 0000000000000abc-8\nevent: renamed\ndata: {}\n\n")]).await;
    let cache = client(&newer.url).build().unwrap();
    let mut running = Running::start(&cache.invalidations(), None);
    running.connected().await;
    let Invalidation::Reset { position } = running.change().await else { panic!() };
    assert_eq!(position, Some("0000000000000abc-8".parse().unwrap()));
    let early = Act::Answer(
        200,
        "content-type: text/event-stream\r\n",
        "id: 0000000000000abc-8\nevent: reset\ndata: {}\n\n".into(),
    );
    let early = Scripted::start([early]).await;
    let mut running = Running::start(&client(&early.url).build().unwrap().invalidations(), None);
    let error = running.disconnected().await;
    assert!(error.to_string().contains("does not begin with hello"), "{error}");
}

#[tokio::test]
async fn a_token_that_has_expired_is_requested_again() {
    let url = memory_bridge().await;
    let made = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counter = Arc::clone(&made);
    let maker = move || {
        let number = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move { Ok(if number == 0 { "old".to_owned() } else { TOKEN.to_owned() }) }
    };
    let cache: HttpCacheProvider<String> = patient(&url).token_maker(maker).build().unwrap();
    let mut running = Running::start(&cache.invalidations(), None);
    let Invalidation::Connected { .. } = running.next().await else { panic!("without a failure") };
    assert_eq!(made.load(std::sync::atomic::Ordering::Relaxed), 2);
}
