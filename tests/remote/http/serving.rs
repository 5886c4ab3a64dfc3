//! Bridges in this process, whose clock the test sets.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use isocache::{Clock, ManualClock, RedisCacheBuilder};
use isocache_bridge::access::{Cors, Credentials, Digest, Limits, Profile, Tokens};
use isocache_bridge::server::{Bridge, Origins, Parts, Phase, Policy, ServerLimits};
use isocache_bridge::store::memory::{MemoryStore, MemoryStoreOptions};
use isocache_bridge::store::{Announcements, Store};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

pub const TOKEN: &str = "a-token-of-the-tests";

/// A server of this process; it ends with its runtime.
pub async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    format!("http://{address}")
}

/// A bridge that wants [`TOKEN`].
pub async fn bridge(store: Store, clock: impl Clock + 'static) -> String {
    serve(app(store, clock, Announcements::default(), Tokens::default())).await
}

/// What responds for a bridge with these tokens, and [`TOKEN`], which has room for many streams.
fn app(store: Store, clock: impl Clock + 'static, announcements: Announcements, mut tokens: Tokens) -> Router {
    let limits = Limits { max_streams: 2000, max_in_flight: 4000, ..Limits::WRITING };
    tokens.add(Digest::of(TOKEN.as_bytes()), Profile { limits, ..Profile::admin("test") }).unwrap();
    // It never ends.
    let (ending, phase) = watch::channel(Phase::Serving);
    std::mem::forget(ending);
    let policy = Policy {
        tokens,
        anonymous: None,
        credentials: Credentials::default(),
        origins: Origins::new(Cors::default(), None),
        limits: ServerLimits { max_streams: 2000, ..ServerLimits::default() },
        base_path: String::new(),
    };
    let mut bridge = Bridge::new(Parts { store, policy, clock: Arc::new(clock), phase });
    bridge.announcements = announcements;
    let respond = async |State(bridge): State<Arc<Bridge>>, request: Request| bridge.respond(request).await;
    Router::new().fallback(respond).with_state(Arc::new(bridge))
}

/// A bridge that announces changes with a heartbeat of the test.
pub struct Announcing {
    pub url: String,
}

impl Announcing {
    pub async fn start(store: Store, heartbeat: Duration) -> Self {
        Self::with_tokens(store, heartbeat, Tokens::default()).await
    }

    pub async fn with_tokens(store: Store, heartbeat: Duration, tokens: Tokens) -> Self {
        let announcements = Announcements { heartbeat, ..Announcements::default() };
        Self { url: serve(app(store, isocache::UnixClock, announcements, tokens)).await }
    }

    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap()
    }
}

/// A bridge over Redis that can be killed: all of it is in a runtime of its own.
pub struct Killable {
    redis: String,
    heartbeat: Duration,
    port: u16,
    runtime: Option<Runtime>,
}

impl Killable {
    pub fn start(redis: &str, heartbeat: Duration) -> Self {
        let mut bridge = Self { redis: redis.to_owned(), heartbeat, port: 0, runtime: None };
        bridge.restart();
        bridge
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// On the same port.
    pub fn restart(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let limit = servers::PATIENCE;
        let builder = RedisCacheBuilder::new(&self.redis).connect_timeout(limit).operation_timeout(limit);
        let announcements = Announcements { heartbeat: self.heartbeat, ..Announcements::default() };
        let (sender, port) = std::sync::mpsc::channel();
        // Nobody else is given a port of this range while the bridge is away.
        let wanted = if self.port == 0 { servers::free_port() } else { self.port };
        runtime.spawn(async move {
            let store = Store::redis(&builder, limit).unwrap();
            let app = app(store, isocache::UnixClock, announcements, Tokens::default());
            // The port of one that was killed is free a moment later.
            let listener = loop {
                match TcpListener::bind(("127.0.0.1", wanted)).await {
                    Ok(listener) => break listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            };
            sender.send(listener.local_addr().unwrap().port()).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
        self.port = port.recv_timeout(servers::PATIENCE).expect("it listens");
        self.runtime = Some(runtime);
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A bridge over the embedded store.
pub async fn memory_bridge(clock: &ManualClock) -> String {
    let options = MemoryStoreOptions { clock: Arc::new(clock.clone()), ..MemoryStoreOptions::default() };
    bridge(Store::Memory(MemoryStore::new(options).unwrap()), clock.clone()).await
}

/// A bridge over Redis.
pub async fn redis_bridge(url: &str) -> String {
    redis_bridge_at(url, isocache::UnixClock).await
}

/// A bridge over Redis, with a wall clock of the test.
pub async fn redis_bridge_at(url: &str, clock: impl Clock + 'static) -> String {
    let limit = servers::PATIENCE;
    let redis = RedisCacheBuilder::new(url).connect_timeout(limit).operation_timeout(limit);
    let store = Store::redis(&redis, limit).unwrap();
    bridge(store, clock).await
}
