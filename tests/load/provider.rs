//! A provider whose operations take several polls, as those of a remote store do.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use isocache::{
    BoxFuture, CacheError, CacheProvider, CacheStats, CounterProvider, Kept, LeaseProvider, Loading, Lookup,
    MemoryCacheProvider, NewEntry, Result, SingleFlight, Storing, WithTtl,
};

use crate::executor::pause;

#[derive(Clone)]
pub struct Remote<T = u64> {
    pub store: MemoryCacheProvider<T>,
    pub single_flight: SingleFlight,
    /// Whether loaded values can be stored in the background.
    pub owns_stores: bool,
    pub broken: Arc<AtomicBool>,
    /// Whether writes fail as mistakes of the caller.
    pub refuses: Arc<AtomicBool>,
    pub barrier: Barrier,
    /// Who holds the lease of a key; none is held where there is none.
    pub leases: Option<Leases>,
}

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Read,
    Write,
}

impl Kind {
    /// The operations that a state of the event `store` holds.
    pub fn held_in(state: &str) -> Option<Self> {
        match state {
            "holds_reads" => Some(Self::Read),
            "holds_writes" => Some(Self::Write),
            "fails" | "refuses" | "works" => None,
            _ => panic!("an unknown state: {state}"),
        }
    }
}

/// Holds operations of a kind on their way: reads on their way back, writes on their way there.
#[derive(Clone, Default)]
pub struct Barrier(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    kind: Option<Kind>,
    /// How many times held operations were released.
    releases: u64,
    wakers: Vec<Waker>,
}

impl Barrier {
    /// Releases what is held, and holds the operations of this kind that begin from now on.
    pub fn hold(&self, kind: Option<Kind>) {
        let wakers = {
            let mut held = self.0.lock().unwrap();
            held.kind = kind;
            held.releases += 1;
            std::mem::take(&mut held.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// When an operation of this kind that begins now may go on.
    pub fn passage(&self, kind: Kind) -> impl Future<Output = ()> + Send + use<> {
        let (held, is_held, releases) = {
            let held = self.0.lock().unwrap();
            (Arc::clone(&self.0), held.kind == Some(kind), held.releases)
        };
        poll_fn(move |context| {
            let mut held = held.lock().unwrap();
            if !is_held || held.releases != releases {
                return Poll::Ready(());
            }
            held.wakers.push(context.waker().clone());
            Poll::Pending
        })
    }
}

/// Leases, which take the polls of their provider.
#[derive(Clone)]
pub struct Leases {
    pub holders: MemoryCacheProvider<String>,
    broken: Arc<AtomicBool>,
}

impl<T: Clone + Send + Sync + 'static> Default for Remote<T> {
    fn default() -> Self {
        Self::over(MemoryCacheProvider::default())
    }
}

impl<T> Remote<T> {
    pub fn over(store: MemoryCacheProvider<T>) -> Self {
        Self {
            store,
            single_flight: SingleFlight::default(),
            owns_stores: false,
            broken: Arc::default(),
            refuses: Arc::default(),
            barrier: Barrier::default(),
            leases: None,
        }
    }

    /// A process of several over one store.
    pub fn process(store: &MemoryCacheProvider<T>, holders: &MemoryCacheProvider<String>) -> Self {
        let broken = Arc::<AtomicBool>::default();
        let leases = Some(Leases { holders: holders.clone(), broken: Arc::clone(&broken) });
        Self {
            store: store.clone(),
            single_flight: SingleFlight::default(),
            owns_stores: false,
            broken,
            refuses: Arc::default(),
            barrier: Barrier::default(),
            leases,
        }
    }

    async fn read<R>(&self, operation: impl FnOnce() -> Result<R>) -> Result<R> {
        let passage = self.barrier.passage(Kind::Read);
        let answer = travel(&self.broken, operation).await;
        passage.await;
        answer
    }

    async fn write<R>(&self, operation: impl FnOnce() -> Result<R>) -> Result<R> {
        self.barrier.passage(Kind::Write).await;
        travel(&self.broken, || {
            if self.refuses.load(Ordering::SeqCst) {
                return Err(CacheError::InvalidArgument { argument: "value", reason: "the store refuses it".into() });
            }
            operation()
        })
        .await
    }
}

/// On its way there, and on its way back.
async fn travel<R>(broken: &AtomicBool, operation: impl FnOnce() -> Result<R>) -> Result<R> {
    pause(1).await;
    let done =
        if broken.load(Ordering::SeqCst) { Err(CacheError::Connection("it is broken".into())) } else { operation() };
    pause(1).await;
    done
}

impl LeaseProvider for Leases {
    fn acquire<'a>(&'a self, key: &'a str, holder: &'a str, ttl: Duration) -> BoxFuture<'a, Result<bool>> {
        Box::pin(travel(&self.broken, move || {
            let free = !self.holders.sync().exists(key)?;
            if free {
                self.holders.sync().set(key, holder.to_owned(), Some(ttl))?;
            }
            Ok(free)
        }))
    }

