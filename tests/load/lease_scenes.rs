//! What a lease does, through any provider that holds them: two of them over one store stand for two processes.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use isocache::{BoxFuture, CacheAside, LoadOptions, MAX_KEY_BYTES, Runtime};
use tokio::sync::{Semaphore, watch};

const LIFE: Duration = Duration::from_secs(3600);

/// Sleeps that end when the test says so.
#[derive(Clone)]
struct Gate {
    sleeps: Arc<watch::Sender<usize>>,
    open: Arc<Semaphore>,
}

impl Gate {
    fn new(open: usize) -> Self {
        Self { sleeps: Arc::new(watch::Sender::new(0)), open: Arc::new(Semaphore::new(open)) }
    }

    /// Waits until somebody sleeps for this time.
    async fn slept(&self, times: usize) {
        self.sleeps.subscribe().wait_for(|sleeps| *sleeps >= times).await.unwrap();
    }

    fn let_go(&self, times: usize) {
        self.open.add_permits(times);
    }
}

impl Runtime for Gate {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
        tokio::spawn(task);
        Ok(())
    }

    fn sleep(&self, time: Duration) -> Option<BoxFuture<'static, ()>> {
        if time >= Duration::from_secs(1) {
            // A limit, which no test comes to.
            return Some(Box::pin(std::future::pending()));
        }
        let gate = self.clone();
        Some(Box::pin(async move {
            gate.sleeps.send_modify(|sleeps| *sleeps += 1);
            gate.open.acquire().await.unwrap().forget();
            tokio::task::yield_now().await;
        }))
    }
}

fn options(gate: &Gate) -> LoadOptions {
    LoadOptions::new().ttl(LIFE).timeout(None).lease(LIFE).runtime(gate.clone())
}

fn load() -> Ready<Result<u64, Infallible>> {
    ready(Ok(1))
}

/// Runs every scene. The two share their store, and nothing else.
pub async fn all<P: CacheAside<u64>>(ours: &P, theirs: &P) {
    it_is_held_while_the_loader_runs(ours, theirs).await;
    it_has_one_holder_who_alone_can_give_it_back(ours, theirs).await;
    a_waiting_process_gets_the_value(ours, theirs).await;
    a_waiting_process_loads_when_it_is_free(ours, theirs).await;
    one_of_two_processes_loads(ours, theirs).await;
}

async fn it_is_held_while_the_loader_runs<P: CacheAside<u64>>(ours: &P, theirs: &P) {
    let gate = Gate::new(0);
    let load = || async {
        assert!(theirs.exists("held:isocache-lease").await.unwrap());
        load().await
    };
    assert_eq!(ours.get_or_set("held", options(&gate), load).await.unwrap(), 1);
    assert!(!theirs.exists("held:isocache-lease").await.unwrap());
    // The longest key there may be has a lease, too.
    let longest = "k".repeat(MAX_KEY_BYTES - "leases:".len());
    let leases = ours.loading().unwrap().lease_provider().unwrap();
    assert!(leases.acquire(&longest, "we", LIFE).await.is_ok());
}

async fn it_has_one_holder_who_alone_can_give_it_back<P: CacheAside<u64>>(ours: &P, theirs: &P) {
    let (ours, theirs) =
        (ours.loading().unwrap().lease_provider().unwrap(), theirs.loading().unwrap().lease_provider().unwrap());
    assert!(theirs.acquire("one", "they", LIFE).await.unwrap());
    assert!(!ours.acquire("one", "we", LIFE).await.unwrap());
    assert!(ours.acquire("another", "we", LIFE).await.unwrap());
    ours.release("one", "we").await.unwrap();
    assert!(!ours.acquire("one", "we", LIFE).await.unwrap(), "it is still theirs");
    theirs.release("one", "they").await.unwrap();
    assert!(ours.acquire("one", "we", LIFE).await.unwrap());
    theirs.release("one", "they").await.unwrap();
    assert!(!theirs.acquire("one", "they", LIFE).await.unwrap(), "it is ours by now");
    ours.release("one", "we").await.unwrap();
    ours.release("one", "we").await.unwrap();
}

async fn a_waiting_process_gets_the_value<P: CacheAside<u64>>(ours: &P, theirs: &P) {
    let gate = Gate::new(2);
    let leases = theirs.loading().unwrap().lease_provider().unwrap();
    assert!(leases.acquire("value", "they", LIFE).await.unwrap());
    let load = || async { panic!("they load") as Result<u64, Infallible> };
    let other = async {
        gate.slept(3).await;
        theirs.set("value", 7, Some(LIFE)).await.unwrap();
        gate.let_go(1);
    };
    let (value, ()) = both(ours.get_or_set("value", options(&gate), load), other).await;
    assert_eq!(value.unwrap(), 7);
    assert!(theirs.exists("value:isocache-lease").await.unwrap(), "it was not ours to give back");
    leases.release("value", "they").await.unwrap();
}

async fn a_waiting_process_loads_when_it_is_free<P: CacheAside<u64>>(ours: &P, theirs: &P) {
    let gate = Gate::new(2);
    assert!(theirs.loading().unwrap().lease_provider().unwrap().acquire("free", "they", LIFE).await.unwrap());
    let load = || async {
        assert_eq!(*gate.sleeps.borrow(), 3, "not before");
        load().await
    };
    let other = async {
        gate.slept(3).await;
        assert!(theirs.delete("free:isocache-lease").await.unwrap());
        gate.let_go(1);
    };
    let (value, ()) = both(ours.get_or_set("free", options(&gate), load), other).await;
    assert_eq!(value.unwrap(), 1);
    assert!(!theirs.exists("free:isocache-lease").await.unwrap());
}

async fn one_of_two_processes_loads<P: CacheAside<u64>>(ours: &P, theirs: &P) {
    let gate = Gate::new(1_000_000);
    let loads = std::sync::atomic::AtomicU64::new(0);
    let ask = |caller: usize| {
        let provider = if caller.is_multiple_of(2) { ours } else { theirs };
        let (gate, loads) = (&gate, &loads);
        provider.get_or_set("both", options(gate), move || async move {
            // Until the other process has waited for a while.
            gate.slept(3).await;
            Ok::<_, Infallible>(1 + loads.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
        })
    };
    for value in join_all((0..8).map(ask)).await {
        assert_eq!(value.unwrap(), 1);
    }
}

async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    futures_util::join!(a, b)
}
