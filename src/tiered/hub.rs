//! [`Hub`]: the state that the views of a tiered cache share: the link, the operations in progress, and the copies that
//! announcements concern.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use super::admission::Admission;
use super::link::{Link, Meaning};
use super::planted::Planted;
use super::running::{Running, Stop};
use super::source::{Announce, Invalidation, InvalidationSource};
use super::stats::LinkState;
use crate::clock::Clock;
use crate::engine::Millis;
use crate::error::{CacheError, Result};
use crate::load::SingleFlight;
use crate::load::wait::race;
use crate::provider::BoxFuture;
use crate::runtime::{Runtime, platform_sleep};

/// The maximum pause between a failed poll and the next one.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Sleeps for a time.
pub(super) type Sleeper = Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// A table of near copies.
pub(super) trait Copies: Send + Sync {
    fn forget(&self, key: &str);
    fn forget_matching(&self, pattern: &str);
    fn forget_all(&self);
    /// Reports the hits since the last call to `metrics`.
    #[cfg(feature = "metrics")]
    fn report_hits(&self, name: &str);
}

pub(super) struct Hub {
    pub(super) source: Option<Box<dyn InvalidationSource>>,
    pub(super) clock: Arc<dyn Clock>,
    runtime: Option<Arc<dyn Runtime>>,
    /// The bits of the time until which copies may be served, which every hit checks.
    pub(super) serves_until: AtomicU64,
    state: Mutex<State>,
    copies: Mutex<Vec<Weak<dyn Copies>>>,
    pub(super) polls: SingleFlight,
    #[cfg(any(feature = "metrics", feature = "tracing"))]
    pub(super) name: String,
}

pub(super) struct State {
    pub(super) link: Link,
    pub(super) admission: Admission,
    counts: LinkCounts,
    /// The task that runs the source.
    pub(super) running: Option<Running>,
    pub(super) runs: u64,
    /// The callers that wait for the connection.
    pub(super) waiting: Vec<Waker>,
    /// A write whose announcement will show the lag, and when it was sent.
    pub(super) probe: Option<(Box<str>, Millis)>,
    /// The earliest time of the next poll, after a failed one.
    pub(super) next_poll: Millis,
    /// The time until which copies were served; `None` if they never were.
    pub(super) served_until: Option<Millis>,
    /// The cause of the last loss of announcements.
    pub(super) last_loss: Option<CacheError>,
}

/// The counts of announcements.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LinkCounts {
    pub(super) invalidations: u64,
    pub(super) resets: u64,
    /// How long copies were not served, up to the last connection.
    pub(super) suspect: Millis,
    pub(super) lag: Option<Millis>,
}

impl Hub {
    pub(super) fn new(
        source: Option<Box<dyn InvalidationSource>>,
        clock: Arc<dyn Clock>,
        runtime: Option<Arc<dyn Runtime>>,
        name: String,
        planted: Option<Planted>,
    ) -> Arc<Self> {
        let link = if source.is_some() { Link::new(planted) } else { Link::without_announcements() };
        #[cfg(not(any(feature = "metrics", feature = "tracing")))]
        drop(name);
        Arc::new(Self {
            source,
            clock,
            runtime,
            serves_until: AtomicU64::new(link.serves_until().to_bits()),
            state: Mutex::new(State {
                link,
                admission: Admission::new(planted),
                counts: LinkCounts::default(),
                running: None,
                runs: 0,
                waiting: Vec::new(),
                probe: None,
                next_poll: Millis::NEG_INFINITY,
                served_until: None,
                last_loss: None,
            }),
            copies: Mutex::default(),
            polls: SingleFlight::default(),
            #[cfg(any(feature = "metrics", feature = "tracing"))]
            name,
        })
    }