    fn release(&self, key: &str, holder: &str) -> BoxFuture<'static, Result<()>> {
        let (held, key, holder) = (self.clone(), key.to_owned(), holder.to_owned());
        Box::pin(async move {
            let release = || {
                if held.holders.sync().get(&key)? == Some(holder) {
                    held.holders.sync().delete(&key)?;
                }
                Ok(())
            };
            travel(&held.broken, release).await
        })
    }
}

impl<T: Clone + Send + Sync + 'static> CacheProvider<T> for Remote<T> {
    async fn get(&self, key: &str) -> Result<Option<T>> {
        self.read(|| self.store.sync().get(key)).await
    }

    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        let _write = self.single_flight.write(key).await;
        self.write(|| self.store.sync().set(key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        let _write = self.single_flight.write(key).await;
        self.write(|| self.store.sync().delete(key)).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.read(|| self.store.sync().exists(key)).await
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        let _write = self.single_flight.write_pattern(pattern).await;
        self.write(|| self.store.sync().clear_pattern(pattern)).await
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        self.read(|| Ok(self.store.sync().stats())).await
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        self.read(|| self.store.sync().get_with_ttl(key)).await
    }

    fn loading(&self) -> Option<&dyn Loading<T>> {
        Some(self)
    }
}

impl<T: Clone + Send + Sync + 'static> Loading<T> for Remote<T> {
    fn single_flight(&self) -> &SingleFlight {
        &self.single_flight
    }

    fn lease_provider(&self) -> Option<&dyn LeaseProvider> {
        self.leases.as_ref().map(|held| held as &dyn LeaseProvider)
    }

    fn keeps_stale(&self) -> bool {
        true
    }

    fn look<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<Kept<T>>>>> {
        let look = || self.store.loading().unwrap().look_now(key, Lookup::Kept).unwrap();
        Some(Box::pin(self.read(look)))
    }

    fn store(&self, key: &str, entry: NewEntry<T>) -> Storing<T> {
        if !self.owns_stores && entry.window.is_zero() {
            return Storing::NotSupported(entry.value);
        }
        if !self.owns_stores && !self.refuses.load(Ordering::SeqCst) {
            return self.store.loading().unwrap().store(key, entry);
        }
        let (remote, key) = (self.clone(), key.to_owned());
        Storing::Later(Box::pin(async move {
            let store = || match remote.store.loading().unwrap().store(&key, entry) {
                Storing::Done(stored) => stored,
                other => unreachable!("{other:?}"),
            };
            remote.write(store).await
        }))
    }
}

impl CounterProvider for Remote<i64> {
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        let _write = self.single_flight.write(key).await;
        self.write(|| self.store.sync().increment(key, by, ttl)).await
    }
}
