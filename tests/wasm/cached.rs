//! `#[cached]` in WebAssembly, on functions whose futures are not `Send`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use isocache::{CacheError, ManualClock, MemoryCacheProvider, cached};
use wasm_bindgen_test::wasm_bindgen_test;

use super::loading::turn;

#[cached(key = "cached:user:{id}", skip(runs))]
async fn user(runs: &Rc<Cell<u64>>, id: u64) -> Result<String, CacheError> {
    runs.set(runs.get() + 1);
    turn().await;
    Ok(format!("{id}#{}", runs.get()))
}

#[cached]
async fn hashed(name: &str, id: u32) -> Option<u32> {
    turn().await;
    name.len().try_into().ok().map(|length: u32| length + id)
}

#[cached]
fn squared(n: u64) -> u64 {
    n * n
}

#[wasm_bindgen_test]
async fn callers_share_a_run() {
    let runs = Rc::new(Cell::new(0));
    let names = join_all((0..10).map(|_| user(&runs, 7))).await;
    assert_eq!((names, runs.get()), (vec![Ok("7#1".to_owned()); 10], 1));
    assert_eq!(user(&runs, 8).await, Ok("8#2".to_owned()));
    assert_eq!(user::invalidate(7).await, Ok(true));
    assert_eq!(user(&runs, 7).await, Ok("7#3".to_owned()));
    assert_eq!((hashed("Ada", 1).await, hashed("Ada", 1).await, hashed("Ada", 2).await), (Some(4), Some(4), Some(5)));
    assert_eq!((hashed::stats().hits, hashed::stats().loads), (1, 2));
    assert_eq!((squared(9), squared(9), squared::stats().hits), (81, 81, 1));
}

struct Service {
    cache: MemoryCacheProvider<u64>,
    runs: Cell<u64>,
}

impl Service {
    #[cached(key = "cached:number", ttl = "10s", stale_while_revalidate = "10s", provider = self.cache)]
    async fn number(self: Rc<Self>) -> u64 {
        turn().await;
        self.runs.set(self.runs.get() + 1);
        self.runs.get()
    }
}

#[wasm_bindgen_test]
async fn a_run_goes_on_behind() {
    let clock = ManualClock::new();
    let cache = MemoryCacheProvider::builder().clock(clock.clone()).build().unwrap();
    let service = Rc::new(Service { cache, runs: Cell::new(0) });
    assert_eq!(Rc::clone(&service).number().await, 1);
    clock.advance(Duration::from_secs(15));
    assert_eq!(Rc::clone(&service).number().await, 1);
    // As many turns as it takes; a run that never came would end with the time limit of the test.
    while service.cache.sync().peek("cached:number").unwrap() != Some(2) {
        turn().await;
    }
    assert_eq!((Rc::clone(&service).number().await, service.runs.get()), (2, 2));
}