    pub(super) fn add(&self, copies: Weak<dyn Copies>) {
        let mut all = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|copies| copies.strong_count() > 0);
        all.push(copies);
    }

    /// Whole milliseconds, far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn now(&self) -> Millis {
        self.clock.now_ms() as Millis
    }

    /// The time until which copies may be served.
    #[inline]
    pub(super) fn serves_until(&self) -> Millis {
        Millis::from_bits(self.serves_until.load(Ordering::Acquire))
    }

    pub(super) fn serves_now(&self) -> bool {
        self.now() < self.serves_until()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn link_state(&self) -> LinkState {
        let now = self.now();
        self.state().link.state(now)
    }

    pub(super) fn counts(&self) -> LinkCounts {
        let now = self.now();
        let state = self.state();
        let mut counts = state.counts;
        counts.suspect += state.served_until.map_or(0.0, |until| (now - until).max(0.0));
        counts
    }

    /// How long copies have not been served, if they were before.
    pub(super) fn suspect_for(&self) -> Option<Millis> {
        let now = self.now();
        self.state().served_until.map(|until| (now - until).max(0.0))
    }

    /// Prepares an operation of the far provider: starts the source, or polls it if a poll is due.
    pub(super) async fn prepare(self: &Arc<Self>) {
        let Some(source) = &self.source else { return };
        if source.check_interval().is_none() {
            self.start();
        } else if !self.serves_now() {
            // Twice, because the first poll may have begun earlier.
            for _ in 0..2 {
                if self.poll().await.is_err() || self.serves_now() {
                    return;
                }
            }
        }
    }

    /// Waits until copies may be served, for at most `timeout`.
    pub(super) async fn ready(self: &Arc<Self>, timeout: Duration) -> Result<()> {
        if race(self.connected(), &mut self.sleeper()(timeout)).await.is_some() {
            return Ok(());
        }
        let why = self.state().last_loss.as_ref().map(|error| format!("; the last attempt: {error}"));
        let why = why.unwrap_or_default();
        Err(CacheError::Timeout(format!("changed keys were not announced within {timeout:?}{why}")))
    }

    /// Waits until copies may be served.
    async fn connected(self: &Arc<Self>) {
        loop {
            self.prepare().await;
            if self.serves_now() {
                return;
            }
            if self.source.as_ref().is_some_and(|source| source.check_interval().is_some()) {
                self.sleeper()(LONGEST_PAUSE).await;
                continue;
            }
            std::future::poll_fn(|context| {
                let now = self.now();
                let mut state = self.state();
                if state.link.state(now) == LinkState::Connected {
                    return std::task::Poll::Ready(());
                }
                if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                    state.waiting.push(context.waker().clone());
                }
                std::task::Poll::Pending
            })
            .await;
        }
    }

    /// Returns a function that sleeps on the runtime of the cache, without keeping the cache alive.
    pub(super) fn sleeper(&self) -> Sleeper {
        let runtime = self.runtime.clone();
        Box::new(move |time| {
            let sleeping = runtime.as_ref().and_then(|runtime| runtime.sleep(time));
            sleeping.unwrap_or_else(|| platform_sleep(time))
        })
    }

    /// Starts a task on the runtime of the cache. Returns the task if that is not possible.
    pub(super) fn spawn(&self, task: BoxFuture<'static, ()>) -> std::result::Result<(), BoxFuture<'static, ()>> {
        match &self.runtime {
            Some(runtime) => runtime.spawn(task),
            None => crate::runtime::Platform.spawn(task),
        }
    }

    /// Starts the source, unless it is already running. A source that has been silent for too long is restarted, so
    /// that it reconnects.
    fn start(self: &Arc<Self>) {
        let Some(source) = &self.source else { return };
        let now = self.now();
        let (stop, number, since) = {
            let mut state = self.state();
            let is_silent = state.link.state(now) == LinkState::Suspect;
            if state.running.as_ref().is_some_and(Running::is_alive) && !is_silent {
                return;
            }
            if is_silent {
                let error = CacheError::Timeout("there were no announcements for two heartbeats".into());
                self.take(&mut state, &Invalidation::Disconnected { error }, now);
            }
            state.runs += 1;
            let stop = Arc::new(Stop::default());
            // Dropping the old one stops it.
            let old = state.running.replace(Running::new(&stop));
            drop(old);
            (stop, state.runs, state.link.position())
        };
        let hub = Arc::downgrade(self);
        let announce: Announce = Arc::new(move |event| {
            if let Some(hub) = hub.upgrade() {
                hub.announced(number, &event);
            }
        });
        let task = stop.guard(source.run(since, announce));
        if self.spawn(task).is_err() {
            // The next operation tries again; until then nothing is served.
            self.state().running = None;
        }
    }

    /// Handles an announcement of the run with this number.
    fn announced(self: &Arc<Self>, number: u64, event: &Invalidation) {
        let now = self.now();
        let (outdated, wakers, is_silent) = {
            let mut state = self.state();
            if state.runs != number {
                return;
            }
            let outdated = self.take(&mut state, event, now);
            let link = state.link.state(now);
            let is_connected = link == LinkState::Connected;
            (outdated, if is_connected { std::mem::take(&mut state.waiting) } else { Vec::new() }, link)
        };
        self.forget(&outdated);
        wakers.into_iter().for_each(Waker::wake);
        if is_silent == LinkState::Suspect {
            self.start();
        }
    }

    /// Applies an announcement to the state. Returns the copies to drop.
    fn take(&self, state: &mut State, event: &Invalidation, now: Millis) -> Outdated {
        self.report(event);
        if let Invalidation::Disconnected { error } = event {
            state.last_loss = Some(error.clone());
        }
        let until = state.link.serves_until();
        let meaning = state.link.receive(event, now);
        self.took(state, event, meaning, until, now)
    }

    pub(super) fn took(
        &self,
        state: &mut State,
        event: &Invalidation,
        meaning: Meaning,
        until: Millis,
        now: Millis,
    ) -> Outdated {
        let was_serving = now < until;
        let serves_until = state.link.serves_until();
        if serves_until > now {
            if let Some(since) = state.served_until.filter(|_| !was_serving) {
                state.counts.suspect += (now - since).max(0.0);
                #[cfg(feature = "metrics")]
                super::report::suspect(&self.name, state.counts.suspect);
            }
            state.served_until = Some(serves_until);
        } else if was_serving {
            state.served_until = Some(now);
        }
        self.serves_until.store(serves_until.to_bits(), Ordering::Release);
        if matches!(event, Invalidation::Disconnected { .. }) {
            state.admission.everything();
        }
        match (meaning, event) {
            (Meaning::Nothing, _) => Outdated::Nothing,
            (Meaning::Keys, Invalidation::Keys { keys, own, .. }) => {
                state.counts.invalidations += keys.len() as u64;
                if let Some((_, sent)) = state.probe.take_if(|(key, _)| keys.iter().any(|own| **own == **key)) {
                    let lag = (now - sent).max(0.0);
                    state.counts.lag = Some(lag);
                    #[cfg(feature = "metrics")]
                    super::report::lag(&self.name, lag);
                }
                let is_own = |key: &String| !own.is_empty() && own.contains(key);
                let outdated = keys.iter().filter(|key| state.admission.announced(key, is_own(key)));
                Outdated::Keys(outdated.cloned().collect())
            }
            (Meaning::Everything | Meaning::Keys, _) => {
                state.counts.resets += 1;
                state.admission.everything();
                Outdated::Everything
            }
        }
    }

    pub(super) fn forget(&self, outdated: &Outdated) {
        match outdated {
            Outdated::Nothing => {}
            Outdated::Keys(keys) => self.each(|copies| keys.iter().for_each(|key| copies.forget(key))),
            Outdated::Everything => self.each(|copies| copies.forget_all()),
        }
        #[cfg(feature = "metrics")]
        self.each(|copies| copies.report_hits(&self.name));
    }

    pub(super) fn each(&self, act: impl Fn(&dyn Copies)) {
        let all = self.copies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for copies in all.iter().filter_map(Weak::upgrade) {
            act(&*copies);
        }
    }

    #[cfg(not(any(feature = "metrics", feature = "tracing")))]
    #[allow(clippy::unused_self)]
    pub(super) fn report(&self, _: &Invalidation) {}

    #[cfg(any(feature = "metrics", feature = "tracing"))]
    pub(super) fn report(&self, event: &Invalidation) {
        super::report::announced(&self.name, event);
    }
}

/// The copies that an announcement outdates.
pub(super) enum Outdated {
    Nothing,
    Keys(Vec<String>),
    Everything,
}

impl Drop for Hub {
    fn drop(&mut self) {
        // Dropping the task's handle stops it.
        self.state().running = None;
    }
}
