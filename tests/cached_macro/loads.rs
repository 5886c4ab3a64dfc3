//! Who loads, and who waits.

use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use futures_util::future::{join, join_all};
use isocache::{MemoryCacheProvider, cached};
use tokio::sync::Semaphore;

use crate::support::{called, calls};

/// Opens when a test says so.
static GATE: Semaphore = Semaphore::const_new(0);

#[cached(key = "loads:{id}")]
async fn gated(id: u64) -> u64 {
    called("gated");
    GATE.acquire().await.unwrap().forget();
    id
}

#[tokio::test]
async fn callers_of_one_key_share_a_load() {
    let before = gated::stats();
    let tasks: Vec<_> = (0..100).map(|_| tokio::spawn(gated(1))).collect();
    while gated::stats().loads == before.loads && calls("gated") == 0 {
        tokio::task::yield_now().await;
    }
    GATE.add_permits(100);
    assert!(join_all(tasks).await.into_iter().all(|value| value.unwrap() == 1));
    assert_eq!(calls("gated"), 1);
    let stats = gated::stats();
    assert_eq!((stats.loads, stats.hits + stats.coalesced), (1, 99));
}

static FAILING: Semaphore = Semaphore::const_new(0);

#[cached(key = "loads:cloned")]
async fn failing_alike() -> Result<u64, String> {
    FAILING.acquire().await.unwrap().forget();
    Err(format!("failure {}", called("failing_alike")))
}

#[derive(Debug)]
struct Unique(u64);

#[cached(key = "loads:unique")]
async fn failing_apart() -> Result<u64, Unique> {
    FAILING.acquire().await.unwrap().forget();
    Err(Unique(called("failing_apart")))
}

#[tokio::test]
async fn waiters_get_the_error_or_load_themselves() {
    let all = async {
        let alike = join_all((0..3).map(|_| failing_alike()));
        let apart = join_all((0..3).map(|_| failing_apart()));
        join(alike, apart).await
    };
    let open = async { FAILING.add_permits(6) };
    let ((alike, apart), ()) = join(all, open).await;
    assert_eq!(alike, vec![Err("failure 1".to_owned()); 3]);
    let mut apart: Vec<_> = apart.into_iter().map(|error| error.unwrap_err().0).collect();
    apart.sort_unstable();
    assert_eq!(apart, [1, 2, 3]);
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The signature that tells the compiler that the future is `Send`, as any recursion of asynchronous functions needs.
fn boxed(n: u64) -> Boxed<u64> {
    Box::pin(fibonacci(n))
}

#[cached(key = "fibonacci:{n}")]
async fn fibonacci(n: u64) -> u64 {
    called("fibonacci");
    if n < 2 { n } else { boxed(n - 1).await + boxed(n - 2).await }
}

fn again(left: u64) -> Boxed<u64> {
    Box::pin(itself(left))
}

#[cached(key = || "itself")]
async fn itself(left: u64) -> u64 {
    called("itself");
    if left == 0 { 1 } else { again(left - 1).await + 1 }
}

#[tokio::test]
async fn a_body_may_call_its_function() {
    assert_eq!(tokio::spawn(fibonacci(50)).await.unwrap(), 12_586_269_025);
    assert_eq!(calls("fibonacci"), 51);
    // The same key, from within its load.
    assert_eq!(itself(3).await, 4);
    assert_eq!(itself(3).await, 4);
    assert_eq!(calls("itself"), 4);
}

static SHARED: LazyLock<Arc<MemoryCacheProvider<u64>>> = LazyLock::new(Arc::default);

fn shared() -> Arc<MemoryCacheProvider<u64>> {
    Arc::clone(&SHARED)
}

#[cached(key = "loads:shared", provider = shared())]
async fn behind_handles() -> u64 {
    called("behind_handles")
}

#[tokio::test]
async fn a_provider_may_be_behind_any_handle() {
    assert_eq!((behind_handles().await, behind_handles().await), (1, 1));
    assert_eq!(SHARED.sync().get("loads:shared"), Ok(Some(1)));
}
