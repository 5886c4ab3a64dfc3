//! One call of `get_or_set`: look, and load what is not there.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::flights::{Flights, Leader, Place};
use super::loaded::{LoadError, Loaded};
use super::monitor::Event;
use super::options::{LoadOptions, OnError};
use super::scope::{Entered, Scoped};
use super::windows::Verdict;
use crate::clock::Stopwatch;
use crate::engine::{Millis, NEVER};
use crate::error::CacheError;
use crate::provider::{CacheProvider, MaybeSend, WithTtl};

/// What a flight brings to all its callers. `None` where the loader had nothing.
pub(super) type Outcome<T, E> = Result<Option<T>, LoadError<E>>;

/// What a call has found in the provider.
pub(super) enum Found<T> {
    /// The answer.
    Answer(T),
    /// The answer, but a load is due: for a value that is stale, or soon will be.
    Refresh { value: T, stale: bool },
    /// Nothing to answer with; perhaps something to fall back to.
    Nothing(Option<T>),
    /// The provider failed.
    Failed,
}

pub(super) struct Call<'a, P: ?Sized> {
    pub(super) provider: &'a P,
    pub(super) key: &'a str,
    pub(super) options: &'a LoadOptions,
    /// Whether nobody waits for what is loaded.
    pub(super) behind: bool,
}

