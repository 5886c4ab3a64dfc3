//! Bridges in this process, whose clock the test sets.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use isocache::{Clock, ManualClock, RedisCacheBuilder};
use isocache_bridge::access::{Cors, Credentials, Digest, Profile, Tokens};
use isocache_bridge::server::{Bridge, Origins, Parts, Phase, Policy, ServerLimits};
use isocache_bridge::store::Store;
use isocache_bridge::store::memory::{MemoryStore, MemoryStoreOptions};
use tokio::net::TcpListener;
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
    let mut tokens = Tokens::default();
    tokens.add(Digest::of(TOKEN.as_bytes()), Profile::admin("test")).unwrap();
    // It never ends.
    let (ending, phase) = watch::channel(Phase::Serving);
    std::mem::forget(ending);
    let policy = Policy {
        tokens,
        anonymous: None,
        credentials: Credentials::default(),
        origins: Origins::new(Cors::default(), None),
        limits: ServerLimits::default(),
        base_path: String::new(),
    };
    let bridge = Bridge::new(Parts { store, policy, clock: Arc::new(clock), phase });
    let respond = async |State(bridge): State<Arc<Bridge>>, request: Request| bridge.respond(request).await;
    serve(Router::new().fallback(respond).with_state(Arc::new(bridge))).await
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
    let limit = Duration::from_secs(300);
    let redis = RedisCacheBuilder::new(url).connect_timeout(limit).operation_timeout(limit);
    let store = Store::redis(&redis, limit).unwrap();
    bridge(store, clock).await
}
