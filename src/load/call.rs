//! One call: it looks up the key, and loads the value if it is missing. Synchronous calls run this code too, on the
//! waiting thread, and so do background loads.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::flight::Watched;
use super::follow::Followed;
use super::loaded::{LoadError, Loaded};
use super::lookup::{Found, Look};
#[cfg(feature = "tracing")]
use super::monitor::Monitor;
use super::monitor::{Event, Problem};
use super::options::{LoadOptions, OnError};
use super::scope::{Entered, Scoped};
use super::single_flight::{Leader, Place};
use super::wait::{Limit, boxed};
use crate::clock::Stopwatch;
use crate::error::CacheError;
use crate::provider::{CacheProvider, MaybeSend};

/// The maximum number of lookups of a call. It looks again if a write came between its lookup and its load; after this
/// many lookups it loads, which is always correct.
const MAX_LOOKS: u32 = 4;

/// The outcome of a load, for all its callers. `None` if the loader returned `None`.
pub(super) type Outcome<T, E> = Result<Option<T>, LoadError<E>>;

/// A value to store.
pub(super) struct ToStore<T> {
    pub(super) value: T,
    pub(super) ttl: Option<Duration>,
    /// How long it is kept after that.
    pub(super) window: Duration,
}

pub(super) struct Call<'a, P: ?Sized> {
    pub(super) provider: &'a P,
    pub(super) key: &'a str,
    pub(super) options: &'a LoadOptions,
    /// Whether `None` from the loader is not a value.
    pub(super) is_required: bool,
    /// Whether the callers already have a value.
    pub(super) in_background: bool,
    /// Whether the call blocks its thread.
    pub(super) is_blocking: bool,
}

impl<'a, P: ?Sized> Call<'a, P> {
    pub(super) fn new(provider: &'a P, key: &'a str, options: &'a LoadOptions) -> Self {
        Self { provider, key, options, is_required: false, in_background: false, is_blocking: false }
    }

    pub(super) fn count(&self, event: Event) {
        if let Some(monitor) = self.options.counting() {
            monitor.count(event);
        }
    }

    /// Bypasses an error of the provider, or returns it, as the options say.
    pub(super) fn provider_failed(&self, error: CacheError) -> Result<(), CacheError> {
        provider_failed(self.options, error)
    }

    /// The span of a load: with the name of the function, never with the key, which may be a secret.
    #[cfg(feature = "tracing")]
    fn span(&self) -> tracing::Span {
        let function = self.options.counting().map(Monitor::name);
        tracing::debug_span!(target: "isocache", "load", function, background = self.in_background)
    }

    /// Runs the loader, within the time limit of the call and the scope of the flight.
    async fn run<L, E, Fut>(
        &self,
        flight: Option<usize>,
        limit: &mut Limit<'_>,
        loader: impl FnOnce() -> Fut,
    ) -> Result<L, LoadError<E>>
    where
        Fut: Future<Output = Result<L, E>>,
    {
        let watch = Stopwatch::start();
        let future = {
            let _entered = flight.map(Entered::new);
            loader()
        };
        #[cfg(feature = "tracing")]
        let future = tracing::Instrument::instrument(future, self.span());
        let load = Scoped { flight: flight.unwrap_or_default(), future: Box::pin(future) };
        let loaded = match limit.within(load).await {
            Some(loaded) => loaded.map_err(|error| LoadError::Loader(Arc::new(error))),
            None => Err(self.timed_out(limit)),
        };
        self.count(Event::Load { took: watch.elapsed(), failed: loaded.is_err(), background: self.in_background });
        loaded
    }

    pub(super) fn timed_out<E>(&self, limit: &Limit<'_>) -> LoadError<E> {
        LoadError::TimedOut { key: self.key.to_owned(), limit: limit.length().unwrap_or_default() }
    }