impl<P: ?Sized> Call<'_, P> {
    pub(super) fn count(&self, event: Event) {
        if let Some(monitor) = &self.options.monitor {
            monitor.count(event);
        }
    }

    /// What the options say of an error of the provider: that it is passed over, or the error.
    fn provider_failed(&self, error: CacheError) -> Result<(), CacheError> {
        if self.options.on_error == OnError::Propagate || matches!(error, CacheError::InvalidArgument { .. }) {
            return Err(error);
        }
        self.count(Event::Bypass);
        Ok(())
    }

    /// What was looked up, as the options see it.
    pub(super) fn judge<T>(&self, found: Result<Option<WithTtl<T>>, CacheError>) -> Result<Found<T>, CacheError> {
        let (value, left) = match found {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Found::Nothing(None)),
            // What is there is replaced by what is loaded.
            Err(error @ CacheError::Deserialize { .. }) => {
                return self.provider_failed(error).map(|()| Found::Nothing(None));
            }
            Err(error) => return self.provider_failed(error).map(|()| Found::Failed),
        };
        let verdict = self.options.windows().judge(left.map_or(NEVER, millis), self.options.chance());
        Ok(match verdict {
            Verdict::Fresh => Found::Answer(value),
            Verdict::Early => Found::Refresh { value, stale: false },
            Verdict::Stale => Found::Refresh { value, stale: true },
            Verdict::Fallback => Found::Nothing(Some(value)),
            Verdict::Expired => Found::Nothing(None),
        })
    }

    /// Looks into the provider.
    pub(super) async fn find<T: MaybeSend>(&self) -> Result<Found<T>, CacheError>
    where
        P: CacheProvider<T>,
    {
        if self.options.force_fresh {
            return Ok(Found::Nothing(None));
        }
        if self.options.windows().any() {
            return self.judge(self.provider.get_with_ttl(self.key).await);
        }
        let found = match self.provider.get_now(self.key) {
            Some(known) => known,
            None => self.provider.get(self.key).await,
        };
        self.judge(found.map(|found| found.map(|value| (value, None))))
    }

    /// As `find`, where the provider is known to answer at once. Counts nothing, and is asked by a leader.
    fn is_fresh_by_now<T: MaybeSend>(&self) -> Option<bool>
    where
        P: CacheProvider<T>,
    {
        let left = match self.provider.peek_now(self.key)? {
            Ok(Some((_, left))) => left,
            Ok(None) | Err(_) => return Some(false),
        };
        let verdict = self.options.windows().judge(left.map_or(NEVER, millis), 1.0);
        Some(verdict == Verdict::Fresh)
    }

    /// Whether the leader finds that somebody has written since it looked: `writes` is from before that.
    pub(super) fn has_changed<T: MaybeSend>(&self, writes: u64) -> bool
    where
        P: CacheProvider<T>,
    {
        !self.options.force_fresh
            && self
                .is_fresh_by_now()
                .unwrap_or_else(|| self.provider.flights().is_some_and(|flights| flights.writes(self.key) != writes))
    }

    /// Runs the loader, within its limit and the scope of the flight.
    async fn run<L, E, Fut>(&self, flight: Option<usize>, loader: impl FnOnce() -> Fut) -> Result<L, LoadError<E>>
    where
        Fut: Future<Output = Result<L, E>> + MaybeSend,
    {
        let watch = Stopwatch::start();
        let mut load = {
            let _entered = flight.map(Entered::new);
            pin!(Scoped { flight: flight.unwrap_or_default(), future: Box::pin(loader()) })
        };
        let limit = self.options.limit();
        let mut timer = limit.and_then(|limit| self.options.run_on().sleep(limit));
        let loaded = poll_fn(|context| {
            if let Poll::Ready(loaded) = load.as_mut().poll(context) {
                return Poll::Ready(Some(loaded));
            }
            match timer.as_mut().map(|timer| timer.as_mut().poll(context)) {
                Some(Poll::Ready(())) => Poll::Ready(None),
                Some(Poll::Pending) | None => Poll::Pending,
            }
        })
        .await;
        let loaded = match loaded {
            Some(loaded) => loaded.map_err(|error| LoadError::Loader(Arc::new(error))),
            None => Err(LoadError::TimedOut { key: self.key.to_owned(), limit: limit.unwrap_or_default() }),
        };
        self.count(Event::Load { took: watch.elapsed(), failed: loaded.is_err(), behind: self.behind });
        loaded
    }

    /// What is answered, and what is stored, of what the loader brought.
    pub(super) fn settle<T: Clone, E>(
        &self,
        loaded: Result<Option<Loaded<T>>, LoadError<E>>,
        fallback: Option<T>,
    ) -> (Outcome<T, E>, Option<(T, Option<Duration>)>) {
        match (loaded, fallback) {
            (Ok(Some(Loaded { value, ttl, stored })), _) => {
                let kept = stored.then(|| (value.clone(), ttl));
                (Ok(Some(value)), kept)
            }
            (Ok(None), _) => (Ok(None), None),
            (Err(_), Some(stale)) => {
                self.count(Event::Stale);
                (Ok(Some(stale)), None)
            }
            (Err(error), None) => (Err(error), None),
        }
    }

    /// Loads as the leader of a flight: all callers get the outcome, and the provider the value, if it is `stored`.
    pub(super) async fn lead<T, E, Fut>(
        &self,
        leader: Leader<'_>,
        fallback: Option<T>,
        stored: bool,
        loader: impl FnOnce() -> Fut,
    ) -> Outcome<T, E>
    where
        P: CacheProvider<T>,
        T: Clone + MaybeSend + Send + Sync + 'static,
        E: Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Loaded<T>>, E>> + MaybeSend,
    {
        let loaded = self.run(Some(leader.scope()), loader).await;
        let (outcome, kept) = self.settle(loaded, fallback);
        leader.share(Arc::new(outcome.clone()));
        if let Some((value, ttl)) = kept.filter(|_| stored)
            && leader.may_store()
        {
            self.store(Some(leader.scope()), value, ttl).await.map_err(LoadError::Cache)?;
        }
        outcome
    }

    async fn store<T: MaybeSend>(
        &self,
        flight: Option<usize>,
        value: T,
        ttl: Option<Duration>,
    ) -> Result<(), CacheError>
    where
        P: CacheProvider<T>,
    {
        let life = self.options.life(ttl)?;
        let stored = match flight {
            Some(flight) => Scoped { flight, future: Box::pin(self.provider.set(self.key, value, life)) }.await,
            None => self.provider.set(self.key, value, life).await,
        };
        stored.or_else(|error| self.provider_failed(error))
    }

    /// Loads without a flight: where the provider has none, or the loader of this very key asks, or the flight of the key
    /// brings another type.
    pub(super) async fn load_alone<T, E, Fut>(
        &self,
        fallback: Option<T>,
        stored: bool,
        loader: impl FnOnce() -> Fut,
    ) -> Outcome<T, E>
    where
        P: CacheProvider<T>,
        T: Clone + MaybeSend,
        Fut: Future<Output = Result<Option<Loaded<T>>, E>> + MaybeSend,
    {
        let loaded = self.run(None, loader).await;
        let (outcome, kept) = self.settle(loaded, fallback);
        if let Some((value, ttl)) = kept.filter(|_| stored) {
            self.store(None, value, ttl).await.map_err(LoadError::Cache)?;
        }
        outcome
    }

    /// Counts an answer from the provider.
    pub(super) fn answered(&self, stale: bool) {
        self.count(if stale { Event::Stale } else { Event::Hit });
    }

    /// The whole call, where the loader may borrow: who finds a stale value first loads the new one itself, and others
    /// are answered at once. `first` is what was found already, with the writes from before that.
    pub(super) async fn get_or_load<T, E, Fut>(
        &self,
        mut first: Option<(u64, Found<T>)>,
        loader: impl FnOnce() -> Fut,
    ) -> Outcome<T, E>
    where
        P: CacheProvider<T>,
        T: Clone + MaybeSend + Send + Sync + 'static,
        E: Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Loaded<T>>, E>> + MaybeSend,
    {
        let flights = self.provider.flights();
        if self.options.force_fresh
            && let Some(flights) = flights
        {
            // A load that began before this call may bring what was before it.
            drop(flights.write(self.key).await);
        }
        loop {
            let (writes, found) = match first.take() {
                Some(first) => first,
                None => (self.writes(flights), self.find().await.map_err(LoadError::Cache)?),
            };
            let (fallback, failed) = match found {
                Found::Answer(value) => {
                    self.answered(false);
                    return Ok(Some(value));
                }
                Found::Refresh { value, stale } => {
                    if flights.is_some_and(|flights| flights.is_loading(self.key)) {
                        self.answered(stale);
                        return Ok(Some(value));
                    }
                    (Some(value), false)
                }
                Found::Nothing(old) => (old, false),
                Found::Failed => (None, true),
            };
            let Some(flights) = flights else { return self.load_alone(fallback, !failed, loader).await };
            match flights.join(self.key) {
                Place::Leader(leader) => {
                    if !failed && self.has_changed(writes) {
                        continue;
                    }
                    return self.lead(leader, fallback, !failed, loader).await;
                }
                Place::Own => return self.load_alone(fallback, false, loader).await,
                Place::Follower(follower) => match self.followed(follower.outcome().await) {
                    Followed::Outcome(outcome) => return outcome,
                    Followed::Foreign => return self.load_alone(fallback, false, loader).await,
                    Followed::Gone => {}
                },
            }
        }
    }

    /// The writes to the key so far.
    pub(super) fn writes(&self, flights: Option<&Flights>) -> u64 {
        flights.map_or(0, |flights| flights.writes(self.key))
    }

    /// What a flight brought, as this caller sees it.
    pub(super) fn followed<T: Clone + 'static, E: 'static>(
        &self,
        outcome: Option<Arc<dyn std::any::Any + Send + Sync>>,
    ) -> Followed<T, E> {
        let Some(outcome) = outcome else { return Followed::Gone };
        match outcome.downcast_ref::<Outcome<T, E>>() {
            Some(outcome) => {
                self.count(Event::Coalesced);
                Followed::Outcome(outcome.clone())
            }
            None => Followed::Foreign,
        }
    }
}

/// What a follower gets.
pub(super) enum Followed<T, E> {
    Outcome(Outcome<T, E>),
    /// Another type than the caller's.
    Foreign,
    /// Nothing: the leader is gone.
    Gone,
}

fn millis(left: Duration) -> Millis {
    left.as_secs_f64() * 1000.0
}
