//! A service on Redis, and a page behind the bridge on the same Redis: what one writes, the other sees.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::user_service::{self, Database, User};
use isocache::{CacheInvalidator, CacheProvider, HttpCacheProvider, Invalidated, RedisCacheProvider, keys};

use super::serving::{TOKEN, redis_bridge, serve};
use servers::PATIENCE;
use servers::redis::RedisServer;

#[tokio::test]
async fn a_service_and_a_page_share_keys() {
    let server = RedisServer::plain();
    let users: RedisCacheProvider<User> =
        RedisCacheProvider::builder(&server.url()).namespace("app").operation_timeout(PATIENCE).build().unwrap();
    let database = Arc::new(Database::default());
    let service = serve(user_service::app(users, Arc::clone(&database)).unwrap()).await;
    let bridge = redis_bridge(&server.url()).await;
    let page: HttpCacheProvider<User> = super::patient(&bridge).token(TOKEN).namespace("app").build().unwrap();
    let lists: HttpCacheProvider<Vec<User>> = page.view();
    let (user, list) = (keys::user(1), keys::user_list(0));
    let reads = || database.reads.load(Ordering::Relaxed);

    // Only the first in the process is taken, and all are this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(PATIENCE).tls_certs_only([]).no_proxy().build().unwrap();
    let get = async |path: &str| client.get(format!("{service}{path}")).send().await.unwrap().text().await.unwrap();
    let put = async |name: &str| {
        let request = client.put(format!("{service}/users/1")).header("content-type", "application/json");
        request.body(format!(r#"{{"name":"{name}"}}"#)).send().await.unwrap().status().as_u16()
    };
    let named = |name: &str| User { id: 1, name: name.to_owned() };

    // What the service has read, the page finds.
    assert_eq!(put("Ada").await, 204);
    assert_eq!(page.get(&user).await.unwrap(), None);
    get("/users/1").await;
    get("/users?page=0").await;
    assert_eq!(page.get(&user).await.unwrap(), Some(named("Ada")));
    assert_eq!(lists.get(&list).await.unwrap(), Some(vec![named("Ada")]));

    // A write of the service is seen by the page.
    assert_eq!(put("Bo").await, 204);
    assert_eq!((page.get(&user).await.unwrap(), lists.get(&list).await.unwrap()), (None, None));
    get("/users?page=0").await;
    assert_eq!(lists.get(&list).await.unwrap(), Some(vec![named("Bo")]));

    // What the page stores, the service answers without its database; until the page invalidates it.
    page.set(&user, named("Cy"), Some(Duration::from_secs(3600))).await.unwrap();
    let before = reads();
    assert_eq!(get("/users/1").await, r#"{"id":1,"name":"Cy"}"#);
    assert_eq!(reads(), before);
    let invalidated = CacheInvalidator::new(page.clone()).invalidate_user(1).await;
    assert_eq!(invalidated, Ok(Invalidated { entries: 1, lists: 1 }));
    assert_eq!(get("/users/1").await, r#"{"id":1,"name":"Bo"}"#);
    assert_eq!(reads(), before + 1);
}
