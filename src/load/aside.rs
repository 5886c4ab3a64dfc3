//! The methods that load, on every provider.

use std::future::Future;

use super::call::{Call, Found, Look, Outcome, Then};
use super::flights::Place;
use super::lease::Turn;
use super::loaded::{LoadError, Loaded};
use super::options::LoadOptions;
use crate::provider::{CacheProvider, MaybeSend};

/// Cache-aside on every provider of values that can be shared: what is not there is loaded, once for all who ask.
///
/// - Callers who ask for one key while it is loaded wait for the same load and get its outcome, value or error. Errors are
///   not stored.
/// - A `set`, `delete` or `clear_pattern` of this provider, or of its clones, that comes during a load wins: who waits
///   gets the loaded value, but it is not stored, and who asks later loads again. In other processes it does not.
/// - When the caller that loads is dropped, or its loader panics, one of those who wait loads instead.
/// - The loader may ask the same cache, for other keys or its own. Asked for its own, within its own task, it is run again.
/// - A caller whose future is dropped while its loaded value is on its way to a remote store has no say about the order in
///   which that and later writes arrive.
pub trait CacheAside<T>: CacheProvider<T>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
{
    /// The value under `key`; if there is none, what `loader` brings, which is stored.
    ///
    /// The loader may borrow. Where the options allow stale values, the first caller who finds one loads the new one and
    /// waits for it, while others are answered at once; with [`get_or_refresh`](Self::get_or_refresh) nobody waits.
    ///
    /// ```
    /// use isocache::{CacheAside, LoadOptions, MemoryCacheProvider};
    /// use std::time::Duration;
    ///
    /// # pollster::block_on(async {
    /// let cache = MemoryCacheProvider::default();
    /// let five_minutes = Duration::from_secs(300);
    /// for _ in 0..3 {
    ///     let user = cache.get_or_set("user:1", five_minutes, || async { Ok::<_, String>("Ada".to_owned()) });
    ///     assert_eq!(user.await.unwrap(), "Ada");
    /// }
    /// assert_eq!(cache.stats().hits, 2);
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`LoadError`]: the loader's, or that it took too long, or that an argument cannot be.
    fn get_or_set<L, E, Fut>(
        &self,
        key: &str,
        options: impl Into<LoadOptions> + MaybeSend,
        loader: impl FnOnce() -> Fut + MaybeSend,
    ) -> impl Future<Output = Result<T, LoadError<E>>> + MaybeSend
    where
        L: Into<Loaded<T>> + MaybeSend,
        E: Send + Sync + MaybeSend + 'static,
        Fut: Future<Output = Result<L, E>> + MaybeSend,
    {
        let options = options.into();
        async move {
            let mut loader = Some(loader);
            loop {
                let load = || {
                    let loader = loader.take();
                    async move {
                        let Some(loader) = loader else { return Ok(None) };
                        Ok(Some(loader().await?.into()))
                    }
                };
                // There is nothing only where another caller's `get_or_set_optional` had nothing: then again.
                if let Some(value) = get(self, key, &options, load).await? {
                    return Ok(value);
                }
            }
        }
    }

    /// As [`get_or_set`](Self::get_or_set), where there may be nothing to load: `None` is answered and not stored.
    ///
    /// To store that there is nothing, use a provider of `Option<T>`, and `get_or_set`.
    ///
    /// # Errors
    /// As for [`get_or_set`](Self::get_or_set).
    fn get_or_set_optional<L, E, Fut>(
        &self,
        key: &str,
        options: impl Into<LoadOptions> + MaybeSend,
        loader: impl FnOnce() -> Fut + MaybeSend,
    ) -> impl Future<Output = Result<Option<T>, LoadError<E>>> + MaybeSend
    where
        L: Into<Loaded<T>> + MaybeSend,
        E: Send + Sync + MaybeSend + 'static,
        Fut: Future<Output = Result<Option<L>, E>> + MaybeSend,
    {
        let options = options.into();
        async move { get(self, key, &options, || async { Ok(loader().await?.map(Into::into)) }).await }
    }

    /// As [`get_or_set`](Self::get_or_set), with a loader that owns what it needs: where the options allow stale values,
    /// they are answered at once, and the loader runs behind, on the [`Runtime`](crate::Runtime) of the options.
    ///
    /// # Errors
    /// As for [`get_or_set`](Self::get_or_set). What goes wrong behind is counted by the [`Monitor`](crate::Monitor) of
    /// the options.
    fn get_or_refresh<L, E, Fut>(
        &self,
        key: &str,
        options: impl Into<LoadOptions> + MaybeSend,
        loader: impl FnOnce() -> Fut + MaybeSend + 'static,
    ) -> impl Future<Output = Result<Option<T>, LoadError<E>>> + MaybeSend
    where
        Self: Clone + 'static,
        L: Into<Loaded<T>> + MaybeSend + 'static,
        E: Send + Sync + MaybeSend + 'static,
        Fut: Future<Output = Result<Option<L>, E>> + MaybeSend + 'static,
    {
        let options = options.into();
        async move {
            let load = || async { Ok(loader().await?.map(Into::into)) };
            let call = Call { provider: self, key, options: &options, behind: false };
            call.check().map_err(LoadError::Cache)?;
            let (value, stale, then) = match call.find().await.map_err(LoadError::Cache)? {
                Look { found: Found::Refresh { value, stale }, then } => (value, stale, then),
                look => return call.get_or_load(Some(look), load).await,
            };
            call.answered(stale);
            if self.flights().is_some_and(|flights| flights.is_loading(key)) {
                return Ok(Some(value));
            }
            let behind = refresh(self.clone(), key.to_owned(), options.clone(), then, load);
            if let Err(here) = options.run_on().spawn(Box::pin(behind)) {
                here.await;
                let fresh = self.get_with_ttl(key).await;
                return Ok(Some(fresh.ok().flatten().map_or(value, |(value, _)| value)));
            }
            Ok(Some(value))
        }
    }
}

