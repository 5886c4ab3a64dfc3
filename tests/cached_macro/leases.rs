//! `lease`: one run among all processes that share a store.

use std::sync::LazyLock;

use isocache::{CacheProvider, MemoryCacheProvider, cached};

use crate::provider::Remote;
use crate::support::{called, calls};

static STORE: LazyLock<MemoryCacheProvider<u64>> = LazyLock::new(MemoryCacheProvider::default);
static HOLDERS: LazyLock<MemoryCacheProvider<String>> = LazyLock::new(MemoryCacheProvider::default);
static OURS: LazyLock<Remote> = LazyLock::new(|| Remote::process(&STORE, &HOLDERS));
static THEIRS: LazyLock<Remote> = LazyLock::new(|| Remote::process(&STORE, &HOLDERS));

async fn run(id: u64) -> u64 {
    called("run");
    // Longer than the look of another process takes.
    crate::executor::pause(1000).await;
    id + u64::try_from(HOLDERS.sync().keys().len()).unwrap_or_default()
}

#[cached(key = "leased:{id}", provider = OURS, lease = "1h")]
async fn ours(id: u64) -> u64 {
    run(id).await
}

#[cached(key = "leased:{id}", provider = THEIRS, lease = "1h")]
async fn theirs(id: u64) -> u64 {
    run(id).await
}

#[cached(key = "unleased:{id}", provider = OURS)]
async fn without(id: u64) -> u64 {
    id + u64::try_from(HOLDERS.sync().keys().len()).unwrap_or_default()
}

#[tokio::test]
async fn one_run_among_processes_that_hold_a_lease() {
    assert_eq!(tokio::join!(ours(7), theirs(7)), (8, 8), "the lease was held while the function ran");
    assert_eq!(calls("run"), 1);
    assert!(HOLDERS.sync().keys().is_empty(), "it was given back");
    assert_eq!(OURS.get("leased:7").await, Ok(Some(8)));
    assert_eq!(without(7).await, 7);
}
