//! Reading and changing the ttl of entries without their values.

use std::future::Future;
use std::time::Duration;

use super::MaybeSend;
use crate::error::Result;

/// A cache that can read and change the ttl of an entry without writing its value.
///
/// ```
/// use isocache::{CacheProvider, MemoryCacheProvider, TouchProvider};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let cache = MemoryCacheProvider::<String>::default();
/// let hour = Duration::from_secs(3600);
/// cache.set("session:t", "Ada".into(), Some(hour)).await?;
/// assert_eq!(cache.get_and_touch("session:t", Some(2 * hour)).await?.as_deref(), Some("Ada"));
/// assert!(cache.ttl("session:t").await? > Some(hour));
/// assert!(cache.touch("session:t", Some(Duration::MAX)).await?);
/// assert_eq!(cache.ttl("session:t").await?, Some(Duration::MAX));
/// assert_eq!(cache.ttl("nothing").await?, None);
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
pub trait TouchProvider<T: MaybeSend>: Send + Sync {
    /// Returns the remaining ttl of the entry under `key`: [`Duration::MAX`] if it does not expire, `None` if there is
    /// no entry. Counts neither as a hit or miss nor as a use.
    ///
    /// # Errors
    /// A key outside the limits, or any error of the store.
    fn ttl(&self, key: &str) -> impl Future<Output = Result<Option<Duration>>> + MaybeSend;

    /// Gives the entry under `key` a new ttl, counted from now. Returns whether there is an entry. Counts as a use of
    /// the entry, but neither as a hit nor as a miss. `ttl` has the same meaning as in
    /// [`set`](crate::CacheProvider::set). The window of an entry stays as long as it was.
    ///
    /// # Errors
    /// A key or ttl outside the limits (nothing was changed then), or any error of the store.
    fn touch(&self, key: &str, ttl: Option<Duration>) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Returns the value under `key`, or `None` if there is no entry, and gives the entry a new ttl, counted from now.
    /// Counts as [`get`](crate::CacheProvider::get) does. In Redis it is `GETEX`, which needs version 6.2; so is
    /// [`touch`](Self::touch), except for bytes and text.
    ///
    /// # Errors
    /// As for [`get`](crate::CacheProvider::get), and for a ttl outside the limits.
    fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> impl Future<Output = Result<Option<T>>> + MaybeSend;
}