    /// The outcome of a load, and the value to store. An invalid ttl from the loader is an error for all callers.
    fn unpack<T: Clone, E>(
        &self,
        loaded: Result<Option<Loaded<T>>, LoadError<E>>,
    ) -> (Outcome<T, E>, Option<ToStore<T>>) {
        let Loaded { value, ttl, is_stored } = match loaded {
            Ok(Some(loaded)) => loaded,
            Ok(None) => return (Ok(None), None),
            Err(error) => return (Err(error), None),
        };
        if !is_stored {
            return (Ok(Some(value)), None);
        }
        match self.options.lifetime(ttl) {
            Ok((ttl, window)) => (Ok(Some(value.clone())), Some(ToStore { value, ttl, window })),
            Err(error) => (Err(LoadError::Cache(error)), None),
        }
    }

    /// The result for this caller: the outcome of a load, or the stale value if the load failed.
    pub(super) fn or_stale<T, E>(&self, outcome: Outcome<T, E>, fallback: Option<T>) -> Outcome<T, E> {
        match (outcome, fallback) {
            (Err(LoadError::Loader(_) | LoadError::TimedOut { .. }), Some(stale)) => {
                self.count(Event::Stale);
                Ok(Some(stale))
            }
            (outcome, _) => outcome,
        }
    }

    /// Loads as the leader of a flight: all callers get the outcome, and the value is stored in the provider if
    /// `stored` is set. Each caller falls back to a stale value by its own windows.
    pub(super) async fn lead<T, E, Fut>(
        &self,
        leader: Leader,
        fallback: Option<T>,
        stored: bool,
        limit: &mut Limit<'_>,
        loader: impl FnOnce() -> Fut,
    ) -> Outcome<T, E>
    where
        P: CacheProvider<T>,
        T: Clone + MaybeSend + Send + Sync + 'static,
        E: Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Loaded<T>>, E>>,
    {
        let loaded = self.run(Some(leader.scope()), limit, loader).await;
        let read = leader.reads();
        let (outcome, to_store) = self.unpack(loaded);
        leader.share(Arc::new(outcome.clone()), read);
        if let Some(to_store) = to_store.filter(|_| stored) {
            boxed(|| self.store(leader, to_store, limit)).await.map_err(LoadError::Cache)?;
        }
        self.or_stale(outcome, fallback)
    }

    /// Loads without a flight, and stores nothing: for a loader that requests its own key, and for a caller whose type
    /// differs from that of the flight.
    async fn load_alone<T, E, Fut>(
        &self,
        fallback: Option<T>,
        limit: &mut Limit<'_>,
        loader: impl FnOnce() -> Fut,
    ) -> Outcome<T, E>
    where
        T: Clone,
        Fut: Future<Output = Result<Option<Loaded<T>>, E>>,
    {
        let loaded = self.run(None, limit, loader).await;
        let (outcome, _) = self.unpack(loaded);
        self.or_stale(outcome, fallback)
    }

    /// Loads for a provider without [`Loading`].
    async fn load_without_flight<T, E, Fut>(
        &self,
        fallback: Option<T>,
        failed: bool,
        limit: &mut Limit<'_>,
        loader: impl FnOnce() -> Fut,
    ) -> Outcome<T, E>
    where
        P: CacheProvider<T>,
        T: Clone + MaybeSend,
        Fut: Future<Output = Result<Option<Loaded<T>>, E>>,
    {
        let loaded = self.run(None, limit, loader).await;
        let (outcome, to_store) = self.unpack(loaded);
        if let Some(ToStore { value, ttl, .. }) = to_store.filter(|_| !failed) {
            let stored = self.provider.set(self.key, value, ttl).await;
            stored.or_else(|error| self.provider_failed(error)).map_err(LoadError::Cache)?;
        }
        self.or_stale(outcome, fallback)
    }

    /// Counts a value returned from the provider.
    pub(super) fn answered(&self, stale: bool) {
        if !self.in_background {
            self.count(if stale { Event::Stale } else { Event::Hit });
        }
    }

