//! The list of those that are compared.

use std::time::Duration;

use cached::AsyncRedisCache;
use isocache::RedisCacheProvider;
use redis::aio::ConnectionManager;
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo};
use tokio::runtime::Runtime;

use crate::stores::{Bare, Cached, CachedSet, Isocache, Store, TTL};
use crate::throughput::{self, Operation, Workload};

/// The place of ours in the list.
pub const OURS: usize = 0;
/// The places of those that ours must keep up with.
pub const BARE: [usize; 2] = [1, 2];

pub struct Peer {
    pub name: &'static str,
    pub about: &'static str,
    takes_part: &'static [Operation],
    store: Box<dyn Measure>,
}

/// What is measured of any [`Store`].
trait Measure {
    fn run(&self, runtime: &Runtime, workload: &Workload, length: Duration) -> f64;
    fn allocations(&self, runtime: &Runtime, operation: Operation) -> f64;
}

impl<S: Store> Measure for S {
    fn run(&self, runtime: &Runtime, workload: &Workload, length: Duration) -> f64 {
        throughput::run(runtime, self, workload, length)
    }

    fn allocations(&self, runtime: &Runtime, operation: Operation) -> f64 {
        throughput::allocations(runtime, self, operation)
    }
}

impl Peer {
    fn new(name: &'static str, about: &'static str, takes_part: &'static [Operation], store: impl Store) -> Self {
        Self { name, about, takes_part, store: Box::new(store) }
    }

    /// Operations a second; `None` if it takes no part.
    pub fn run(&self, runtime: &Runtime, workload: &Workload, length: Duration) -> Option<f64> {
        self.takes_part.contains(&workload.operation).then(|| self.store.run(runtime, workload, length))
    }

    /// Allocations for each operation; `None` if it takes no part.
    pub fn allocations(&self, runtime: &Runtime, operation: Operation) -> Option<f64> {
        self.takes_part.contains(&operation).then(|| self.store.allocations(runtime, operation))
    }
}

/// A connection manager with its default options, but for `TCP_NODELAY`.
pub async fn manager(url: &str, nodelay: bool) -> ConnectionManager {
    let info = url.into_connection_info().expect("the URL is good");
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(nodelay));
    let client = Client::open(info).expect("the URL is good");
    client.get_connection_manager().await.expect("the server runs")
}

/// The provider, with its default options.
pub fn provider<T>(url: &str) -> RedisCacheProvider<T> {
    RedisCacheProvider::new(url).expect("the URL is good")
}

pub async fn all(url: &str) -> Vec<Peer> {
    let cached = AsyncRedisCache::builder("cached").connection_string(url).ttl(TTL).connection_manager(true);
    let cached = cached.build().await.expect("the server runs");
    vec![
        Peer::new(
            "isocache",
            "RedisCacheProvider with JsonSerializer, its default options",
            &Operation::ALL,
            Isocache(provider(url)),
        ),
        Peer::new(
            "bare",
            "redis 1.8's ConnectionManager, its default options, serde_json by hand",
            &Operation::ALL,
            Bare(manager(url, false).await),
        ),
        Peer::new("bare nodelay", "the same with TCP_NODELAY", &Operation::ALL, Bare(manager(url, true).await)),
        Peer::new(
            "cached",
            "cached 4.1's AsyncRedisCache over a ConnectionManager; its set reads the value before it; no get_many",
            &[Operation::Get, Operation::Set],
            Cached(cached.clone(), CachedSet::Replace),
        ),
        Peer::new(
            "cached set_ref",
            "the same by async_cache_set_ref, which does not",
            &[Operation::Set],
            Cached(cached, CachedSet::Blind),
        ),
    ]
}
