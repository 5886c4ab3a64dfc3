//! What loading promises over every provider: the same scenes in memory, over Redis and over HTTP.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::{join, join_all};
use isocache::{CacheAside, LoadError};
use tokio::sync::{Barrier, Notify};

/// All scenes, over an empty provider.
pub async fn all(cache: &impl CacheAside<u64>) {
    callers_share_a_load(cache).await;
    writes_win(cache).await;
    failures_are_not_stored(cache).await;
    another_takes_over(cache).await;
}

async fn callers_share_a_load(cache: &impl CacheAside<u64>) {
    let loads = AtomicU64::new(0);
    // The first load ends when all others wait: it is the last future that is asked.
    let everybody_asks = Notify::new();
    let ask = || {
        cache.get_or_set("shared", None, || async {
            loads.fetch_add(1, Ordering::SeqCst);
            everybody_asks.notified().await;
            Ok::<u64, Infallible>(7)
        })
    };
    let callers = join_all((0..200).map(|_| ask()));
    let (values, ()) = join(callers, async {
        while loads.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        everybody_asks.notify_one();
    })
    .await;
    assert!(values.into_iter().all(|value| value.unwrap() == 7));
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert_eq!(cache.get("shared").await.unwrap(), Some(7));
}

async fn writes_win(cache: &impl CacheAside<u64>) {
    for kind in 0..5 {
        let meeting = Barrier::new(2);
        let load = cache.get_or_set("user:1", None, || async {
            meeting.wait().await;
            meeting.wait().await;
            Ok::<u64, Infallible>(4)
        });
        let write = async {
            meeting.wait().await;
            match kind {
                0 => cache.set("user:1", 5, None).await.unwrap(),
                1 => cache.set_many(vec![("user:1", 5, None)]).await.unwrap(),
                2 => assert!(!cache.delete("user:1").await.unwrap()),
                3 => assert_eq!(cache.delete_many(&["user:1"]).await.unwrap(), 0),
                _ => assert_eq!(cache.clear_pattern("user:*").await.unwrap(), 0),
            }
            // Who asks after the write does not get what the load before it brings.
            let later = cache.get_or_set("user:1", None, || async { Ok::<u64, Infallible>(6) }).await.unwrap();
            assert_eq!(later, if kind < 2 { 5 } else { 6 });
            meeting.wait().await;
        };
        let (loaded, ()) = join(load, write).await;
        assert_eq!(loaded.unwrap(), 4, "who waits gets it");
        assert_eq!(
            cache.get("user:1").await.unwrap(),
            Some(if kind < 2 { 5 } else { 6 }),
            "write {kind} is the last word"
        );
        cache.delete("user:1").await.unwrap();
    }
}

async fn failures_are_not_stored(cache: &impl CacheAside<u64>) {
    let error = cache.get_or_set("failing", None, || async { Err::<u64, _>("down") }).await.unwrap_err();
    assert!(matches!(error, LoadError::Loader(error) if *error == "down"));
    let value = cache.get_or_set("failing", None, || async { Ok::<u64, &str>(1) }).await;
    assert_eq!(value.unwrap(), 1);
}

async fn another_takes_over(cache: &impl CacheAside<u64>) {
    let begun = Notify::new();
    let mut leader = Box::pin(cache.get_or_set("left", None, || async {
        begun.notify_one();
        std::future::pending::<Result<u64, Infallible>>().await
    }));
    tokio::select! {
        _ = &mut leader => unreachable!("its load never ends"),
        () = begun.notified() => {}
    }
    let mut follower = Box::pin(cache.get_or_set("left", None, || async { Ok::<u64, Infallible>(2) }));
    let some_turns = async {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = &mut follower => unreachable!("it waits for who loads"),
        () = some_turns => {}
    }
    drop(leader);
    assert_eq!(follower.await.unwrap(), 2);
}
