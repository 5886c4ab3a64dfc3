//! The loading methods, for every provider.

use std::future::Future;

use super::call::{Call, Outcome, pass_over};
use super::handoff::Handoff;
use super::loaded::{LoadError, Loaded};
use super::lookup::{Found, Look};
use super::options::LoadOptions;
use crate::error::CacheError;
use crate::provider::{CacheProvider, MaybeSend};

/// Cache-aside for every provider of cloneable values: a missing value is loaded once for all concurrent callers.
///
/// - Callers of one key share a load and its outcome, value or error. Errors are not stored. A call that begins after the
///   loader has ended waits until the value is stored, and looks again: it may have been overwritten since.
/// - A `set`, `delete` or `clear_pattern` of this provider, or of its clones, wins over a load in progress: waiting
///   callers get the loaded value, but it is not stored, and later callers load again. Writes of other processes do not
///   win.
/// - Every call ends within its own [`timeout`](LoadOptions::timeout), whatever happens to the futures of other
///   callers. If the caller that loads is dropped, or its loader panics, another caller loads. The same happens if the
///   future of the caller that loads is ready but is not polled for one or two seconds; that caller still gets its own
///   value, which is not stored.
/// - Writes never wait for a caller. A loaded value is stored in the background where the provider and the
///   [`Runtime`](crate::Runtime) can do so.
/// - A loader may use the same cache, for other keys or its own. A nested call for its own key, within the same task,
///   runs the loader again.
/// - A hit that overlaps a write returns the value found. After a miss, the caller looks again before it loads if there
///   was a write in the meantime.
pub trait CacheAside<T>: CacheProvider<T>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
{
    /// Returns the value under `key`. If there is none, runs the loader and stores its value.
    ///
    /// The loader may borrow. If the options allow stale values, the first caller that finds one waits for the load of
    /// the new value, while others get the stale value at once. With [`get_or_refresh`](Self::get_or_refresh), no
    /// caller waits.
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
    /// assert_eq!(cache.sync().stats().hits, 2);
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`LoadError`]: the loader failed, the call timed out, or an argument or option is invalid.
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
        async move { required(get(self, key, &options, true, || async { Ok(Some(loader().await?.into())) }).await) }
    }

    /// [`get_or_set`](Self::get_or_set) for a loader that may return `None`, which is returned to the callers and not
    /// stored.
    ///
    /// To store `None` as a value, use `get_or_set` with a provider of `Option<T>`.
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
        async move { get(self, key, &options, false, || async { Ok(loader().await?.map(Into::into)) }).await }
    }

    /// [`get_or_set`](Self::get_or_set) for a loader whose future is not `Send`: it may use an `Rc`, or recurse through
    /// `Box::pin`. The future of the call is `Send` if the loader's is. The loader runs in this task; only storing the
    /// value may be spawned.
    ///
    /// ```
    /// use isocache::{CacheAside, MemoryCacheProvider};
    /// use std::rc::Rc;
    ///
    /// # pollster::block_on(async {
    /// let cache = MemoryCacheProvider::default();
    /// let length = cache.get_or_set_local("length", None, || async {
    ///     let text = Rc::new("hello".to_owned());
    ///     std::future::ready(()).await;
    ///     Ok::<_, String>(text.len())
    /// });
    /// assert_eq!(length.await.unwrap(), 5);
    /// # });
    /// ```
    ///
    /// # Errors
    /// As for [`get_or_set`](Self::get_or_set).
    #[allow(async_fn_in_trait, reason = "no bound on the future is what it is for")]
    async fn get_or_set_local<L, E, Fut>(
        &self,
        key: &str,
        options: impl Into<LoadOptions>,
        loader: impl FnOnce() -> Fut,
    ) -> Result<T, LoadError<E>>
    where
        L: Into<Loaded<T>>,
        E: Send + Sync + 'static,
        Fut: Future<Output = Result<L, E>>,
    {
        let options = options.into();
        required(get(self, key, &options, true, || async { Ok(Some(loader().await?.into())) }).await)
    }

    /// [`get_or_set`](Self::get_or_set) for a loader that owns its data: if the options allow stale values, they are
    /// returned at once, and the loader runs in the background, on the [`Runtime`](crate::Runtime) of the options. With
    /// [`detached`](LoadOptions::detached), every load runs there.
    ///
    /// # Errors
    /// As for [`get_or_set`](Self::get_or_set). A background load that fails is counted by the
    /// [`Monitor`](crate::Monitor) of the options.
    fn get_or_refresh<L, E, Fut>(
        &self,
        key: &str,
        options: impl Into<LoadOptions> + MaybeSend,
        loader: impl FnOnce() -> Fut + MaybeSend + 'static,
    ) -> impl Future<Output = Result<T, LoadError<E>>> + MaybeSend
    where
        Self: Clone + 'static,
        L: Into<Loaded<T>> + MaybeSend + 'static,
        E: Send + Sync + MaybeSend + 'static,
        Fut: Future<Output = Result<L, E>> + MaybeSend + 'static,
    {
        let options = options.into();
        async move {
            required(get_or_refresh(self, key, &options, true, || async { Ok(Some(loader().await?.into())) }).await)
        }
    }

    /// [`get_or_refresh`](Self::get_or_refresh) for a loader that may return `None`, as
    /// [`get_or_set_optional`](Self::get_or_set_optional).
    ///
    /// # Errors
    /// As for [`get_or_refresh`](Self::get_or_refresh).
    fn get_or_refresh_optional<L, E, Fut>(
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
        async move { get_or_refresh(self, key, &options, false, || async { Ok(loader().await?.map(Into::into)) }).await }
    }
}

