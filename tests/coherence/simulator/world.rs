//! Virtual time: events at their times, and tasks in the order that a seed gives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use isocache::{BoxFuture, Clock, ManualClock, Runtime};

use crate::executor::{Executor, Seeded};

type Action = Box<dyn FnOnce() + Send>;

/// Its clones are one world.
#[derive(Clone)]
pub struct World {
    pub clock: ManualClock,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    random: Seeded,
    /// What happens, by time, and in the order in which it was planned.
    events: BTreeMap<(u64, u64), Action>,
    planned: u64,
    /// Tasks that were started by tasks.
    spawned: Vec<BoxFuture<'static, ()>>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let inner = Inner { random: Seeded(seed), events: BTreeMap::new(), planned: 0, spawned: Vec::new() };
        let clock = ManualClock::new();
        clock.set_ms(1_000_000);
        Self { clock, inner: Arc::new(Mutex::new(inner)) }
    }

    pub fn now(&self) -> u64 {
        self.clock.now_ms()
    }

    pub fn below(&self, limit: usize) -> usize {
        self.inner.lock().unwrap().random.below(limit)
    }

    pub fn one_in(&self, many: usize) -> bool {
        self.below(many) == 0
    }

    /// A number from a range.
    pub fn within(&self, range: std::ops::RangeInclusive<u64>) -> u64 {
        let span = usize::try_from(range.end() - range.start() + 1).unwrap();
        range.start() + self.below(span) as u64
    }

    /// Plans what happens at a time.
    pub fn at(&self, time: u64, action: impl FnOnce() + Send + 'static) {
        let mut inner = self.inner.lock().unwrap();
        inner.planned += 1;
        let key = (time.max(self.clock.now_ms()), inner.planned);
        inner.events.insert(key, Box::new(action));
    }

    pub fn after(&self, delay: u64, action: impl FnOnce() + Send + 'static) {
        self.at(self.now() + delay, action);
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.lock().unwrap().spawned.push(Box::pin(task));
    }

    pub async fn sleep(&self, ms: u64) {
        let slot = Slot::new();
        let done = slot.clone();
        self.after(ms, move || done.fill(()));
        slot.filled().await;
    }

    /// Runs until a time. The tasks that are left are dropped, in the order of their beginning.
    pub fn run(&self, until: u64, seed: u64) {
        let (mut executor, mut order) = (Executor::default(), Seeded(seed ^ 0x5EED));
        loop {
            let spawned = std::mem::take(&mut self.inner.lock().unwrap().spawned);
            let has_new = !spawned.is_empty();
            for task in spawned {
                executor.spawn(task);
            }
            if executor.step(&mut order) || has_new {
                continue;
            }
            let next = {
                let mut inner = self.inner.lock().unwrap();
                match inner.events.first_key_value() {
                    Some(((time, _), _)) if *time <= until => inner.events.pop_first(),
                    _ => None,
                }
            };
            let Some(((time, _), action)) = next else { break };
            self.clock.set_ms(time);
            action();
        }
        assert_eq!(executor.panics(), 0, "seed {seed}: a task has panicked");
        drop(executor);
        // What is planned holds the world.
        let (events, spawned) = {
            let mut inner = self.inner.lock().unwrap();
            (std::mem::take(&mut inner.events), std::mem::take(&mut inner.spawned))
        };
        drop((events, spawned));
    }
}

impl Runtime for World {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
        World::spawn(self, task);
        Ok(())
    }

    fn sleep(&self, time: Duration) -> Option<BoxFuture<'static, ()>> {
        let world = self.clone();
        Some(Box::pin(
            async move { World::sleep(&world, u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2)).await },
        ))
    }
}

/// A value that arrives later.
pub struct Slot<T>(Arc<Mutex<(Option<T>, Option<Waker>)>>);

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Slot<T> {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new((None, None))))
    }

    /// Only the first value counts.
    pub fn fill(&self, value: T) {
        let waker = {
            let mut slot = self.0.lock().unwrap();
            if slot.0.is_none() {
                slot.0 = Some(value);
            }
            slot.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub async fn filled(&self) -> T {
        std::future::poll_fn(|context| {
            let mut slot = self.0.lock().unwrap();
            if let Some(value) = slot.0.take() {
                return Poll::Ready(value);
            }
            slot.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}
