//! Who is compared, and how each is called.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use isocache::{CacheAside, LoadOptions, MemoryCacheProvider};
use tokio::task::yield_now;

/// Callers at once of one key.
pub const STAMPEDE: usize = 10_000;

const TTL: Duration = Duration::from_secs(300);

type Run<R> = Pin<Box<dyn Future<Output = R>>>;

pub struct Peer {
    pub name: &'static str,
    /// So many calls that find their value.
    pub hits: Box<dyn Fn(u64) -> Run<()>>,
    /// Ten thousand calls of a key that is not there, and how many loads there were; given the number of the round.
    pub stampede: Option<Box<dyn Fn(u64) -> Run<u64>>>,
}

/// Keys of 7 bytes, as the macro peers build them.
fn key(number: u64) -> String {
    format!("user:{number}")
}

/// A load that takes some turns, so that all callers come before it ends.
async fn load(loads: &AtomicU64) -> u64 {
    loads.fetch_add(1, Ordering::SeqCst);
    for _ in 0..10 {
        yield_now().await;
    }
    7
}

fn get_or_set() -> Peer {
    let cache =
        MemoryCacheProvider::builder().max_entries(1000).default_ttl(TTL).build().expect("the limits are right");
    let hit = cache.clone();
    Peer {
        name: "isocache get_or_set",
        hits: Box::new(move |times| {
            let cache = hit.clone();
            Box::pin(async move {
                for number in 0..times {
                    let key = key(number % 100);
                    let value = cache.get_or_set(&key, None, || async { Ok::<u64, Infallible>(7) }).await;
                    black_box(value).expect("it cannot fail");
                }
            })
        }),
        stampede: Some(Box::new(move |round| {
            let cache = cache.clone();
            Box::pin(async move {
                let loads = AtomicU64::new(0);
                let key = format!("stampede:{round}");
                let call =
                    || cache.get_or_set(&key, LoadOptions::new(), || async { Ok::<_, Infallible>(load(&loads).await) });
                join_all((0..STAMPEDE).map(|_| call())).await;
                loads.load(Ordering::SeqCst)
            })
        })),
    }
}

fn moka() -> Peer {
    let cache = moka::future::Cache::<String, u64>::builder().max_capacity(1000).time_to_live(TTL).build();
    let hit = cache.clone();
    Peer {
        name: "moka get_with",
        hits: Box::new(move |times| {
            let cache = hit.clone();
            Box::pin(async move {
                for number in 0..times {
                    black_box(cache.get_with(key(number % 100), async { 7 }).await);
                }
            })
        }),
        stampede: Some(Box::new(move |round| {
            let cache = cache.clone();
            Box::pin(async move {
                let loads = Arc::new(AtomicU64::new(0));
                let call = || {
                    let loads = Arc::clone(&loads);
                    cache.get_with(format!("stampede:{round}"), async move { load(&loads).await })
                };
                join_all((0..STAMPEDE).map(|_| call())).await;
                loads.load(Ordering::SeqCst)
            })
        })),
    }
}

/// The crate `cached`, with the same size, ttl and key. It shares loads only where it is told to, by a lock.
#[allow(clippy::unused_async, reason = "it is the asynchronous form that is measured")]
#[cached::macros::cached(max_size = 1000, ttl_secs = 300, key = "String", convert = r#"{ format!("user:{number}") }"#)]
async fn cached_user(number: u64) -> u64 {
    black_box(number)
}

fn cached() -> Peer {
    Peer {
        name: "cached #[cached]",
        hits: Box::new(|times| {
            Box::pin(async move {
                for number in 0..times {
                    black_box(cached_user(number % 100).await);
                }
            })
        }),
        stampede: None,
    }
}

/// All of them; ours first.
pub fn all() -> Vec<Peer> {
    vec![get_or_set(), moka(), cached()]
}
