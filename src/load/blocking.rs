//! Loading for synchronous code with the memory cache: the same calls, blocking the thread.

use super::cache_aside::required;
use super::call::{Call, Outcome};
use super::loaded::{LoadError, Loaded};
use super::lookup::{Before, Found, Look};
use super::options::LoadOptions;
use super::support::{Loading, Lookup};
use crate::memory::{MemoryCache, MemoryCacheProvider};
use crate::provider::MaybeSend;
use crate::runtime::block_on;

impl<T: Clone + MaybeSend + Send + Sync + 'static> MemoryCache<T> {
    /// [`CacheAside::get_or_set`](crate::CacheAside::get_or_set) for synchronous code.
    ///
    /// Threads that request a key while it is being loaded wait for the load, each up to the
    /// [`timeout`](LoadOptions::timeout) of its options. A running loader cannot be interrupted. A thread must not wait
    /// for an asynchronous load of the same key that it drives itself.
    ///
    /// ```
    /// use isocache::{LoadOptions, MemoryCache};
    ///
    /// let cache = MemoryCache::default();
    /// let squared = cache.get_or_set("7", LoadOptions::new(), || Ok::<u64, String>(7 * 7));
    /// assert_eq!(squared.unwrap(), 49);
    /// ```
    ///
    /// # Errors
    /// As for [`CacheAside::get_or_set`](crate::CacheAside::get_or_set).
    pub fn get_or_set<L: Into<Loaded<T>>, E: Send + Sync + 'static>(
        &self,
        key: &str,
        options: impl Into<LoadOptions>,
        loader: impl FnOnce() -> Result<L, E>,
    ) -> Result<T, LoadError<E>> {
        required(self.get_or_load(key, &options.into(), true, || Ok(Some(loader()?.into()))))
    }

    /// [`CacheAside::get_or_set_optional`](crate::CacheAside::get_or_set_optional) for synchronous code, as
    /// [`get_or_set`](Self::get_or_set).
    ///
    /// # Errors
    /// As for [`CacheAside::get_or_set`](crate::CacheAside::get_or_set).
    pub fn get_or_set_optional<L: Into<Loaded<T>>, E: Send + Sync + 'static>(
        &self,
        key: &str,
        options: impl Into<LoadOptions>,
        loader: impl FnOnce() -> Result<Option<L>, E>,
    ) -> Result<Option<T>, LoadError<E>> {
        self.get_or_load(key, &options.into(), false, || Ok(loader()?.map(Into::into)))
    }

    pub(crate) fn get_or_load<E: Send + Sync + 'static>(
        &self,
        key: &str,
        options: &LoadOptions,
        is_required: bool,
        loader: impl FnOnce() -> Result<Option<Loaded<T>>, E>,
    ) -> Outcome<T, E> {
        options.check().map_err(LoadError::Cache)?;
        // Only a miss needs a provider, which costs a reference count.
        let hit = Call { is_blocking: true, ..Call::new(self, key, options) };
        let look = if options.force_fresh {
            None
        } else {
            let lookup = if options.windows().any() { Lookup::Kept } else { Lookup::Fresh };
            let look = hit.judge(self.look(key, lookup)).map_err(LoadError::Cache)?;
            match look {
                Look { found: Found::Answer(value), .. } => {
                    hit.answered(false);
                    return Ok(Some(value));
                }
                look => Some(look),
            }
        };
        let provider = MemoryCacheProvider::from(self.clone());
        let look = look.map(|look| look.after(Before::of(Loading::single_flight(&provider), key)));
        let call = Call { is_required, is_blocking: true, ..Call::new(&provider, key, options) };
        call.check().map_err(LoadError::Cache)?;
        block_on(call.get_or_load(look, || async { loader() }))
    }
}
