//! The interface of all caches.

mod atomic;
mod counter;
#[cfg(feature = "serde")]
mod default_cache;
mod dyn_extensions;
mod dyn_provider;
mod keys;
mod touch;
#[cfg(feature = "serde")]
mod typed;
mod uncounted;

use std::future::Future;
use std::time::{Duration, SystemTime};

pub use atomic::AtomicProvider;
pub(crate) use counter::checked_bounds;
pub use counter::{BoundedIncrement, CounterProvider};
#[cfg(feature = "serde")]
pub use default_cache::{default_cache, set_default_cache};
pub use dyn_provider::DynCacheProvider;
pub use keys::{Keys, KeysProvider};
pub use touch::TouchProvider;
#[cfg(feature = "serde")]
pub use typed::Typed;
pub(crate) use uncounted::read_many;
#[cfg(feature = "sessions")]
pub(crate) use uncounted::{read_and_delete, read_and_touch};

use crate::clock::time_until;
use crate::error::Result;
use crate::load::Loading;
use crate::stats::CacheStats;

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod seam {
    use std::future::Future;
    use std::pin::Pin;

    /// `Send` on native targets. No bound on `wasm32-unknown-unknown`, which is single-threaded and whose futures are
    /// not `Send`.
    pub trait MaybeSend: Send {}
    impl<T: Send + ?Sized> MaybeSend for T {}

    /// A boxed future; `Send` on native targets.
    pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
}

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod seam {
    use std::future::Future;
    use std::pin::Pin;

    /// `Send` on native targets. No bound on `wasm32-unknown-unknown`, which is single-threaded and whose futures are
    /// not `Send`.
    pub trait MaybeSend {}
    impl<T: ?Sized> MaybeSend for T {}

    /// A boxed future; `Send` on native targets.
    pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
}

pub use seam::{BoxFuture, MaybeSend};

/// A value and its remaining ttl; `None` if it does not expire.
pub type WithTtl<T> = (T, Option<Duration>);

/// A cache of values of type `T` with string keys.
///
/// A key is any string from 1 byte to [64 KiB](crate::MAX_KEY_BYTES). A ttl counts from the write. `None` means the
/// provider's default ttl, or no expiry if it has none; [`Duration::MAX`] always means no expiry; zero is an error. To
/// every method, an expired entry is absent.
///
/// Implementations may write their methods as `async fn`. To choose a provider at run time, use [`DynCacheProvider`],
/// which implements this trait too.
///
/// ```
/// use isocache::{CacheProvider, MemoryCacheProvider};
/// use std::time::Duration;
///
/// async fn visits(cache: &impl CacheProvider<u64>) -> isocache::Result<u64> {
///     let visits = cache.get("visits").await?.unwrap_or(0) + 1;
///     cache.set("visits", visits, Some(Duration::from_secs(300))).await?;
///     Ok(visits)
/// }
///
/// # pollster::block_on(async {
/// let cache = MemoryCacheProvider::default();
/// assert_eq!(visits(&cache).await?, 1);
/// assert_eq!(visits(&cache).await?, 2);
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
pub trait CacheProvider<T: MaybeSend>: Send + Sync {
    /// Returns the value under `key`, or `None` if there is no entry. Counts as a hit or a miss, and as a use of the
    /// entry.
    ///
    /// # Errors
    /// A key outside the limits, or any error of the store.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<T>>> + MaybeSend;

    /// Stores `value` under `key` for `ttl`. It replaces an existing entry entirely, with its ttl and its weight.
    ///
    /// # Errors
    /// A key, ttl or value outside the limits (nothing was changed then), or any error of the store.
    fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Removes the entry under `key`. Returns whether there was one.
    ///
    /// # Errors
    /// A key outside the limits, or any error of the store.
    fn delete(&self, key: &str) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Returns whether there is an entry under `key`. Counts neither as a hit or miss nor as a use.
    ///
    /// # Errors
    /// A key outside the limits, or any error of the store.
    fn exists(&self, key: &str) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Removes all entries whose key matches a [`Glob`](crate::Glob), and returns how many were removed.
    ///
    /// # Errors
    /// An empty pattern, or any error of the store.
    fn clear_pattern(&self, pattern: &str) -> impl Future<Output = Result<u64>> + MaybeSend;

    /// Returns the provider's statistics.
    ///
    /// # Errors
    /// Any error of the store.
    fn get_stats(&self) -> impl Future<Output = Result<CacheStats>> + MaybeSend;

    /// Returns the value under `key` with its remaining ttl. Counts as [`get`](Self::get) does.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    fn get_with_ttl(&self, key: &str) -> impl Future<Output = Result<Option<WithTtl<T>>>> + MaybeSend;

    /// Returns the values under `keys`, in the same order.
    ///
    /// # Errors
    /// The first error of [`get`](Self::get).
    fn get_many(&self, keys: &[&str]) -> impl Future<Output = Result<Vec<Option<T>>>> + MaybeSend {
        async move {
            let mut values = Vec::with_capacity(keys.len());
            for key in keys {
                values.push(self.get(key).await?);
            }
            Ok(values)
        }
    }

    /// Stores each value under its key for its ttl.
    ///
    /// # Errors
    /// The first error of [`set`](Self::set). Entries before the failed one may have been stored; providers that can
    /// validate all entries first do so.
    fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> impl Future<Output = Result<()>> + MaybeSend {
        async move {
            for (key, value, ttl) in entries {
                self.set(key, value, ttl).await?;
            }
            Ok(())
        }
    }

    /// Removes the entries under `keys`, and returns how many there were.
    ///
    /// # Errors
    /// The first error of [`delete`](Self::delete).
    fn delete_many(&self, keys: &[&str]) -> impl Future<Output = Result<u64>> + MaybeSend {
        async move {
            let mut deleted = 0;
            for key in keys {
                deleted += u64::from(self.delete(key).await?);
            }
            Ok(deleted)
        }
    }

    /// Stores a value as [`set`](Self::set) does, with an expiry time instead of a ttl, for values that contain one,
    /// such as a token. If that time has passed, the entry under `key` is removed, as if the value had been stored and
    /// had expired.
    ///
    /// The time refers to the system clock; the ttl is computed when this method is called.
    ///
    /// ```
    /// use isocache::{CacheProvider, MemoryCacheProvider};
    /// use std::time::{Duration, SystemTime};
    ///
    /// # pollster::block_on(async {
    /// let cache = MemoryCacheProvider::<&str>::default();
    /// cache.set_until("token", "abc", SystemTime::now() + Duration::from_secs(60)).await?;
    /// assert_eq!(cache.get("token").await?, Some("abc"));
    /// cache.set_until("token", "def", SystemTime::UNIX_EPOCH).await?;
    /// assert_eq!(cache.get("token").await?, None);
    /// # Ok::<(), isocache::CacheError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    fn set_until(&self, key: &str, value: T, expires_at: SystemTime) -> impl Future<Output = Result<()>> + MaybeSend {
        async move {
            match time_until(expires_at) {
                Some(ttl) => self.set(key, value, Some(ttl)).await,
                None => self.delete(key).await.map(drop),
            }
        }
    }

    /// Returns the interface that [`CacheAside`](crate::CacheAside) needs from this provider. For your own provider,
    /// return a [`SingleFlight`](crate::SingleFlight). Without one, every caller runs its own loader, and writes do not
    /// win over loads.
    fn loading(&self) -> Option<&dyn Loading<T>> {
        None
    }
}
