//! A Redis that crashes, hangs and comes back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{Caller, Response, in_time};
use crate::support::{Start, StoreKind};
use crate::tenants::{self, Tenants};
use servers::PATIENCE;

const CALLERS: usize = 500;

/// The number of responses by status.
type Statuses = BTreeMap<u16, usize>;

/// While the store fails, every response is complete and belongs to its caller.
#[track_caller]
fn is_fair(response: &Response, own: &[Value]) {
    match response.status {
        200 => {
            let json = response.json();
            let replies = json.as_array().unwrap_or_else(|| panic!("{json}"));
            assert_eq!(replies.len(), own.len(), "{json}");
            for (reply, own) in replies.iter().zip(own) {
                // Values that were lost with Redis are absent.
                assert!(reply["result"] == *own || reply["result"].is_null(), "{json}");
            }
        }
        503 => {
            assert_eq!(response.error().1, "ERR the store is not available");
            assert_eq!(response.header("retry-after"), Some("1"));
        }
        504 => assert_eq!(response.error().1, "ERR the store did not reply in time"),
        other => panic!("{other}: {}", response.text()),
    }
}

/// 500 callers, each of which writes and reads its own values in every form until it is told to end.
struct Storm {
    tasks: Vec<JoinHandle<Statuses>>,
    rounds: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Storm {
    fn begin(caller: &Caller) -> Self {
        let (rounds, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks = (0..CALLERS).map(|own| {
            let (caller, rounds, ended) = (caller.clone(), Arc::clone(&rounds), Arc::clone(&ended));
            tokio::spawn(async move {
                let mut statuses = Statuses::new();
                for round in 0.. {
                    if ended.load(Ordering::SeqCst) > 0 {
                        break;
                    }
                    let (key, value) = (format!("a:{own}"), format!("value-{own}-{round}"));
                    let commands = [vec!["SET", &key, &value], vec!["GET", &key], vec!["ECHO", &value]];
                    let expected = ["OK", &value, &value].map(Value::from);
                    let response = if (own + round) % 2 == 0 {
                        caller.pipeline(&commands).await
                    } else {
                        caller.transaction(&commands).await
                    };
                    is_fair(&response, &expected);
                    *statuses.entry(response.status).or_default() += 1;
                    rounds.fetch_add(1, Ordering::SeqCst);
                }
                statuses
            })
        });
        Self { tasks: tasks.collect(), rounds, ended }
    }

    /// Waits until this many more requests have ended.
    async fn goes_on(&self, requests: usize) {
        let until = self.rounds.load(Ordering::SeqCst) + requests;
        let wait = async {
            while self.rounds.load(Ordering::SeqCst) < until && !self.tasks.iter().any(JoinHandle::is_finished) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("requests do not end");
    }

    async fn end(self) -> Statuses {
        self.ended.store(1, Ordering::SeqCst);
        let mut all = Statuses::new();
        for task in self.tasks {
            for (status, count) in task.await.unwrap() {
                *all.entry(status).or_default() += count;
            }
        }
        all
    }
}

/// A configuration with this limit for Redis, in milliseconds. Limits of connections are such that a busy machine does
/// not reach them.
async fn start(command_timeout: u64) -> Tenants {
    let connections = "head-timeout = \"5m\"\nbody-timeout = \"5m\"\nwrite-timeout = \"5m\"\nkeep-alive = \"5m\"\n";
    let more = format!("[server]\n{connections}command-timeout = \"{command_timeout}ms\"");
    Tenants::with(StoreKind::redis(), Start::config(tenants::config(&more, "max-in-flight = 1000"))).await
}

/// A limit that a busy machine does not reach, for tests in which Redis does not hang.
const PATIENT: u64 = 300_000;

/// All callers are served again without intervention.
async fn comes_back(tenants: &Tenants) {
    let served = async {
        while tenants.bridge.nobody().get("/readyz").await.status != 200
            || tenants.a.command(&["SET", "a:own", "again"]).await.status != 200
            || tenants.a.get("/get/a:own").await.status != 200
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, served).await.expect("it does not come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_killed_and_restarted() {
    let mut tenants = start(PATIENT).await;
    let storm = Storm::begin(&tenants.a);
    storm.goes_on(CALLERS).await;
    tenants.bridge.redis().kill();
    storm.goes_on(CALLERS * 2).await;
    let (status, text) = tenants.bridge.nobody().get("/readyz").await.error();
    assert_eq!((status, text.as_str()), (503, "ERR the store is not available"));
    assert_eq!(tenants.bridge.nobody().get("/livez").await.status, 200, "the bridge itself is well");
    tenants.bridge.redis().restart();
    comes_back(&tenants).await;
    storm.goes_on(CALLERS * 2).await;
    let statuses = storm.end().await;
    assert!(statuses[&200] > 0 && statuses[&503] > 0, "{statuses:?}");
    // Once it is back, nothing fails any more.
    let storm = Storm::begin(&tenants.a);
    storm.goes_on(CALLERS).await;
    let statuses = storm.end().await;
    assert_eq!(statuses.keys().collect::<Vec<_>>(), [&200], "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_stands_still_and_goes_on() {
    let mut tenants = start(1000).await;
    let storm = Storm::begin(&tenants.a);
    storm.goes_on(CALLERS).await;
    tenants.bridge.redis().freeze();
    storm.goes_on(CALLERS * 2).await;
    let (status, _) = tenants.bridge.nobody().get("/readyz").await.error();
    assert!(matches!(status, 503 | 504));
    tenants.bridge.redis().thaw();
    comes_back(&tenants).await;
    storm.goes_on(CALLERS * 2).await;
    let statuses = storm.end().await;
    assert!(statuses[&200] > 0 && statuses[&504] > 0, "{statuses:?}");
    let secret = in_time(async || tenants.b.command(&["GET", "b:secret"]).await).await;
    assert_eq!(secret.result(), tenants::SECRET);
}

/// A subscription ends with the Redis behind it, so that the client can begin a new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_end_with_redis() {
    let mut tenants = start(PATIENT).await;
    let mut events = tenants.a.subscribe("/subscribe/a:news").await.unwrap();
    assert_eq!(events.next().await.unwrap(), "subscribe,a:news,1");
    tenants.bridge.redis().kill();
    assert_eq!(events.next().await, None);
    let failed = tenants.a.subscribe("/subscribe/a:news").await.unwrap_err();
    assert_eq!((failed.status, failed.header("retry-after")), (503, Some("1")));
    tenants.bridge.redis().restart();
    comes_back(&tenants).await;
    let mut events = tenants.a.subscribe("/subscribe/a:news").await.unwrap();
    assert_eq!(events.next().await.unwrap(), "subscribe,a:news,1");
    assert_eq!(tenants.a.result(&["PUBLISH", "a:news", "x"]).await, 1);
    assert_eq!(events.next().await.unwrap(), "message,a:news,x");
}

/// It starts without its Redis, and serves once there is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_comes_later() {
    let StoreKind::Redis(mut server) = StoreKind::redis() else { unreachable!() };
    server.kill();
    let store = StoreKind::Redis(server);
    let mut tenants = Tenants::of(crate::support::Bridge::start(store, Start::config(tenants::config("", ""))));
    assert_eq!(tenants.a.command(&["GET", "a:own"]).await.status, 503);
    tenants.bridge.redis().restart();
    comes_back(&tenants).await;
}

/// A store that says yes to everything and nothing to a subscription, as one that stands still in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_without_a_reply_ends_within_the_limit() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let store = tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut read = vec![0; 4096];
                while let Ok(length @ 1..) = connection.read(&mut read).await {
                    let text = String::from_utf8_lossy(&read[..length]).to_uppercase();
                    let commands = text.split("\r\n").filter(|line| line.starts_with('*')).count();
                    let is_yes = !text.contains("SUBSCRIBE");
                    if is_yes && connection.write_all("+OK\r\n".repeat(commands).as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let limit = Start::config(tenants::config("[server]\ncommand-timeout = \"200ms\"", ""));
    let tenants = Tenants::of(crate::support::Bridge::start(StoreKind::Url(url), limit));
    for path in ["/subscribe/a:news", "/psubscribe/a:*"] {
        let refused = timeout(PATIENCE, tenants.a.subscribe_once(path)).await.expect("it hangs").unwrap_err();
        assert_eq!(refused.error(), (504, "ERR the store did not reply in time".to_owned()), "{path}");
    }
    store.abort();
}