/// A call of `get_or_set_optional`, without a copy of its options.
pub(crate) async fn get<T, E, Fut>(
    provider: &(impl CacheProvider<T> + ?Sized),
    key: &str,
    options: &LoadOptions,
    loader: impl FnOnce() -> Fut,
) -> Outcome<T, E>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    E: Send + Sync + 'static,
    Fut: Future<Output = Result<Option<Loaded<T>>, E>> + MaybeSend,
{
    let call = Call { provider, key, options, behind: false };
    call.check().map_err(LoadError::Cache)?;
    call.get_or_load(None, loader).await
}

/// Loads what callers have been answered without, unless somebody else does or has.
async fn refresh<T, E, Fut>(
    provider: impl CacheProvider<T>,
    key: String,
    options: LoadOptions,
    then: Then,
    loader: impl FnOnce() -> Fut,
) where
    T: Clone + MaybeSend + Send + Sync + 'static,
    E: Send + Sync + 'static,
    Fut: Future<Output = Result<Option<Loaded<T>>, E>> + MaybeSend,
{
    let call = Call { provider: &provider, key: &key, options: &options, behind: true };
    let Some(flights) = provider.flights() else {
        // What went wrong has been counted.
        let _ = call.load_alone(None, true, loader).await;
        return;
    };
    if let Place::Leader(leader) = flights.join(&key)
        && !call.has_changed(then)
        && let Ok(Turn::Load { lease, fallback: _, stored }) = call.turn(None, Some(then)).await
    {
        let _ = call.lead(leader, None, stored, loader).await;
        call.release(lease).await;
    }
}

impl<T, P> CacheAside<T> for P
where
    P: CacheProvider<T>,
    T: Clone + MaybeSend + Send + Sync + 'static,
{
}
