//! A provider whose operations take several turns, as those of a remote store do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use isocache::{
    BoxFuture, CacheError, CacheProvider, CacheStats, CounterProvider, Flights, Leases, MemoryCacheProvider, Result,
    WithTtl,
};

use crate::executor::pause;

#[derive(Clone)]
pub struct Remote<T = u64> {
    pub store: MemoryCacheProvider<T>,
    pub flights: Arc<Flights>,
    pub broken: Arc<AtomicBool>,
    /// Who holds the lease of a key; none is held where there is none.
    pub leases: Option<Held>,
}

/// Leases, with the turns of their provider.
#[derive(Clone)]
pub struct Held {
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
        Self { store, flights: Arc::default(), broken: Arc::default(), leases: None }
    }

    /// A process of several over one store.
    pub fn process(store: &MemoryCacheProvider<T>, holders: &MemoryCacheProvider<String>) -> Self {
        let broken = Arc::<AtomicBool>::default();
        let leases = Some(Held { holders: holders.clone(), broken: Arc::clone(&broken) });
        Self { store: store.clone(), flights: Arc::default(), broken, leases }
    }

    async fn travel<R>(&self, operation: impl FnOnce() -> Result<R>) -> Result<R> {
        travel(&self.broken, operation).await
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

impl Leases for Held {
    fn acquire<'a>(&'a self, key: &'a str, holder: &'a str, life: Duration) -> BoxFuture<'a, Result<bool>> {
        Box::pin(travel(&self.broken, move || {
            let free = !self.holders.sync().exists(key)?;
            if free {
                self.holders.sync().set(key, holder.to_owned(), Some(life))?;
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
        self.travel(|| self.store.sync().get(key)).await
    }

    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        let _write = self.flights.write(key).await;
        self.travel(|| self.store.sync().set(key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        let _write = self.flights.write(key).await;
        self.travel(|| self.store.sync().delete(key)).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.travel(|| self.store.sync().exists(key)).await
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        let _write = self.flights.write_pattern(pattern).await;
        self.travel(|| self.store.sync().clear_pattern(pattern)).await
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        self.travel(|| Ok(self.store.sync().stats())).await
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        self.travel(|| self.store.sync().get_with_ttl(key)).await
    }

    fn flights(&self) -> Option<&Flights> {
        Some(&self.flights)
    }

    fn leases(&self) -> Option<&dyn Leases> {
        self.leases.as_ref().map(|held| held as &dyn Leases)
    }
}

impl CounterProvider for Remote<i64> {
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        let _write = self.flights.write(key).await;
        self.travel(|| self.store.sync().increment(key, by, ttl)).await
    }
}
