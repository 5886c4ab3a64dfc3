//! The caches that can be read.

use std::error::Error;
use std::num::NonZeroUsize;

use isocache::{CacheProvider, RedisCacheProvider, TieredCacheProvider};
use redis::AsyncTypedCommands;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::caching::CacheConfig;

type Far = RedisCacheProvider<u64>;

pub enum Cache {
    /// Without near copies.
    Redis(Far),
    Tiered(TieredCacheProvider<u64, Far>),
    RedisRs(ConnectionManager),
}

impl Cache {
    /// Connects to Redis. It keeps at most this many near copies.
    pub async fn open(kind: &str, url: &str, entries: NonZeroUsize) -> Result<Self, Box<dyn Error>> {
        match kind {
            "redis" => Ok(Self::Redis(RedisCacheProvider::builder(url).build()?)),
            "tiered" => {
                let far: Far = RedisCacheProvider::builder(url).build()?;
                let source = far.invalidations();
                let builder = TieredCacheProvider::builder(far).invalidations(source);
                let tier = builder.near_max_entries(entries.get()).build()?;
                tier.ready(std::time::Duration::from_secs(300)).await.unwrap();
                Ok(Self::Tiered(tier))
            }
            "redis-rs" => {
                let client = redis::Client::open(format!("{url}/?protocol=resp3"))?;
                let config = ConnectionManagerConfig::new().set_cache_config(CacheConfig::new().set_size(entries));
                Ok(Self::RedisRs(client.get_connection_manager_with_config(config).await?))
            }
            _ => Err(format!("there is no cache {kind}").into()),
        }
    }

    /// The number under a key.
    pub async fn get(&self, key: &str) -> Result<Option<u64>, String> {
        match self {
            Self::Redis(far) => far.get(key).await.map_err(|error| error.to_string()),
            Self::Tiered(tier) => tier.get(key).await.map_err(|error| error.to_string()),
            Self::RedisRs(connection) => {
                let found = connection.clone().get(key).await.map_err(|error| error.to_string())?;
                found.map(|text| text.parse().map_err(|_| format!("{text} is no number"))).transpose()
            }
        }
    }
}
