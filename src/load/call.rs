//! One call of `get_or_set`: look, and load what is not there.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::flights::{Leader, Place};
use super::loaded::{LoadError, Loaded};
use super::monitor::Event;
#[cfg(feature = "tracing")]
use super::monitor::Monitor;
use super::options::{LoadOptions, OnError};
use super::scope::{Entered, Scoped};
use super::windows::Verdict;
use crate::clock::Stopwatch;
use crate::engine::{Millis, NEVER};
use crate::error::CacheError;
use crate::provider::{CacheProvider, MaybeSend, WithTtl};

/// What is left of the life of an entry that is not there.
const ABSENT: Millis = -1.0;

/// What a flight brings to all its callers. `None` where the loader had nothing.
pub(super) type Outcome<T, E> = Result<Option<T>, LoadError<E>>;

/// A value to store, with the ttl that its loader has named.
type Kept<T> = (T, Option<Duration>);

/// A look into the provider.
pub(super) struct Look<T> {
    pub(super) found: Found<T>,
    pub(super) then: Then,
}

/// How it was when somebody looked, for finding out whether it has changed.
#[derive(Clone, Copy)]
pub(super) struct Then {
    /// The writes to the key, from before the look.
    pub(super) writes: u64,
    /// What was left of the entry's life; less than nothing if there was no entry.
    pub(super) left: Millis,
}