/// Unwraps the value of a call that does not accept `None`.
pub(super) fn required<T, E>(outcome: Outcome<T, E>) -> Result<T, LoadError<E>> {
    outcome?.ok_or_else(|| LoadError::Cache(CacheError::Unavailable("the load ended without a value".into())))
}

/// A call whose loader may borrow. It does not copy its options.
pub(crate) async fn get<T, E, Fut>(
    provider: &(impl CacheProvider<T> + ?Sized),
    key: &str,
    options: &LoadOptions,
    is_required: bool,
    loader: impl FnOnce() -> Fut,
) -> Outcome<T, E>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    E: Send + Sync + 'static,
    Fut: Future<Output = Result<Option<Loaded<T>>, E>>,
{
    let call = Call { is_required, ..Call::new(provider, key, options) };
    call.check().map_err(LoadError::Cache)?;
    if options.is_detached {
        let reason = "needs a loader that owns what it uses: call get_or_refresh instead";
        return Err(LoadError::Cache(CacheError::invalid("detached", reason)));
    }
    let look = call.find_at_once().map_err(LoadError::Cache)?;
    if let Some(Look { found: Found::Answer(value), .. }) = look {
        call.answered(false);
        return Ok(Some(value));
    }
    call.get_or_load(look, loader).await
}

/// A call whose loader owns its data.
pub(crate) async fn get_or_refresh<T, E, Fut>(
    provider: &(impl CacheProvider<T> + Clone + 'static),
    key: &str,
    options: &LoadOptions,
    is_required: bool,
    loader: impl FnOnce() -> Fut + MaybeSend + 'static,
) -> Outcome<T, E>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    E: Send + Sync + MaybeSend + 'static,
    Fut: Future<Output = Result<Option<Loaded<T>>, E>> + MaybeSend + 'static,
{
    let call = Call { is_required, ..Call::new(provider, key, options) };
    call.check().map_err(LoadError::Cache)?;
    let look = if options.force_fresh { None } else { Some(call.find().await.map_err(LoadError::Cache)?) };
    let is_loading = || provider.loading().is_some_and(|loading| loading.single_flight().is_loading(key));
    match look {
        Some(Look { found: Found::Refresh { value, stale }, snapshot }) => {
            call.answered(stale);
            if is_loading() {
                return Ok(Some(value));
            }
            let look = Look { found: Found::Refresh { value: value.clone(), stale }, snapshot };
            let refresh =
                owned_load(provider.clone(), key.to_owned(), options.clone(), Some(look), (false, true), loader);
            let own = options.clone();
            let refresh = Box::pin(async move {
                // The callers have been answered. Failures of the loader are counted where it runs.
                if let Err(LoadError::Cache(error)) = refresh.await {
                    pass_over(&own, error);
                }
            });
            if let Err(refresh) = options.run_on().spawn(refresh) {
                // Without a runtime, the first caller of a stale value waits for the new one.
                refresh.await;
                let fresh = call.find().await.map_err(LoadError::Cache)?;
                return Ok(Some(match fresh.found {
                    Found::Answer(fresh) | Found::Refresh { value: fresh, .. } => fresh,
                    Found::Nothing(_) | Found::Failed => value,
                }));
            }
            Ok(Some(value))
        }
        look if options.is_detached && !matches!(&look, Some(Look { found: Found::Answer(_), .. })) => {
            let fallback = match &look {
                Some(Look { found: Found::Nothing(old), .. }) => old.clone(),
                _ => None,
            };
            let options = options.clone().for_detached_load();
            let load = owned_load(provider.clone(), key.to_owned(), options, look, (is_required, false), loader);
            call.receive(Handoff::start(call.options.run_on(), load), fallback).await
        }
        look => call.get_or_load(look, loader).await,
    }
}

/// A load that owns its data.
async fn owned_load<T, E, Fut>(
    provider: impl CacheProvider<T>,
    key: String,
    options: LoadOptions,
    look: Option<Look<T>>,
    (is_required, in_background): (bool, bool),
    loader: impl FnOnce() -> Fut,
) -> Outcome<T, E>
where
    T: Clone + MaybeSend + Send + Sync + 'static,
    E: Send + Sync + 'static,
    Fut: Future<Output = Result<Option<Loaded<T>>, E>>,
{
    let call = Call { is_required, in_background, ..Call::new(&provider, &key, &options) };
    call.get_or_load(look, loader).await
}

impl<T, P> CacheAside<T> for P
where
    P: CacheProvider<T>,
    T: Clone + MaybeSend + Send + Sync + 'static,
{
}
