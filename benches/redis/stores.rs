//! The clients that are compared, behind one interface. What a client is given is what its users have: a value of their
//! own, and a key as text.

use std::future::Future;
use std::time::Duration;

use cached::{AsyncRedisCache, ConcurrentCachedAsync, SerializeCachedAsync};
use isocache::{CacheProvider, RedisCacheProvider};
use redis::aio::ConnectionManager;
use redis::cmd;
use serde::{Deserialize, Serialize};

/// Long enough that nothing expires while it is timed.
pub const TTL: Duration = Duration::from_secs(3600);
const TTL_MS: u64 = 3_600_000;

/// A value, of about 100 bytes as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    id: u64,
    name: String,
    email: String,
    visits: u32,
    active: bool,
}

impl User {
    pub fn new(id: usize) -> Self {
        let (name, email) = ("Ada Lovelace".into(), "ada.lovelace@example.com".into());
        Self { id: id as u64, name, email, visits: 42, active: true }
    }

    /// Whether it is the one of that number.
    pub fn is(&self, id: usize) -> bool {
        self.id == id as u64
    }
}

/// A client under test. Keys live as long as the program, so that each client can have them in the form it wants.
pub trait Store: Clone + Send + Sync + 'static {
    fn get(&mut self, key: &'static str) -> impl Future<Output = Option<User>> + Send;
    fn set(&mut self, key: &'static str, user: User) -> impl Future<Output = ()> + Send;
    fn get_many(&mut self, keys: &[&'static str]) -> impl Future<Output = Vec<Option<User>>> + Send;
}

/// What every client here says if the server that the benchmark has started does not do as it should.
const SERVES: &str = "the server answers";

#[derive(Clone)]
pub struct Isocache(pub RedisCacheProvider<User>);

impl Store for Isocache {
    async fn get(&mut self, key: &'static str) -> Option<User> {
        self.0.get(key).await.expect(SERVES)
    }
    async fn set(&mut self, key: &'static str, user: User) {
        self.0.set(key, user, Some(TTL)).await.expect(SERVES);
    }
    async fn get_many(&mut self, keys: &[&'static str]) -> Vec<Option<User>> {
        self.0.get_many(keys).await.expect(SERVES)
    }
}

/// The connection manager of the crate `redis`, and JSON by hand.
#[derive(Clone)]
pub struct Bare(pub ConnectionManager);

fn user(bytes: &[u8]) -> User {
    serde_json::from_slice(bytes).expect("it is a user")
}

impl Store for Bare {
    async fn get(&mut self, key: &'static str) -> Option<User> {
        let bytes: Option<Vec<u8>> = cmd("GET").arg(key).query_async(&mut self.0).await.expect(SERVES);
        bytes.as_deref().map(user)
    }
    async fn set(&mut self, key: &'static str, value: User) {
        let bytes = serde_json::to_vec(&value).expect("it can be written");
        let mut set = cmd("SET");
        set.arg(key).arg(bytes).arg("PX").arg(TTL_MS);
        set.query_async::<()>(&mut self.0).await.expect(SERVES);
    }
    async fn get_many(&mut self, keys: &[&'static str]) -> Vec<Option<User>> {
        let found: Vec<Option<Vec<u8>>> = cmd("MGET").arg(keys).query_async(&mut self.0).await.expect(SERVES);
        found.iter().map(|bytes| bytes.as_deref().map(user)).collect()
    }
}

/// How a value gets into [`Cached`].
#[derive(Clone, Copy)]
pub enum CachedSet {
    /// `async_cache_set`, which reads the value before it.
    Replace,
    /// `async_cache_set_ref`, which does not.
    Blind,
}

/// `AsyncRedisCache` of the crate `cached`, over a connection manager too. Its values are `MessagePack` without names.
#[derive(Clone)]
pub struct Cached(pub AsyncRedisCache<&'static str, User>, pub CachedSet);

impl Store for Cached {
    async fn get(&mut self, key: &'static str) -> Option<User> {
        self.0.async_cache_get(&key).await.expect(SERVES)
    }
    async fn set(&mut self, key: &'static str, user: User) {
        match self.1 {
            CachedSet::Replace => _ = self.0.async_cache_set(key, user).await.expect(SERVES),
            CachedSet::Blind => self.0.async_cache_set_ref(&key, &user).await.expect(SERVES),
        }
    }
    async fn get_many(&mut self, _keys: &[&'static str]) -> Vec<Option<User>> {
        unreachable!("it has no such operation, and takes no part")
    }
}
