//! Processes over one store, at a time that the tests set.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use isocache::{BoxFuture, CacheAside, Clock, LoadOptions, ManualClock, MemoryCacheProvider, Monitor, Runtime};

use crate::executor::{Executor, Seeded, pause};
use crate::provider::Remote;

pub const KEY: &str = "user:1";
pub const LEASE: Duration = Duration::from_secs(10);
/// How far the time goes on at a turn.
pub const TICK: Duration = Duration::from_millis(10);

/// The time of all processes: a clock, timers, and what runs behind.
#[derive(Clone, Default)]
pub struct Time {
    pub clock: ManualClock,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    sleepers: Vec<Waker>,
    behind: Vec<BoxFuture<'static, ()>>,
}

struct Sleep {
    pub time: Time,
    until: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.time.clock.now_ms() >= self.until {
            return Poll::Ready(());
        }
        self.time.shared.lock().unwrap().sleepers.push(context.waker().clone());
        Poll::Pending
    }
}

impl Runtime for Time {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
        self.shared.lock().unwrap().behind.push(task);
        Ok(())
    }

    fn sleep(&self, time: Duration) -> Option<BoxFuture<'static, ()>> {
        let until = self.clock.now_ms() + u64::try_from(time.as_millis()).unwrap();
        Some(Box::pin(Sleep { time: self.clone(), until }))
    }
}

impl Time {
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        let sleepers = std::mem::take(&mut self.shared.lock().unwrap().sleepers);
        sleepers.into_iter().for_each(Waker::wake);
    }

    /// Goes on for as long as somebody works, and runs what they leave behind.
    pub async fn pass(&self, working: &AtomicUsize) {
        loop {
            let behind = std::mem::take(&mut self.shared.lock().unwrap().behind);
            let is_done = behind.is_empty() && working.load(Ordering::SeqCst) == 0;
            for task in behind {
                task.await;
            }
            if is_done {
                return;
            }
            self.advance(TICK);
            assert!(self.clock.now_ms() < 1_000_000, "somebody waits forever");
            pause(1).await;
        }
    }
}

/// Several processes over one store.
pub struct Scene {
    pub time: Time,
    pub store: MemoryCacheProvider<u64>,
    pub holders: MemoryCacheProvider<String>,
    pub monitor: Arc<Monitor>,
    loads: AtomicUsize,
    running: AtomicUsize,
    pub most: AtomicUsize,
}

impl Default for Scene {
    fn default() -> Self {
        let time = Time::default();
        let store = MemoryCacheProvider::builder().clock(time.clock.clone()).build().unwrap();
        let holders = MemoryCacheProvider::builder().clock(time.clock.clone()).build().unwrap();
        let monitor = Arc::new(Monitor::new("scene"));
        let [loads, running, most] = [const { AtomicUsize::new(0) }; 3];
        Self { time, store, holders, monitor, loads, running, most }
    }
}

/// A loader that runs, until it is dropped.
struct Running<'a>(&'a Scene);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Scene {
    pub fn process(&self) -> Remote {
        Remote::process(&self.store, &self.holders)
    }

    pub fn options(&self) -> LoadOptions {
        let options = LoadOptions::new().ttl(Duration::from_secs(3600)).lease(LEASE).timeout(None);
        options.runtime(self.time.clone()).monitor(Arc::clone(&self.monitor))
    }

    /// Gives the lease to a process outside the scene.
    pub fn give_lease(&self, holder: &str) {
        self.holders.sync().set(KEY, holder.into(), Some(LEASE)).unwrap();
    }

    /// Loads for this time, and returns the number of the load.
    pub async fn load(&self, time: Duration) -> u64 {
        let number = self.loads.fetch_add(1, Ordering::SeqCst) + 1;
        let running = Running(self);
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.time.sleep(time).unwrap().await;
        drop(running);
        number as u64
    }

    pub async fn ask(&self, process: &Remote, options: LoadOptions, takes: Duration) -> u64 {
        process.get_or_set(KEY, options, || async { Ok::<_, Infallible>(self.load(takes).await) }).await.unwrap()
    }

    /// Runs to the end while time passes.
    pub fn run<'a>(&'a self, seed: u64, tasks: Vec<BoxFuture<'a, ()>>) {
        let working = Arc::new(AtomicUsize::new(tasks.len()));
        let mut executor = Executor::default();
        for task in tasks {
            let working = Arc::clone(&working);
            executor.spawn(async move {
                task.await;
                working.fetch_sub(1, Ordering::SeqCst);
            });
        }
        executor.spawn(async move { self.time.pass(&working).await });
        assert_eq!(executor.run(&mut Seeded(seed)), 0, "seed {seed}");
    }

    pub fn counts(&self) -> (usize, usize) {
        (self.loads.load(Ordering::SeqCst), self.most.load(Ordering::SeqCst))
    }
}

pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
