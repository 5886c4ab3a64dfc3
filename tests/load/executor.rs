//! Runs futures one poll at a time, in an order that a seed gives.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Numbers that a seed gives: `SplitMix64`.
pub struct Seeded(pub u64);

impl Seeded {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }

    pub fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Task<'a> {
    number: usize,
    future: Pin<Box<dyn Future<Output = ()> + 'a>>,
    ready: Arc<Flag>,
    /// The number of polls after which it is dropped.
    polls: Option<usize>,
}

/// Futures that run by turns.
#[derive(Default)]
pub struct Executor<'a> {
    tasks: Vec<Task<'a>>,
    /// The number of tasks so far.
    started: usize,
    panics: usize,
}

impl<'a> Executor<'a> {
    /// Adds a future, and returns its number.
    pub fn spawn(&mut self, future: impl Future<Output = ()> + 'a) -> usize {
        self.spawn_dropped(None, future)
    }

    /// A future that is dropped after this many polls, if it has not ended.
    pub fn spawn_dropped(&mut self, polls: Option<usize>, future: impl Future<Output = ()> + 'a) -> usize {
        let ready = Arc::new(Flag(AtomicBool::new(true)));
        self.started += 1;
        self.tasks.push(Task { number: self.started, future: Box::pin(future), ready, polls });
        self.started
    }

    /// Drops the future of this number, if it has not ended.
    pub fn cancel(&mut self, number: usize) {
        self.tasks.retain(|task| task.number != number);
    }

    /// Polls one of the futures that can go on; false if there is none.
    pub fn step(&mut self, seeded: &mut Seeded) -> bool {
        let ready = |task: &&Task<'_>| task.ready.0.load(Ordering::SeqCst);
        let able: Vec<usize> =
            self.tasks.iter().enumerate().filter(|(_, task)| ready(task)).map(|(at, _)| at).collect();
        if able.is_empty() {
            return false;
        }
        let at = able[seeded.below(able.len())];
        let task = &mut self.tasks[at];
        task.ready.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&task.ready));
        let polled = catch_unwind(AssertUnwindSafe(|| task.future.as_mut().poll(&mut Context::from_waker(&waker))));
        task.polls = task.polls.map(|polls| polls.saturating_sub(1));
        self.panics += usize::from(polled.is_err());
        if !matches!(polled, Ok(Poll::Pending)) || task.polls == Some(0) {
            drop(self.tasks.swap_remove(at));
        }
        true
    }

    /// How many futures have panicked.
    pub fn panics(&self) -> usize {
        self.panics
    }

    /// Runs all to their end. Returns how many panicked.
    ///
    /// # Panics
    /// If there are futures left and none of them can go on: they would hang.
    pub fn run(mut self, seeded: &mut Seeded) -> usize {
        while self.step(seeded) {}
        assert!(self.tasks.is_empty(), "{} futures wait forever", self.tasks.len());
        self.panics
    }
}

/// Lets others run, `times` times.
pub async fn pause(times: usize) {
    for _ in 0..times {
        let mut paused = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut paused, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
