//! What goes with a cached function.

use isocache::{CacheProvider, default_cache};

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