    /// Runs the whole call. The first caller that finds a stale value loads the new one itself; other callers get the
    /// stale value at once. `first` is a lookup that has already been made.
    pub(super) async fn get_or_load<T, E, Fut>(
        &self,
        mut first: Option<Look<T>>,
        loader: impl FnOnce() -> Fut,
    ) -> Outcome<T, E>
    where
        P: CacheProvider<T>,
        T: Clone + MaybeSend + Send + Sync + 'static,
        E: Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Loaded<T>>, E>>,
    {
        let mut limit = Limit::new(self.options, self.is_blocking);
        let loading = self.provider.loading();
        if self.options.force_fresh
            && let Some(loading) = loading
        {
            // A load that began before this call may return a value from before it.
            drop(loading.single_flight().write(self.key).await);
        }
        let mut looks = 0;
        let mut began = None;
        loop {
            looks += 1;
            let Look { found, snapshot } = match first.take() {
                Some(first) => first,
                None => self.find().await.map_err(LoadError::Cache)?,
            };
            // A call begins with its first lookup.
            let began = *began.get_or_insert(snapshot.began());
            let (fallback, refreshed, failed) = match found {
                Found::Answer(value) => {
                    self.answered(false);
                    return Ok(Some(value));
                }
                Found::Refresh { value, stale } => {
                    if loading.is_some_and(|loading| loading.single_flight().is_loading(self.key)) {
                        self.answered(stale);
                        return Ok(Some(value));
                    }
                    (Some(value), Some((snapshot, stale)), false)
                }
                Found::Nothing(old) => (old, None, false),
                Found::Failed => (None, None, true),
            };
            // Callers that already have a value need no fallback.
            let fallback = fallback.filter(|_| !self.in_background);
            let Some(loading) = loading else {
                return boxed(|| self.load_without_flight(fallback, failed, &mut limit, loader)).await;
            };
            match loading.single_flight().join(self.key, began) {
                Place::Leader(leader) => {
                    if !failed && looks < MAX_LOOKS && self.has_changed(loading, snapshot) {
                        continue;
                    }
                    let flight = Arc::clone(leader.flight());
                    let limit = &mut limit;
                    let leading = boxed(|| async move {
                        if failed {
                            boxed(|| self.lead(leader, None, false, limit, loader)).await
                        } else {
                            boxed(|| self.lead_with_lease(leader, fallback, refreshed, limit, loader)).await
                        }
                    });
                    return Watched::new(flight, leading).await;
                }
                Place::Own => return boxed(|| self.load_alone(fallback, &mut limit, loader)).await,
                Place::Follower(_) if self.in_background => return Ok(None),
                Place::Follower(follower) => match boxed(|| self.follow(&follower, &mut limit)).await {
                    Followed::Outcome(Ok(None)) if self.is_required => {}
                    // The leader's limit does not apply to a caller with a longer one, which loads itself.
                    Followed::Outcome(Err(LoadError::TimedOut { limit: theirs, .. }))
                        if limit.length().is_none_or(|own| own > theirs) =>
                    {
                        loading.single_flight().take_over(self.key, &follower);
                    }
                    Followed::Outcome(outcome) => {
                        if outcome.is_ok() || fallback.is_none() {
                            self.count(Event::Coalesced);
                        }
                        return self.or_stale(outcome, fallback);
                    }
                    Followed::Foreign => return boxed(|| self.load_alone(fallback, &mut limit, loader)).await,
                    Followed::Gone => {}
                    Followed::Idle => loading.single_flight().take_over(self.key, &follower),
                    Followed::TimedOut => return self.or_stale(Err(self.timed_out(&limit)), fallback),
                },
            }
        }
    }
}

/// Bypasses an error of the provider, or returns it, as the options say.
pub(super) fn provider_failed(options: &LoadOptions, error: CacheError) -> Result<(), CacheError> {
    if options.on_error == OnError::Propagate || matches!(error, CacheError::InvalidArgument { .. }) {
        return Err(error);
    }
    pass_over(options, error);
    Ok(())
}

/// Counts and reports an error that no caller gets.
pub(super) fn pass_over(options: &LoadOptions, error: CacheError) {
    if let Some(monitor) = options.counting() {
        monitor.count(Event::Bypass);
        monitor.report(&Problem::Failed(error));
    }
}
