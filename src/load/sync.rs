//! Loading for synchronous code, over memory.

use std::sync::Arc;

use super::call::{Call, Followed, Found, Look, Outcome};
use super::flights::Place;
use super::loaded::{LoadError, Loaded};
use super::monitor::Event;
use super::options::LoadOptions;
use super::scope::Entered;
use crate::clock::Stopwatch;
use crate::error::CacheError;
use crate::memory::{MemoryCache, MemoryCacheProvider};
use crate::provider::MaybeSend;

impl<T: Clone + MaybeSend + Send + Sync + 'static> MemoryCache<T> {
    /// As [`CacheAside::get_or_set`](crate::CacheAside::get_or_set), for code that does not wait for futures.
    ///
    /// Threads that ask for one key while it is loaded wait for it, up to the [`timeout`](LoadOptions::timeout) of their
    /// options. A loader itself cannot be interrupted. Do not mix it with asynchronous loads of the same keys in one
    /// thread: it would hold the thread that they need.
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
        let mut loader = Some(loader);
        let options = options.into();
        loop {
            let load = || loader.take().map(|loader| loader().map(Into::into)).transpose();
            // There is nothing only where another caller's load of something optional had nothing: then again.
            if let Some(value) = self.get_or_load(key, &options, load)? {
                return Ok(value);
            }
        }
    }

    /// As [`CacheAside::get_or_set_optional`](crate::CacheAside::get_or_set_optional), as
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
        self.get_or_load(key, &options.into(), || loader().map(|brought| brought.map(Into::into)))
    }

    pub(crate) fn get_or_load<E: Send + Sync + 'static>(
        &self,
        key: &str,
        options: &LoadOptions,
        loader: impl FnOnce() -> Result<Option<Loaded<T>>, E>,
    ) -> Outcome<T, E> {
        options.check().map_err(LoadError::Cache)?;
        let call = Call { provider: self, key, options, behind: false };
        let flights = &self.shared.flights;
        if options.force_fresh {
            drop(flights.write_now(key));
        }
        loop {
            let Look { found, then } = call.find_sync().map_err(LoadError::Cache)?;
            let fallback = match found {
                Found::Answer(value) => {
                    call.answered(false);
                    return Ok(Some(value));
                }
                Found::Refresh { value, stale } => {
                    if flights.is_loading(key) {
                        call.answered(stale);
                        return Ok(Some(value));
                    }
                    Some(value)
                }
                Found::Nothing(old) => old,
                Found::Failed => None,
            };
            match flights.join(key) {
                Place::Leader(led) => {
                    let provider = &MemoryCacheProvider::from(self.clone());
                    let seen = Call { provider, key, options, behind: false };
                    if seen.has_changed(then) {
                        continue;
                    }
                    let (outcome, kept) = {
                        let _entered = Entered::new(led.scope());
                        call.settle(call.run_sync(loader), fallback)
                    };
                    led.share(Arc::new(outcome.clone()));
                    if let Some((value, ttl)) = kept
                        && led.may_store()
                    {
                        let _entered = Entered::new(led.scope());
                        options.life(ttl).and_then(|life| self.set(key, value, life)).map_err(LoadError::Cache)?;
                    }
                    return outcome;
                }
                Place::Own => return call.settle(call.run_sync(loader), fallback).0,
                Place::Follower(follower) => {
                    let limit = options.limit();
                    let Some(outcome) = follower.outcome_blocking(limit) else {
                        return Err(LoadError::TimedOut { key: key.to_owned(), limit: limit.unwrap_or_default() });
                    };
                    match call.followed(outcome) {
                        Followed::Outcome(outcome) => return outcome,
                        Followed::Foreign => return call.settle(call.run_sync(loader), fallback).0,
                        Followed::Gone => {}
                    }
                }
            }
        }
    }
}

impl<T: Clone> Call<'_, MemoryCache<T>> {
    fn find_sync(&self) -> Result<Look<T>, CacheError> {
        if self.options.force_fresh {
            return self.judge(0, Ok(None));
        }
        if self.options.windows().any() {
            return self.judge(0, self.provider.get_with_ttl(self.key));
        }
        self.judge(0, self.provider.get(self.key).map(|found| found.map(|value| (value, None))))
    }

    fn run_sync<E>(
        &self,
        loader: impl FnOnce() -> Result<Option<Loaded<T>>, E>,
    ) -> Result<Option<Loaded<T>>, LoadError<E>> {
        let watch = Stopwatch::start();
        #[cfg(feature = "tracing")]
        let _span = self.span().entered();
        let brought = loader().map_err(|error| LoadError::Loader(Arc::new(error)));
        self.count(Event::Load { took: watch.elapsed(), failed: brought.is_err(), behind: false });
        brought
    }
}
