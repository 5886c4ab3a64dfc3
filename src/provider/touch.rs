//! Entries that live for as long as they are asked for.

use std::future::Future;
use std::time::Duration;

use super::MaybeSend;
use crate::error::Result;

/// A cache that can give an entry a new life or a new value only if it is there, in one step: what was removed meanwhile
/// does not come back.
///
/// ```
/// use isocache::{CacheProvider, MemoryCacheProvider, TouchProvider};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let cache = MemoryCacheProvider::<String>::default();
/// let hour = Duration::from_secs(3600);
/// cache.set("session:t", "Ada".into(), Some(hour)).await?;
/// assert_eq!(cache.get_and_touch("session:t", hour).await?.as_deref(), Some("Ada"));
/// cache.delete("session:t").await?;
/// assert_eq!(cache.replace("session:t", "Eve".into(), Some(hour)).await?, false);
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
pub trait TouchProvider<T: MaybeSend>: Send + Sync {
    /// The value under `key`, which lives for `ttl` from now; or `None` if there is none. Counts as
    /// [`get`](crate::CacheProvider::get) does. In Redis it is `GETEX`, of version 6.2.
    ///
    /// # Errors
    /// As for [`get`](crate::CacheProvider::get); and a ttl outside the limits.
    fn get_and_touch(&self, key: &str, ttl: Duration) -> impl Future<Output = Result<Option<T>>> + MaybeSend;

    /// As [`set`](crate::CacheProvider::set), if there is an entry under `key`; whether there was.
    ///
    /// # Errors
    /// As for [`set`](crate::CacheProvider::set).
    fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> impl Future<Output = Result<bool>> + MaybeSend;
}
