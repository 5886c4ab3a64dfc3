//! The interface of every cache.

mod atomic;
mod counter;
#[cfg(feature = "serde")]
mod default_cache;
mod erased;
mod keys;
mod touch;
#[cfg(feature = "serde")]
mod typed;

use std::future::Future;
use std::time::{Duration, SystemTime};

pub use atomic::AtomicProvider;
pub use counter::CounterProvider;
#[cfg(feature = "serde")]
pub use default_cache::{default_cache, set_default_cache};
pub use erased::DynCacheProvider;
pub use keys::{Keys, KeysProvider};
pub use touch::TouchProvider;
#[cfg(feature = "serde")]
pub use typed::Typed;

use crate::clock::time_until;
use crate::error::Result;
use crate::load::Loading;
use crate::stats::CacheStats;

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod seam {
    use std::future::Future;
    use std::pin::Pin;

    /// `Send` natively; nothing on `wasm32-unknown-unknown`, which has one thread and futures that cannot leave it.
    pub trait MaybeSend: Send {}
    impl<T: Send + ?Sized> MaybeSend for T {}

    /// A future of any type; `Send` natively.
    pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
}

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod seam {
    use std::future::Future;
    use std::pin::Pin;

    /// `Send` natively; nothing on `wasm32-unknown-unknown`, which has one thread and futures that cannot leave it.
    pub trait MaybeSend {}
    impl<T: ?Sized> MaybeSend for T {}

    /// A future of any type; `Send` natively.
    pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
}

pub use seam::{BoxFuture, MaybeSend};

/// A value and what is left of its life; `None` if it does not expire.
pub type WithTtl<T> = (T, Option<Duration>);

/// A cache of values of type `T` under text keys.
///
/// Keys are any text from 1 byte to [64 KiB](crate::MAX_KEY_BYTES). A ttl is a whole life, counted from the write: `None`
/// is the provider's default ttl, or for ever where it has none; [`Duration::MAX`] is for ever in any case; zero is refused.
/// An expired entry is absent for every method.
///
/// Implementations may write their methods as `async fn`. Callers that must choose a provider at run time hold a
/// [`DynCacheProvider`], which implements this trait too.
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
    /// The value under `key`, or `None` if there is none. Counts as a hit or a miss, and as a use of the entry.
    ///
    /// # Errors
    /// A key outside the limits; whatever keeps the provider from answering.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<T>>> + MaybeSend;

    /// Stores `value` under `key` for `ttl`. A value that is there already is replaced with all that belonged to it: its
    /// ttl and its weight.
    ///
    /// # Errors
    /// A key, ttl or value outside the limits (nothing was changed then); whatever keeps the provider from storing.
    fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Removes the entry under `key`; true if there was one.
    ///
    /// # Errors
    /// A key outside the limits; whatever keeps the provider from removing.
    fn delete(&self, key: &str) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Whether there is an entry under `key`. Neither a hit nor a miss nor a use.
    ///
    /// # Errors
    /// A key outside the limits; whatever keeps the provider from answering.
    fn exists(&self, key: &str) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Removes all entries whose key matches a [`Glob`](crate::Glob), and returns how many went.
    ///
    /// # Errors
    /// An empty pattern; whatever keeps the provider from removing.
    fn clear_pattern(&self, pattern: &str) -> impl Future<Output = Result<u64>> + MaybeSend;

    /// What the provider has counted.
    ///
    /// # Errors
    /// Whatever keeps the provider from answering.
    fn get_stats(&self) -> impl Future<Output = Result<CacheStats>> + MaybeSend;

    /// The value under `key` with what is left of its life. Counts as [`get`](Self::get) does.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    fn get_with_ttl(&self, key: &str) -> impl Future<Output = Result<Option<WithTtl<T>>>> + MaybeSend;

    /// The values under `keys`, in their order.
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

    /// Stores every value under its key for its ttl.
    ///
    /// # Errors
    /// The first error of [`set`](Self::set). Entries before the one that failed may have been stored; a provider that
    /// can check them all first does so.
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

    /// As [`set`](Self::set), with the time at which the entry expires instead of a ttl, for values that carry it, such as a
    /// token. If that time has passed, the entry is removed, as if it had been stored and had expired.
    ///
    /// The time is one of the machine's clock; a ttl is counted from it when this is called.
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

    /// What loading needs of this provider, for [`CacheAside`](crate::CacheAside). For a provider of your own, return a
    /// [`SingleFlight`](crate::SingleFlight); without one, every caller loads for itself, and writes do not win over loads.
    fn loading(&self) -> Option<&dyn Loading<T>> {
        None
    }
}
