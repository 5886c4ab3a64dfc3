//! What goes with a cached function.

use isocache::{CacheProvider, MemoryCacheProvider, cached, default_cache};

use crate::support::{called, calls};

/// Users.
pub mod users {
    use super::called;
    use isocache::cached;

    /// One user.
    #[cached(ttl = "5m", key = "companions:user:{user_id}")]
    pub async fn get_user(_db: &(), user_id: u64) -> Result<String, String> {
        Ok(format!("{user_id}#{}", called("get_user")))
    }
}

use users::get_user;

#[tokio::test]
async fn one_import_brings_them_all() {
    assert_eq!(get_user::key(7), "companions:user:7");
    assert_eq!(get_user(&(), 7).await.unwrap(), "7#1");
    assert_eq!(get_user(&(), 7).await.unwrap(), "7#1");
    assert_eq!(get_user::refresh(&(), 7).await.unwrap(), "7#2");
    assert_eq!(get_user(&(), 7).await.unwrap(), "7#2");
    assert_eq!(get_user::uncached(&(), 7).await.unwrap(), "7#3");
    assert_eq!(get_user(&(), 7).await.unwrap(), "7#2");
    assert_eq!(get_user::invalidate(7).await, Ok(true));
    assert_eq!(get_user::invalidate(7).await, Ok(false));
    assert_eq!(get_user(&(), 7).await.unwrap(), "7#4");
    let stats = get_user::stats();
    assert_eq!((stats.hits, stats.loads), (3, 3));
    assert_eq!(default_cache().delete(&get_user::key(7)).await, Ok(true));
}

/// A service with a cache of its own.
struct Service {
    cache: MemoryCacheProvider<String>,
    name: &'static str,
}

#[cached(key = "companions:of:{id}", provider = service.cache, skip(service))]
async fn of_service(service: &Service, id: u64) -> String {
    format!("{}#{}", service.name, called("of_service") + id)
}

#[tokio::test]
async fn the_provider_may_be_in_an_argument() {
    let [one, other] = ["one", "other"].map(|name| Service { cache: MemoryCacheProvider::default(), name });
    assert_eq!(of_service(&one, 7).await, "one#8");
    assert_eq!(of_service(&other, 7).await, "other#9");
    assert_eq!(of_service(&one, 7).await, "one#8");
    assert_eq!(of_service::key(7), "companions:of:7");
    assert_eq!(of_service::invalidate(&one, 7).await, Ok(true));
    assert_eq!(of_service(&other, 7).await, "other#9");
    assert_eq!(of_service(&one, 7).await, "one#10");
}

/// The crate under another name, as one that re-exports it has it.
mod facade {
    pub mod inner {
        pub use isocache::*;
    }
}

#[facade::inner::cached(crate = facade::inner)]
#[must_use]
async fn renamed(id: u64) -> u64 {
    called("renamed") + id
}

#[cached]
#[cfg(not(test))]
async fn not_there() -> missing::Type {}

#[tokio::test]
async fn by_another_path() {
    assert_eq!((renamed(1).await, renamed(1).await), (2, 2));
    assert_eq!(calls("renamed"), 1);
}
