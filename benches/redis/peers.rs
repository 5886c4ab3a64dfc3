//! The caches that are compared, with one interface.

use std::time::Duration;

use cached::{AsyncRedisCache, ConcurrentCachedAsync};
use isocache::{CacheProvider, RedisCacheProvider};
use redis::aio::ConnectionManager;
use redis::io::tcp::TcpSettings;
use redis::{AsyncCommands, Client, IntoConnectionInfo};
use serde::{Deserialize, Serialize};

const TTL: Duration = Duration::from_secs(3600);

/// About 100 bytes of JSON.
#[derive(Clone, Serialize, Deserialize)]
pub struct User {
    pub id: usize,
    name: String,
    email: String,
    roles: Vec<String>,
}

impl User {
    pub fn new(id: usize) -> Self {
        let roles = vec!["reader".into(), "writer".into()];
        Self { id, name: "Ada Lovelace".into(), email: "ada@example.com".into(), roles }
    }
}

pub fn key(number: usize) -> String {
    format!("user:{number}")
}

/// A cache of users.
#[derive(Clone)]
pub enum Peer {
    Isocache(RedisCacheProvider<User>),
    /// The connection manager of the redis crate, with JSON by hand.
    Bare(&'static str, ConnectionManager),
    Cached(AsyncRedisCache<String, User>),
}

impl Peer {
    /// isocache first, and then the bare connection as it comes.
    pub async fn all(url: &str) -> Vec<Self> {
        let own = RedisCacheProvider::builder(url).operation_timeout(Duration::from_secs(10)).build();
        let plain = Client::open(url).expect("it is a URL");
        let info = url.into_connection_info().expect("it is a URL");
        let prompt = Client::open(info.set_tcp_settings(TcpSettings::default().set_nodelay(true))).expect("as before");
        let manager = async |client: Client| client.get_connection_manager().await.expect("the server runs");
        let builder = AsyncRedisCache::builder("cached").connection_string(url).ttl(TTL).connection_manager(true);
        vec![
            Self::Isocache(own.expect("it is a URL")),
            Self::Bare("bare", manager(plain).await),
            Self::Bare("bare, nodelay", manager(prompt).await),
            Self::Cached(builder.build().await.expect("the server runs")),
        ]
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Isocache(_) => "isocache",
            Self::Bare(name, _) => name,
            Self::Cached(_) => "cached",
        }
    }

    /// Stores all users for all peers.
    pub async fn fill(&self, keys: usize) {
        let Self::Isocache(cache) = self else { return };
        let users: Vec<String> = (0..keys).map(key).collect();
        let entries = users.iter().enumerate().map(|(id, key)| (key.as_str(), User::new(id), Some(TTL)));
        cache.set_many(entries.collect()).await.expect("the server runs");
    }

    pub async fn get(&self, key: &str) -> User {
        match self {
            Self::Isocache(cache) => cache.get(key).await.expect("the server runs").expect("it is there"),
            Self::Bare(_, manager) => {
                let bytes: Vec<u8> = manager.clone().get(key).await.expect("the server runs");
                serde_json::from_slice(&bytes).expect("it is a user")
            }
            Self::Cached(cache) => {
                let key = key.to_owned();
                if let Some(user) = cache.async_cache_get(&key).await.expect("the server runs") {
                    return user;
                }
                // Its keys and its values have a form of their own, so that it fills itself.
                let id = key.trim_start_matches("user:").parse().expect("it is one of ours");
                cache.async_cache_set(key, User::new(id)).await.expect("the server runs");
                User::new(id)
            }
        }
    }

    pub async fn set(&self, key: &str, user: User) {
        match self {
            Self::Isocache(cache) => cache.set(key, user, Some(TTL)).await.expect("the server runs"),
            Self::Bare(_, manager) => {
                let bytes = serde_json::to_vec(&user).expect("it is JSON");
                let ttl = u64::try_from(TTL.as_millis()).expect("it is an hour");
                let () = manager.clone().pset_ex(key, bytes, ttl).await.expect("the server runs");
            }
            Self::Cached(cache) => {
                cache.async_cache_set(key.to_owned(), user).await.expect("the server runs");
            }
        }
    }

    /// How many it found. The crate `cached` has no such operation, so that it asks for each.
    pub async fn get_many(&self, keys: &[String]) -> usize {
        match self {
            Self::Isocache(cache) => {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                cache.get_many(&keys).await.expect("the server runs").iter().flatten().count()
            }
            Self::Bare(_, manager) => {
                let all: Vec<Option<Vec<u8>>> = manager.clone().mget(keys).await.expect("the server runs");
                let user = |bytes: Vec<u8>| serde_json::from_slice::<User>(&bytes).expect("it is a user");
                all.into_iter().flatten().map(user).filter(|user| user.id < usize::MAX).count()
            }
            Self::Cached(_) => {
                for key in keys {
                    self.get(key).await;
                }
                keys.len()
            }
        }
    }
}
