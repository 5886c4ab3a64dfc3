//! The cache over Redis, as the README shows it.

use isocache::{CacheProvider, CounterProvider, RedisCacheProvider, Result};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::var("REDIS_URL").unwrap_or("redis://127.0.0.1".into());
    let users = RedisCacheProvider::<String>::builder(&url).namespace("shop").build()?;
    users.set("user:1", "Ada".into(), Some(Duration::from_secs(300))).await?; // SET shop:user:1 "Ada" PX 300000
    assert_eq!(users.get("user:1").await?.as_deref(), Some("Ada"));
    assert_eq!(users.increment("visits", 1, Some(Duration::from_secs(60))).await?, 1); // an atomic counter
    assert_eq!(users.clear_pattern("*").await?, 2); // SCAN and UNLINK, within "shop"
    Ok(())
}
