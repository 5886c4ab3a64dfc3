//! Stale values, and loads behind.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use isocache::cached;

use crate::support::{At, at_clock, called, calls};

static CLOCKED: LazyLock<At<String>> = LazyLock::new(at_clock);

#[derive(Clone)]
struct Db(Arc<String>);

#[cached(ttl = "10s", stale_while_revalidate = "5s", key = "stale:{name}:{id}", provider = CLOCKED.cache)]
async fn find(db: &Db, name: &str, (x, mut y): (u64, u64), id: u64) -> Result<Option<String>, String> {
    y += x;
    Ok(Some(format!("{}{name}{id}{y}#{}", db.0, called("find_stale"))))
}

#[tokio::test]
async fn a_stale_value_is_answered_while_the_load_runs_behind() {
    let get = || async {
        // What the load borrows is gone when the call is over.
        let (db, name) = (Db(Arc::new("db".to_owned())), "Ada".to_owned());
        find(&db, &name, (1, 2), 7).await.unwrap().unwrap()
    };
    assert_eq!(get().await, "dbAda73#1");
    CLOCKED.clock.advance(Duration::from_millis(9_999));
    assert_eq!(get().await, "dbAda73#1");
    assert_eq!(calls("find_stale"), 1);
    CLOCKED.clock.advance(Duration::from_millis(1));
    assert_eq!(get().await, "dbAda73#1");
    while find::stats().loads < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(get().await, "dbAda73#2");
    let stats = find::stats();
    assert_eq!((stats.loads, stats.background, stats.stale), (2, 1, 1));
    CLOCKED.clock.advance(Duration::from_secs(15));
    assert_eq!(get().await, "dbAda73#3");
    assert_eq!(find::refresh(&Db(Arc::default()), "Ada", (1, 2), 7).await, Ok(Some("Ada73#4".to_owned())));
    assert_eq!(get().await, "Ada73#4");
}

static FAILING: LazyLock<At<u64>> = LazyLock::new(at_clock);

#[cached(ttl = "10s", stale_if_error = "1h", key = "stale:if_error", provider = FAILING.cache)]
async fn if_error() -> Result<u64, String> {
    match called("if_error") {
        1 => Ok(1),
        _ => Err("down".to_owned()),
    }
}

#[tokio::test]
async fn a_stale_value_stands_in_for_an_error() {
    assert_eq!(if_error().await, Ok(1));
    FAILING.clock.advance(Duration::from_secs(10));
    assert_eq!(if_error().await, Ok(1));
    assert_eq!(calls("if_error"), 2);
    FAILING.clock.advance(Duration::from_secs(3600));
    assert_eq!(if_error().await, Err("down".to_owned()));
}

struct Service {
    at: At<u64>,
}

impl Service {
    #[cached(ttl = "10s", stale_while_revalidate = "5s", key = "stale:service:{id}", provider = self.at.cache)]
    async fn find(self: Arc<Self>, mut id: u64) -> Result<u64, String> {
        id += called("service");
        if id == 0 {
            return Err("never".to_owned());
        }
        Ok(self.at.cache.sync().len() as u64 + id)
    }

    #[cached(key = "stale:early", early_refresh = "1s", ttl = "10s", in_impl, provider = at.cache)]
    async fn early(at: Arc<At<u64>>) -> u64 {
        assert!(at.cache.sync().len() < 9);
        called("early")
    }
}

#[tokio::test]
async fn a_method_may_own_itself() {
    let service = Arc::new(Service { at: at_clock() });
    assert_eq!(Arc::clone(&service).find(10).await, Ok(11));
    service.at.clock.advance(Duration::from_secs(10));
    assert_eq!(Arc::clone(&service).find(10).await, Ok(11));
    while calls("service") < 2 {
        tokio::task::yield_now().await;
    }
    let at = Arc::new(at_clock());
    assert_eq!((Service::early(Arc::clone(&at)).await, Service::early(at).await), (1, 1));
}

static JITTERED: LazyLock<At<u64>> = LazyLock::new(at_clock);

#[cached(ttl = "100s", jitter = 0.5, key = "jitter:{id}", provider = JITTERED.cache)]
async fn jittered(id: u64) -> u64 {
    id
}

#[tokio::test]
async fn jitter_spreads_the_ends() {
    for id in 0..1000 {
        jittered(id).await;
    }
    JITTERED.clock.advance(Duration::from_secs(75));
    let left = (0..1000).filter(|id| JITTERED.cache.sync().get(&jittered::key(*id)).unwrap().is_some()).count();
    assert!((300..700).contains(&left), "{left} of 1000 have lived for three quarters of their ttl");
}
