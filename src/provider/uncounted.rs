//! Lookups that statistics do not count: those by tags, rate limiters and sessions. Hits and misses are then the
//! lookups of callers. A provider without [`Loading`](crate::Loading) counts them anyway.

#[cfg(feature = "sessions")]
use std::time::Duration;

#[cfg(feature = "sessions")]
use super::{AtomicProvider, TouchProvider};
use super::{CacheProvider, MaybeSend};
use crate::error::Result;

/// As [`CacheProvider::get_many`].
pub(crate) async fn read_many<T: MaybeSend, P: CacheProvider<T>>(
    provider: &P,
    keys: &[&str],
) -> Result<Vec<Option<T>>> {
    match provider.loading().and_then(|loading| loading.read_many(keys)) {
        Some(reading) => reading.await,
        None => provider.get_many(keys).await,
    }
}

/// As [`TouchProvider::get_and_touch`].
#[cfg(feature = "sessions")]
pub(crate) async fn read_and_touch<T: MaybeSend, P: CacheProvider<T> + TouchProvider<T>>(
    provider: &P,
    key: &str,
    ttl: Duration,
) -> Result<Option<T>> {
    match provider.loading().and_then(|loading| loading.read_and_touch(key, ttl)) {
        Some(reading) => reading.await,
        None => provider.get_and_touch(key, Some(ttl)).await,
    }
}

/// As [`AtomicProvider::get_and_delete`].
#[cfg(feature = "sessions")]
pub(crate) async fn read_and_delete<T: MaybeSend, P: CacheProvider<T> + AtomicProvider<T>>(
    provider: &P,
    key: &str,
) -> Result<Option<T>> {
    match provider.loading().and_then(|loading| loading.read_and_delete(key)) {
        Some(reading) => reading.await,
        None => provider.get_and_delete(key).await,
    }
}
