//! One load in progress, shared by its leader, its followers and the writers of its key.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::error::CacheError;

/// The outcome of a load: the value or the error, in the types of the caller that loads. `None` if its leader was
/// dropped.
pub(super) type AnyOutcome = Option<Arc<dyn Any + Send + Sync>>;

/// The end of a load, for a caller that waits for it.
pub(super) struct Ended {
    /// Also `None` if the value was read before the caller began.
    pub(super) outcome: AnyOutcome,
    /// The error of storing the value, if the callers get it.
    pub(super) store_error: Option<CacheError>,
}

/// The loader is running, or its value is being stored within one poll.
const LOADING: u8 = 0;
/// The leader itself is storing the value. It might not be polled any more.
const STORING: u8 = 1;
/// A background task is storing the value.
const STORING_IN_BACKGROUND: u8 = 2;
/// A write came, or another caller took over: the value must not be stored.
const OVERTAKEN: u8 = 3;

/// The state of a flight after a write to its key.
pub(super) enum Overtaking {
    /// Its value will not be stored.
    Overtaken,
    /// Its value is being stored, which ends without help from callers.
    Storing,
}

#[derive(Default)]
pub(super) struct Flight {
    phase: AtomicU8,
    state: Mutex<State>,
    /// Whether the leader has been woken and not polled since.
    is_woken: AtomicBool,
    /// The number of polls of the leader.
    polls: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Known before the value is stored.
    outcome: AnyOutcome,
    /// When the outcome was read. Only callers that began earlier get it.
    read: u64,
    /// The error of storing the value, if the callers get it.
    store_error: Option<CacheError>,
    has_ended: bool,
    wakers: Vec<Waker>,
}

impl State {
    fn outcome_since(&self, began: u64) -> AnyOutcome {
        self.outcome.clone().filter(|_| self.read > began)
    }
}

impl Flight {
    /// A number that is unique among live flights.
    pub(super) fn address(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Whether the value may still be stored.
    pub(super) fn is_current(&self) -> bool {
        self.phase.load(Ordering::SeqCst) != OVERTAKEN
    }

    /// Whether storing the value has begun and has not been stopped.
    pub(super) fn is_stored(&self) -> bool {
        matches!(self.phase.load(Ordering::SeqCst), STORING | STORING_IN_BACKGROUND)
    }

    pub(super) fn is_stored_by_leader(&self) -> bool {
        self.phase.load(Ordering::SeqCst) == STORING
    }

    /// Prevents the value from being stored, unless it is being stored in the background.
    pub(super) fn overtake(&self) -> Overtaking {
        let overtaken = self.phase.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |phase| {
            (phase != STORING_IN_BACKGROUND).then_some(OVERTAKEN)
        });
        if overtaken.is_ok() { Overtaking::Overtaken } else { Overtaking::Storing }
    }

    /// Prevents the value from being stored; stops storing it if storing has begun.
    pub(super) fn stop(&self) {
        self.phase.store(OVERTAKEN, Ordering::SeqCst);
    }

    /// Begins to store the value. Returns false if the flight was overtaken.
    pub(super) fn begin_to_store(&self, in_background: bool) -> bool {
        let phase = if in_background { STORING_IN_BACKGROUND } else { STORING };
        self.phase.compare_exchange(LOADING, phase, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Sets the outcome, and when it was read. Waiters get it at the [end](Self::end), when it is known whether the value
    /// could be stored.
    pub(super) fn share(&self, outcome: Arc<dyn Any + Send + Sync>, read: u64) {
        let mut state = self.state();
        state.outcome = Some(outcome);
        state.read = read;
    }

    pub(super) fn fail_to_store(&self, error: CacheError) {
        self.state().store_error = Some(error);
    }

    pub(super) fn end(&self) {
        let wakers = {
            let mut state = self.state();
            state.has_ended = true;
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The outcome for a caller that began at this time. It may be known before the end.
    pub(super) fn outcome(&self, began: u64) -> AnyOutcome {
        self.state().outcome_since(began)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end of the flight, after its value was stored, for a caller that began at this time.
    pub(super) async fn ended(&self, began: u64) -> Ended {
        let mut place = None;
        poll_fn(|context: &mut Context<'_>| {
            let mut state = self.state();
            if state.has_ended {
                let outcome = state.outcome_since(began);
                let store_error = state.store_error.clone().filter(|_| outcome.is_some());
                return Poll::Ready(Ended { outcome, store_error });
            }
            // Wakers are only added until the end.
            if let Some(waker) = place.and_then(|at: usize| state.wakers.get_mut(at)) {
                waker.clone_from(context.waker());
            } else {
                place = Some(state.wakers.len());
                state.wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// The number of polls of the leader, if it has been woken and not polled since.
    pub(super) fn idle_since(&self) -> Option<u64> {
        self.is_woken.load(Ordering::SeqCst).then(|| self.polls.load(Ordering::SeqCst))
    }
}

/// Wraps a leader's future, to record whether it is polled when it is ready.
pub(super) struct Watched<F> {
    flight: Arc<Flight>,
    future: F,
    waker: Option<Arc<WatchedWaker>>,
}

struct WatchedWaker {
    flight: Arc<Flight>,
    waker: Waker,
}

impl Wake for WatchedWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.flight.is_woken.store(true, Ordering::SeqCst);
        self.waker.wake_by_ref();
    }
}

impl<F> Watched<F> {
    pub(super) fn new(flight: Arc<Flight>, future: F) -> Self {
        Self { flight, future, waker: None }
    }
}

impl<F: Future + Unpin> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.flight.is_woken.store(false, Ordering::SeqCst);
        self.flight.polls.fetch_add(1, Ordering::SeqCst);
        let waker = match self.waker.take() {
            Some(watched) if watched.waker.will_wake(context.waker()) => watched,
            _ => Arc::new(WatchedWaker { flight: Arc::clone(&self.flight), waker: context.waker().clone() }),
        };
        let polled = Pin::new(&mut self.future).poll(&mut Context::from_waker(&Waker::from(Arc::clone(&waker))));
        self.waker = Some(waker);
        polled
    }
}
