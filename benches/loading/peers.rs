//! The caches that are compared, and how each is called.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
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
    pub is_ours: bool,
    /// Peers of one kind are compared.
    pub is_async: bool,
    /// Makes this many calls that find their value.
    pub hits: Box<dyn Fn(u64) -> Run<()>>,
    /// Makes ten thousand concurrent calls of a missing key, and returns the number of loads. The argument is the round.
    pub stampede: Option<Box<dyn Fn(u64) -> Run<u64>>>,
}

/// Keys of 7 bytes, as the macro peers build them.
fn key(number: u64) -> String {
    format!("user:{number}")
}

/// A load that yields several times, so that all callers arrive before it ends.
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
        is_ours: true,
        is_async: true,
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
        is_ours: false,
        is_async: true,
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

/// The crate `cached`, with the same size, ttl and key. By default, it does not share loads.
#[allow(clippy::unused_async, reason = "it is the asynchronous form that is measured")]
#[cached::macros::cached(max_size = 1000, ttl_secs = 300, key = "String", convert = r#"{ format!("user:{number}") }"#)]
async fn cached_user(number: u64) -> u64 {
    black_box(number)
}

#[cached::macros::cached(max_size = 1000, ttl_secs = 300, key = "String", convert = r#"{ format!("user:{number}") }"#)]
fn cached_user_sync(number: u64) -> u64 {
    black_box(number)
}

static USERS: LazyLock<MemoryCacheProvider<u64>> =
    LazyLock::new(|| MemoryCacheProvider::builder().max_entries(1000).build().expect("the limits are right"));

#[allow(clippy::unused_async, reason = "it is the asynchronous form that is measured")]
#[isocache::cached(ttl = 300, key = "user:{number}", provider = USERS)]
async fn user(number: u64) -> u64 {
    black_box(number)
}

#[isocache::cached(ttl = 300, key = "user:{number}")]
fn user_sync(number: u64) -> u64 {
    black_box(number)
}

static LOADS: AtomicU64 = AtomicU64::new(0);

#[isocache::cached(ttl = 300, key = "stampede:{round}", provider = USERS)]
async fn stampeded(round: u64) -> u64 {
    load(&LOADS).await
}

/// The functions under these attributes, which differ in nothing else.
macro_rules! functions {
    ($($name:literal, $is_ours:literal, $is_async:literal, $call:expr, $stampede:expr;)*) => {
        [$(Peer {
            name: $name,
            is_ours: $is_ours,
            is_async: $is_async,
            hits: Box::new(|times| {
                Box::pin(async move {
                    for number in 0..times {
                        black_box($call(number % 100).await);
                    }
                })
            }),
            stampede: $stampede,
        }),*]
    };
}

fn stampede(round: u64) -> Run<u64> {
    Box::pin(async move {
        let before = LOADS.load(Ordering::SeqCst);
        join_all((0..STAMPEDE).map(|_| stampeded(round))).await;
        LOADS.load(Ordering::SeqCst) - before
    })
}

/// All of them.
pub fn all() -> Vec<Peer> {
    let mut all = vec![get_or_set(), moka()];
    all.extend(functions! {
        "isocache #[cached]", true, true, user, Some(Box::new(stampede));
        "cached #[cached]", false, true, cached_user, None;
        "isocache #[cached], not async", true, false, |number| ready(user_sync(number)), None;
        "cached #[cached], not async", false, false, |number| ready(cached_user_sync(number)), None;
    });
    all
}
