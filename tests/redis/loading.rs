//! Loading through Redis.

use isocache::RedisCacheProvider;

use crate::servers::redis::RedisServer;
use crate::{load_scenarios, patient};

#[tokio::test]
async fn the_scenes_of_loading() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<u64> = patient(&server.url()).namespace("scenes").build().unwrap();
    load_scenarios::all(&cache).await;
}
