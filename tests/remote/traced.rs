//! A provider over real servers, whose operations a trace holds or lets fail, and whose servers go by its clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use isocache::{
    BoxFuture, CacheError, CacheProvider, CacheStats, Clock, Kept, KeysProvider, Loading, ManualClock, MaybeSend,
    NewEntry, Result, SingleFlight, Storing, WithTtl,
};
use servers::eventually;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::provider::{Barrier, Kind};
use crate::trace_runner::Controls;

/// When an operation looks at the clock of its server. Redis keeps an entry through the millisecond in which its ttl
/// ends, so its lookups and removals look one millisecond later.
#[derive(Clone, Copy)]
pub enum Moment {
    Now,
    Late,
}

impl Moment {
    /// The time at a Redis server.
    pub fn of_redis(self, now_ms: u64) -> u64 {
        now_ms + u64::from(matches!(self, Self::Late))
    }
}

#[derive(Clone)]
pub struct Traced<P> {
    inner: P,
    state: Arc<State>,
}

struct State {
    clock: ManualClock,
    /// Sets the clock of the server.
    set_server_ms: Box<dyn Fn(u64, Moment) + Send + Sync>,
    barrier: Barrier,
    broken: AtomicBool,
    refuses: AtomicBool,
    /// The number of requests under way.
    requests: AtomicUsize,
    /// One request at a time, because each sets the clock.
    turn: Mutex<()>,
}

impl<P> Traced<P> {
    pub fn new(inner: P, clock: ManualClock, set_server_ms: impl Fn(u64, Moment) + Send + Sync + 'static) -> Self {
        let state = State {
            clock,
            set_server_ms: Box::new(set_server_ms),
            barrier: Barrier::default(),
            broken: AtomicBool::default(),
            refuses: AtomicBool::default(),
            requests: AtomicUsize::default(),
            turn: Mutex::default(),
        };
        Self { inner, state: Arc::new(state) }
    }
}

/// Counts a request while it is under way, or until it is dropped.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(requests: &'a AtomicUsize) -> Self {
        requests.fetch_add(1, Ordering::SeqCst);
        Self(requests)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl State {
    async fn request<R>(&self, moment: Moment, operation: impl Future<Output = Result<R>>) -> Result<R> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(CacheError::Connection("it is broken".into()));
        }
        let _counted = Counted::new(&self.requests);
        let _turn = self.turn.lock().await;
        (self.set_server_ms)(self.clock.now_ms(), moment);
        operation.await
    }

    async fn read<R>(&self, moment: Moment, operation: impl Future<Output = Result<R>>) -> Result<R> {
        let passage = self.barrier.passage(Kind::Read);
        let answer = self.request(moment, operation).await;
        passage.await;
        answer
    }

    async fn write<R>(&self, moment: Moment, operation: impl Future<Output = Result<R>>) -> Result<R> {
        self.barrier.passage(Kind::Write).await;
        if self.refuses.load(Ordering::SeqCst) {
            return Err(CacheError::InvalidArgument { argument: "value", reason: "the store refuses it".into() });
        }
        self.request(moment, operation).await
    }
}

impl<P: KeysProvider> Controls for Traced<P> {
    fn advance(&self, by: Duration) {
        self.state.clock.advance(by);
    }

    fn count(&self) -> u64 {
        (self.state.set_server_ms)(self.state.clock.now_ms(), Moment::Late);
        let keys = Handle::current().block_on(self.inner.keys("*").unwrap().collect());
        keys.unwrap().len() as u64
    }

    fn become_state(&self, state: &str) {
        self.state.broken.store(state == "fails", Ordering::SeqCst);
        self.state.refuses.store(state == "refuses", Ordering::SeqCst);
        self.state.barrier.hold(Kind::held_in(state));
    }

    fn is_busy(&self) -> bool {
        self.state.requests.load(Ordering::SeqCst) > 0
    }

    /// A tier shares reads among its callers in tasks of the runtime. Its only thread sleeps when no task can go on.
    fn catch_up(&self) {
        let (done, is_done) = std::sync::mpsc::channel();
        Handle::current().spawn(async move { done.send(()) });
        is_done.recv().expect("the runtime runs");
        let metrics = Handle::current().metrics();
        eventually("the thread of the runtime to sleep", || {
            (metrics.worker_park_unpark_count(0) % 2 == 1).then_some(())
        });
    }
}

impl<T: MaybeSend + 'static, P: CacheProvider<T>> CacheProvider<T> for Traced<P> {
    async fn get(&self, key: &str) -> Result<Option<T>> {
        self.state.read(Moment::Late, self.inner.get(key)).await
    }

    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        let _write = self.flights::<T>().write(key).await;
        self.state.write(Moment::Now, self.inner.set(key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        let _write = self.flights::<T>().write(key).await;
        self.state.write(Moment::Late, self.inner.delete(key)).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.state.read(Moment::Late, self.inner.exists(key)).await
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        let _write = self.flights::<T>().write_pattern(pattern).await;
        self.state.write(Moment::Late, self.inner.clear_pattern(pattern)).await
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        self.state.read(Moment::Late, self.inner.get_stats()).await
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        self.state.read(Moment::Now, self.inner.get_with_ttl(key)).await
    }

    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
        self.state.read(Moment::Late, self.inner.get_many(keys)).await
    }

    fn loading(&self) -> Option<&dyn Loading<T>> {
        Some(self)
    }
}

impl<P> Traced<P> {
    fn loading_of<T: MaybeSend + 'static>(&self) -> &dyn Loading<T>
    where
        P: CacheProvider<T>,
    {
        self.inner.loading().expect("a provider of this crate")
    }

    fn flights<T: MaybeSend + 'static>(&self) -> &SingleFlight
    where
        P: CacheProvider<T>,
    {
        self.loading_of::<T>().single_flight()
    }
}

impl<T: MaybeSend + 'static, P: CacheProvider<T>> Loading<T> for Traced<P> {
    fn single_flight(&self) -> &SingleFlight {
        self.flights::<T>()
    }

    fn keeps_stale(&self) -> bool {
        true
    }

    fn look<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<Kept<T>>>>> {
        let look = self.loading_of::<T>().look(key)?;
        Some(Box::pin(self.state.read(Moment::Now, look)))
    }

    fn store(&self, key: &str, entry: NewEntry<T>) -> Storing<T> {
        match self.loading_of::<T>().store(key, entry) {
            Storing::Later(storing) => {
                let state = Arc::clone(&self.state);
                Storing::Later(Box::pin(async move { state.write(Moment::Now, storing).await }))
            }
            other => other,
        }
    }
}
