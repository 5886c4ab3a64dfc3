//! Scenes of `#[cached]` that every provider plays.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use isocache::{CacheProvider, cached};
use tokio::task::yield_now;

/// Who asks, and how often the function was run.
pub struct Service<P> {
    pub cache: P,
    runs: AtomicU64,
}

#[cached(ttl = "5m", key = "cached:{tenant}:{id}", provider = service.cache)]
async fn number<P: CacheProvider<u64>>(service: &Service<P>, tenant: &str, id: u64) -> Result<Option<u64>, String> {
    let run = service.runs.fetch_add(1, Ordering::SeqCst) + 1;
    for _ in 0..10 {
        yield_now().await;
    }
    match id {
        0 => Ok(None),
        1 => Err(format!("run {run}")),
        _ => Ok(Some(run * 100 + id)),
    }
}

/// All of them. The name of the cache's keys in the store begins with `prefix`.
pub async fn all<P: CacheProvider<u64>>(cache: P) {
    let service = Service { cache, runs: AtomicU64::new(0) };
    let runs = || service.runs.swap(0, Ordering::SeqCst);

    // Callers at once share a run; later ones get what it brought, under the key that the pattern says, for its ttl.
    let values = join_all((0..50).map(|_| number(&service, "a:b", 7))).await;
    assert_eq!((values, runs()), (vec![Ok(Some(107)); 50], 1));
    assert_eq!((number(&service, "a:b", 7).await, runs()), (Ok(Some(107)), 0));
    let (value, left) = service.cache.get_with_ttl("cached:a%3Ab:7").await.unwrap().unwrap();
    assert_eq!(value, 107);
    assert!(left.unwrap() <= Duration::from_secs(300) && left.unwrap() > Duration::from_secs(200), "{left:?}");

    // Nothing of one reaches another.
    assert_eq!((number(&service, "a", 7).await, runs()), (Ok(Some(107)), 1));
    assert_eq!((number(&service, "a:b", 8).await, runs()), (Ok(Some(108)), 1));

    // Nothing and errors are not kept.
    for _ in 0..2 {
        assert_eq!((number(&service, "a", 0).await, runs()), (Ok(None), 1));
        assert_eq!((number(&service, "a", 1).await, runs()), (Err("run 1".to_owned()), 1));
    }
    assert!(!service.cache.exists(&number::key("a", 1)).await.unwrap());

    // What was removed or refreshed is gone, and nothing else.
    assert_eq!(number::invalidate(&service, "a:b", 7).await, Ok(true));
    assert_eq!(number::invalidate(&service, "a:b", 7).await, Ok(false));
    service.runs.store(4, Ordering::SeqCst);
    assert_eq!(number(&service, "a:b", 7).await, Ok(Some(507)));
    assert_eq!(number::refresh(&service, "a:b", 7).await, Ok(Some(607)));
    assert_eq!(number(&service, "a:b", 7).await, Ok(Some(607)));
    assert_eq!(number(&service, "a", 7).await, Ok(Some(107)));
    assert_eq!(runs(), 6);

    // What is removed while it is loaded does not come back.
    let during = async {
        while service.runs.load(Ordering::SeqCst) == 0 {
            yield_now().await;
        }
        number::invalidate(&service, "a", 9).await.unwrap();
    };
    let (value, ()) = futures_util::future::join(number(&service, "a", 9), during).await;
    assert_eq!((value, runs()), (Ok(Some(109)), 1));
    assert!(!service.cache.exists(&number::key("a", 9)).await.unwrap());
}
