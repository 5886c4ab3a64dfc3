//! Bridges in this process, whose clock the test sets.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use isocache::{Clock, ManualClock};
use isocache_bridge::access::{Cors, Digest, Profile, Tokens};
use isocache_bridge::server::{Bridge, Origins, Parts};
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
    // Nobody ends it.
    let (ending, ends) = watch::channel(false);
    std::mem::forget(ending);
    let origins = Origins::new(Cors::default(), None);
    let bridge = Bridge::new(Parts { store, tokens, origins, clock: Arc::new(clock), ending: ends });
    let answer = async |State(bridge): State<Arc<Bridge>>, request: Request| bridge.answer(request).await;
    serve(Router::new().fallback(answer).with_state(Arc::new(bridge))).await
}

/// A bridge over the embedded store.
pub async fn memory_bridge(clock: &ManualClock) -> String {
    let options = MemoryStoreOptions { clock: Arc::new(clock.clone()), ..MemoryStoreOptions::default() };
    bridge(Store::Memory(MemoryStore::new(options).unwrap()), clock.clone()).await
}

/// A bridge over Redis.
pub async fn redis_bridge(url: &str) -> String {
    let store = Store::redis(url, Duration::from_secs(300), Duration::from_secs(300)).unwrap();
    bridge(store, isocache::UnixClock).await
}
