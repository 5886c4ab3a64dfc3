//! The default cache of the process.

use std::sync::{LazyLock, PoisonError, RwLock};

use bytes::Bytes;

use super::DynCacheProvider;
use crate::memory::MemoryCacheProvider;

static DEFAULT: LazyLock<RwLock<DynCacheProvider<Bytes>>> = LazyLock::new(|| {
    let memory = MemoryCacheProvider::default();
    RwLock::new(DynCacheProvider::with_extensions(memory.clone()).with_counters(memory))
});

/// The default cache of the process: a memory cache of 1000 entries, unless [`set_default_cache`] has replaced it.
///
/// It stores bytes, so that one cache serves values of every type: see [`Typed`](crate::Typed).
///
/// ```
/// use isocache::{CacheProvider, Typed, default_cache};
///
/// # pollster::block_on(async {
/// let scores: Typed<u32> = Typed::new(default_cache());
/// scores.set("score:ada", 42, None).await?;
/// assert_eq!(scores.get("score:ada").await?, Some(42));
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
#[must_use]
pub fn default_cache() -> DynCacheProvider<Bytes> {
    DEFAULT.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Replaces the default cache of the process. Handles that [`default_cache`] returned earlier keep the old one.
pub fn set_default_cache(provider: DynCacheProvider<Bytes>) {
    let old = std::mem::replace(&mut *DEFAULT.write().unwrap_or_else(PoisonError::into_inner), provider);
    // Outside the lock: this may drop the last handle to the old cache, and the drop of its values may call
    // `default_cache`.
    drop(old);
}