/// What a look has found.
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
        if let Some(monitor) = self.options.counting() {
            monitor.count(event);
        }
    }

    /// What the options say of an error of the provider: that it is passed over, or the error.
    pub(super) fn provider_failed(&self, error: CacheError) -> Result<(), CacheError> {
        if self.options.on_error == OnError::Propagate || matches!(error, CacheError::InvalidArgument { .. }) {
            return Err(error);
        }
        self.count(Event::Bypass);
        Ok(())
    }

    /// What was looked up, as the options see it.
    pub(super) fn judge<T>(
        &self,
        writes: u64,
        found: Result<Option<WithTtl<T>>, CacheError>,
    ) -> Result<Look<T>, CacheError> {
        let look = |found, left| Look { found, then: Then { writes, left } };
        let (value, left) = match found {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(look(Found::Nothing(None), ABSENT)),
            // What is there is replaced by what is loaded.
            Err(error @ CacheError::Deserialize { .. }) => {
                return self.provider_failed(error).map(|()| look(Found::Nothing(None), NEVER));
            }
            Err(error) => return self.provider_failed(error).map(|()| look(Found::Failed, NEVER)),
        };
        let windows = self.options.windows();
        if !windows.any() {
            return Ok(look(Found::Answer(value), NEVER));
        }
        let left = left.map_or(NEVER, millis);
        let verdict = windows.judge(left, self.options.chance());
        let found = match verdict {
            Verdict::Fresh => Found::Answer(value),
            Verdict::Early => Found::Refresh { value, stale: false },
            Verdict::Stale => Found::Refresh { value, stale: true },
            Verdict::Fallback => Found::Nothing(Some(value)),
            Verdict::Expired => Found::Nothing(None),
        };
        Ok(look(found, left))
    }

    /// Looks into the provider.
    pub(super) async fn find<T: MaybeSend>(&self) -> Result<Look<T>, CacheError>
    where
        P: CacheProvider<T>,
    {
        let writes = || self.provider.flights().map_or(0, |flights| flights.writes(self.key));
        if self.options.force_fresh {
            return self.judge(writes(), Ok(None));
        }
        if self.options.windows().any() {
            return self.judge(writes(), self.provider.get_with_ttl(self.key).await);
        }
        let alone = |value| (value, None);
        if let Some(known) = self.provider.get_now(self.key) {
            // An answer is compared with nothing later.
            let writes = if matches!(known, Ok(Some(_))) { 0 } else { writes() };
            return self.judge(writes, known.map(|found| found.map(alone)));
        }
        let writes = writes();
        self.judge(writes, self.provider.get(self.key).await.map(|found| found.map(alone)))
    }

    /// Whether the leader finds that there is something newer than there was.
    pub(super) fn has_changed<T: MaybeSend>(&self, then: Then) -> bool
    where
        P: CacheProvider<T>,
    {
        if self.options.force_fresh {
            return false;
        }
        match self.provider.peek_now(self.key) {
            Some(Ok(Some((_, left)))) => left.map_or(NEVER, millis) > then.left,
            Some(Ok(None) | Err(_)) => false,
            None => self.provider.flights().is_some_and(|flights| flights.writes(self.key) != then.writes),
        }
    }

    /// The span of a load: with the name of the function, never with the key, which may be a secret.
    #[cfg(feature = "tracing")]
    pub(super) fn span(&self) -> tracing::Span {
        let function = self.options.counting().map(Monitor::name);
        tracing::debug_span!(target: "isocache", "load", function, behind = self.behind)
    }

    /// Runs the loader, within its limit and the scope of the flight.
    async fn run<L, E, Fut>(&self, flight: Option<usize>, loader: impl FnOnce() -> Fut) -> Result<L, LoadError<E>>
    where
        Fut: Future<Output = Result<L, E>> + MaybeSend,
    {
        let watch = Stopwatch::start();
        let future = {
            let _entered = flight.map(Entered::new);
            loader()
        };
        #[cfg(feature = "tracing")]
        let future = tracing::Instrument::instrument(future, self.span());
        let mut load = pin!(Scoped { flight: flight.unwrap_or_default(), future: Box::pin(future) });
        let limit = self.options.limit();
        let mut timer = limit.and_then(|limit| self.options.run_on().sleep(limit));
        let brought = poll_fn(|context| {
            if let Poll::Ready(brought) = load.as_mut().poll(context) {
                return Poll::Ready(Some(brought));
            }
            match timer.as_mut().map(|timer| timer.as_mut().poll(context)) {
                Some(Poll::Ready(())) => Poll::Ready(None),
                Some(Poll::Pending) | None => Poll::Pending,
            }
        })
        .await;
        let brought = match brought {
            Some(brought) => brought.map_err(|error| LoadError::Loader(Arc::new(error))),
            None => Err(LoadError::TimedOut { key: self.key.to_owned(), limit: limit.unwrap_or_default() }),
        };
        self.count(Event::Load { took: watch.elapsed(), failed: brought.is_err(), behind: self.behind });
        brought
    }

    /// What is answered, and what is stored, of what the loader brought.
    pub(super) fn settle<T: Clone, E>(
        &self,
        brought: Result<Option<Loaded<T>>, LoadError<E>>,
        fallback: Option<T>,
    ) -> (Outcome<T, E>, Option<Kept<T>>) {
        match (brought, fallback) {
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
        led: Leader<'_>,
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
        let brought = self.run(Some(led.scope()), loader).await;
        let (outcome, kept) = self.settle(brought, fallback);
        led.share(Arc::new(outcome.clone()));
        if let Some((value, ttl)) = kept.filter(|_| stored)
            && led.may_store()
        {
            self.store(Some(led.scope()), value, ttl).await.map_err(LoadError::Cache)?;
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
        let brought = self.run(None, loader).await;
        let (outcome, kept) = self.settle(brought, fallback);
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
    /// are answered at once. `first` is a look that was taken already.
    pub(super) async fn get_or_load<T, E, Fut>(
        &self,
        mut first: Option<Look<T>>,
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
            let Look { found, then } = match first.take() {
                Some(first) => first,
                None => self.find().await.map_err(LoadError::Cache)?,
            };
            let (fallback, in_hand, failed) = match found {
                Found::Answer(value) => {
                    self.answered(false);
                    return Ok(Some(value));
                }
                Found::Refresh { value, stale } => {
                    if flights.is_some_and(|flights| flights.is_loading(self.key)) {
                        self.answered(stale);
                        return Ok(Some(value));
                    }
                    (Some(value), Some((then, stale)), false)
                }
                Found::Nothing(old) => (old, None, false),
                Found::Failed => (None, None, true),
            };
            let Some(flights) = flights else { return self.load_alone(fallback, !failed, loader).await };
            match flights.join(self.key) {
                Place::Leader(led) => {
                    if failed {
                        return self.lead(led, None, false, loader).await;
                    }
                    if self.has_changed(then) {
                        continue;
                    }
                    return self.lead_in_turn(led, fallback, in_hand, loader).await;
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
