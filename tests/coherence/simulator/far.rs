//! A provider over the model store, through a network.

use std::marker::PhantomData;
use std::time::Duration;

use isocache::{
    BoxFuture, CacheProvider, CacheStats, CounterProvider, LeaseProvider, Loading, NewEntry, Result, SingleFlight,
    Storing, WithTtl,
};

use super::network::Network;
use super::store::Stored;

#[derive(Clone)]
pub struct Far<T> {
    network: Network,
    single_flight: SingleFlight,
    values: PhantomData<fn() -> T>,
}

impl<T> Far<T> {
    pub fn new(network: &Network) -> Self {
        Self { network: network.clone(), single_flight: SingleFlight::default(), values: PhantomData }
    }

    pub fn view<U>(&self) -> Far<U> {
        Far { network: self.network.clone(), single_flight: self.single_flight.clone(), values: PhantomData }
    }
}

fn ms(ttl: Option<Duration>) -> Option<u64> {
    ttl.filter(|ttl| *ttl < Duration::MAX).map(|ttl| u64::try_from(ttl.as_millis()).unwrap())
}

impl<T: Stored> CacheProvider<T> for Far<T> {
    async fn get(&self, key: &str) -> Result<Option<T>> {
        let key = key.to_owned();
        let found = self.network.request(move |store| store.get(&key)).await?;
        Ok(found.map(|(val, _)| T::of_val(&val)))
    }

    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        let _write = self.single_flight.write(key).await;
        let (key, origin, ttl) = (key.to_owned(), self.network.client, ms(ttl));
        self.network.request(move |store| store.set(&key, value.to_val(), ttl, Some(origin))).await
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        let _write = self.single_flight.write(key).await;
        let (key, origin) = (key.to_owned(), self.network.client);
        self.network.request(move |store| store.delete(&key, Some(origin))).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let key = key.to_owned();
        self.network.request(move |store| store.get(&key).is_some()).await
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        let _write = self.single_flight.write_pattern(pattern).await;
        let (pattern, origin) = (pattern.to_owned(), self.network.client);
        self.network.request(move |store| store.clear(&pattern, Some(origin))).await
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        Ok(CacheStats::default())
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        // As over Redis, the value and the ttl are read one after the other.
        let (key, again) = (key.to_owned(), key.to_owned());
        let (value, ttl) =
            self.network.request_twice(move |store| store.get(&key), move |store| store.get(&again)).await?;
        Ok(value.zip(ttl).map(|((val, _), (_, left))| (T::of_val(&val), left.map(Duration::from_millis))))
    }

    fn loading(&self) -> Option<&dyn Loading<T>> {
        Some(self)
    }
}

impl<T: Stored> Loading<T> for Far<T> {
    fn single_flight(&self) -> &SingleFlight {
        &self.single_flight
    }

    fn lease_provider(&self) -> Option<&dyn LeaseProvider> {
        Some(&self.network)
    }

    fn store(&self, key: &str, entry: NewEntry<T>) -> Storing<T> {
        let (network, key, origin) = (self.network.clone(), key.to_owned(), self.network.client);
        Storing::Later(Box::pin(async move {
            let (val, ttl) = (entry.value.to_val(), ms(entry.ttl));
            network.request(move |store| store.set(&key, val, ttl, Some(origin))).await
        }))
    }
}

impl LeaseProvider for Network {
    fn acquire<'a>(&'a self, key: &'a str, holder: &'a str, ttl: Duration) -> BoxFuture<'a, Result<bool>> {
        let (key, holder, ttl) = (format!("{key}:lease"), number(holder), ms(Some(ttl)));
        Box::pin(self.request(move |store| store.set_if_absent(&key, holder.to_val(), ttl, None)))
    }

    fn release(&self, key: &str, holder: &str) -> BoxFuture<'static, Result<()>> {
        let (network, key, holder) = (self.clone(), format!("{key}:lease"), number(holder));
        Box::pin(async move {
            network
                .request(move |store| {
                    if store.get(&key).is_some_and(|(val, _)| val == holder.to_val()) {
                        store.delete(&key, None);
                    }
                })
                .await
        })
    }
}

fn number(holder: &str) -> i64 {
    holder.bytes().fold(0, |sum: i64, byte| sum.wrapping_mul(31).wrapping_add(i64::from(byte)))
}

impl CounterProvider for Far<i64> {
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        let _write = self.single_flight.write(key).await;
        let (key, origin, ttl) = (key.to_owned(), self.network.client, ms(ttl));
        self.network.request(move |store| store.increment(&key, by, ttl, Some(origin))).await
    }
}
