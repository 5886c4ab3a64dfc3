//! Conditional writes, in one atomic step.

use std::future::Future;
use std::time::Duration;

use super::MaybeSend;
use crate::error::Result;

/// A cache with atomic conditional writes: no other caller's operation comes between the check and the write.
///
/// ```
/// use isocache::{AtomicProvider, MemoryCacheProvider};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let cache = MemoryCacheProvider::<String>::default();
/// let minute = Some(Duration::from_secs(60));
/// // Only the first of several workers takes the job.
/// assert!(cache.set_if_absent("job:7", "worker 1".into(), minute).await?);
/// assert!(!cache.set_if_absent("job:7", "worker 2".into(), minute).await?);
/// assert!(cache.replace("job:7", "done".into(), minute).await?);
/// // A token that can be used once.
/// assert_eq!(cache.get_and_delete("job:7").await?.as_deref(), Some("done"));
/// assert_eq!(cache.get_and_delete("job:7").await?, None);
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
pub trait AtomicProvider<T: MaybeSend>: Send + Sync {
    /// Stores `value` as [`set`](crate::CacheProvider::set) does, but only if there is no entry under `key`. Returns
    /// whether the value was stored. An existing entry counts neither as a hit nor as used.
    ///
    /// # Errors
    /// As for [`set`](crate::CacheProvider::set). After a broken connection or a timeout, the value may or may not have
    /// been stored.
    fn set_if_absent(
        &self,
        key: &str,
        value: T,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Stores `value` as [`set`](crate::CacheProvider::set) does, but only if there is an entry under `key`. Returns
    /// whether the value was stored. An entry that is removed concurrently is not brought back.
    ///
    /// # Errors
    /// As for [`set`](crate::CacheProvider::set).
    fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Removes the entry under `key` and returns its value, or `None` if there is no entry. Of several concurrent
    /// callers, only one gets the value. Counts as [`get`](crate::CacheProvider::get) and, if there was an entry, as
    /// [`delete`](crate::CacheProvider::delete). In Redis it is `GETDEL`, which needs version 6.2.
    ///
    /// # Errors
    /// As for [`get`](crate::CacheProvider::get). A value that cannot be decoded is removed anyway. After a broken
    /// connection or a timeout, the entry may or may not have been removed.
    fn get_and_delete(&self, key: &str) -> impl Future<Output = Result<Option<T>>> + MaybeSend;
}
