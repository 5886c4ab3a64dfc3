//! The rules for providers, over HTTP, with both serializers.

use std::sync::atomic::{AtomicU32, Ordering};

use isocache::{CacheProvider, HttpCacheProvider, ManualClock, MessagePackSerializer, Serializer};
use serde_json::Value;

use crate::conformance::{Case, Knowledge, Options, RULES, count, run_knowing};
use crate::counter::counters;
use crate::foreign::foreign;
use crate::patient;
use crate::serving::{TOKEN, memory_bridge};

/// The limits of a shared store are its operator's.
fn unlimited(case: &Case) -> bool {
    case.options.max_entries.is_none() && case.options.max_bytes.is_none()
}

/// All rules, through providers that share a store, each with a namespace of its own. The store goes by `time`, which a
/// case's clock moves.
async fn all_rules<S: Serializer<Value> + Clone>(url: &str, serializer: S, batch: bool, time: &ManualClock) {
    static NAMESPACE: AtomicU32 = AtomicU32::new(0);
    let factory = |options: &Options, clock: ManualClock| {
        let namespace = format!("case*{}", NAMESPACE.fetch_add(1, Ordering::Relaxed));
        let builder = patient(url).token(TOKEN).serializer(serializer.clone()).namespace(namespace).batch(batch);
        let builder = match options.default_ttl() {
            Some(ttl) => builder.default_ttl(ttl),
            None => builder,
        };
        Following { inner: builder.build().unwrap(), case: clock, time: time.clone() }
    };
    let mut ran = 0;
    for rule in 1..=RULES {
        let cases = run_knowing(rule, Knowledge::OwnActions, unlimited, factory).await;
        assert_eq!(cases, count(rule, unlimited));
        ran += cases;
    }
    assert!(ran > 70, "{ran}");
    let clock = ManualClock::new();
    let numbers: HttpCacheProvider<i64> = patient(url).token(TOKEN).namespace("counters").batch(batch).build().unwrap();
    let following = Following { inner: numbers.clone(), case: clock.clone(), time: time.clone() };
    counters(&following, &clock).await;
    numbers.clear_pattern("*").await.unwrap();
}

/// Sets the time of the store to that of the case before each operation.
struct Following<P> {
    inner: P,
    case: ManualClock,
    time: ManualClock,
}

impl<P> Following<P> {
    fn at(&self) -> &P {
        use isocache::Clock;
        self.time.set_ms(self.case.now_ms());
        &self.inner
    }
}

mod following {
    use super::Following;
    use isocache::{CacheProvider, CacheStats, CounterProvider, Result, WithTtl};
    use std::time::Duration;

    impl<T: Send, P: CacheProvider<T>> CacheProvider<T> for Following<P> {
        async fn get(&self, key: &str) -> Result<Option<T>> {
            self.at().get(key).await
        }
        async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
            self.at().set(key, value, ttl).await
        }
        async fn delete(&self, key: &str) -> Result<bool> {
            self.at().delete(key).await
        }
        async fn exists(&self, key: &str) -> Result<bool> {
            self.at().exists(key).await
        }
        async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
            self.at().clear_pattern(pattern).await
        }
        async fn get_stats(&self) -> Result<CacheStats> {
            self.at().get_stats().await
        }
        async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
            self.at().get_with_ttl(key).await
        }
        async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
            self.at().get_many(keys).await
        }
        async fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
            self.at().set_many(entries).await
        }
        async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
            self.at().delete_many(keys).await
        }
    }

    impl<P: CounterProvider> CounterProvider for Following<P> {
        async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
            self.at().increment(key, by, ttl).await
        }
    }
}

async fn everything(url: &str, time: &ManualClock) {
    all_rules(url, isocache::JsonSerializer, true, time).await;
    all_rules(url, MessagePackSerializer, true, time).await;
    all_rules(url, isocache::JsonSerializer, false, time).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_over_the_embedded_store() {
    let time = ManualClock::new();
    everything(&memory_bridge(&time).await, &time).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_another_kind() {
    let time = ManualClock::new();
    everything(&foreign(&time).await, &time).await;
}
