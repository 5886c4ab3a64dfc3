//! Operations a second of one client, on which any number of tasks work.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::allocator::counted;
use crate::peers::Peer;
use crate::stores::{Store, User};

/// How many users there are.
const USERS: usize = 1000;
/// The keys of one `get_many`.
const MANY: usize = 100;

static KEYS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| (0..USERS).map(|id| &*format!("user:{id:06}").leak()).collect());

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Get,
    Set,
    GetMany,
}

impl Operation {
    pub const ALL: [Self; 3] = [Self::Get, Self::Set, Self::GetMany];

    /// As `--only` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::GetMany => "get_many",
        }
    }
}

/// One row of the table: what every client is made to do.
pub struct Workload {
    pub operation: Operation,
    pub tasks: usize,
}

impl Workload {
    /// All of them, or those of one operation.
    pub fn list(only: Option<&str>) -> Vec<Self> {
        let wanted = Operation::ALL.into_iter().filter(|operation| only.is_none_or(|only| operation.name() == only));
        wanted.flat_map(|operation| [1, 16, 64].map(|tasks| Self { operation, tasks })).collect()
    }

    /// For each client, the operations a second of each round; none for one that takes no part. In each round every
    /// client runs once, beginning with another one each time.
    pub fn measure(&self, runtime: &Runtime, peers: &[Peer], rounds: usize, length: Duration) -> Vec<Vec<f64>> {
        let mut rates = vec![Vec::new(); peers.len()];
        for round in 0..rounds {
            for turn in 0..peers.len() {
                let at = (round + turn) % peers.len();
                rates[at].extend(peers[at].run(runtime, self, length));
            }
        }
        rates
    }
}

/// One run, of that length. Nothing is missing: all users are stored before.
pub fn run<S: Store>(runtime: &Runtime, store: &S, workload: &Workload, length: Duration) -> f64 {
    runtime.block_on(async {
        store_all(store).await;
        let start = Instant::now();
        let work = |task| {
            let first = task * USERS / workload.tasks;
            tokio::spawn(work(store.clone(), workload.operation, first, move |_| start.elapsed() < length))
        };
        let tasks: Vec<_> = (0..workload.tasks).map(work).collect();
        let mut operations = 0;
        for task in tasks {
            operations += task.await.expect("no task panics");
        }
        operations as f64 / start.elapsed().as_secs_f64()
    })
}

/// Allocations of the whole client for each operation of one task.
pub fn allocations<S: Store>(runtime: &Runtime, store: &S, operation: Operation) -> f64 {
    const OPERATIONS: u64 = 5000;
    let some = || runtime.block_on(runtime.spawn(work(store.clone(), operation, 0, |done| done < OPERATIONS)));
    runtime.block_on(store_all(store));
    // Once before, for the buffers that grow once.
    some().expect("no task panics");
    let (done, counts) = counted(some);
    assert_eq!(done.expect("no task panics"), OPERATIONS);
    counts.allocations as f64 / OPERATIONS as f64
}

async fn store_all<S: Store>(store: &S) {
    let mut store = store.clone();
    for (id, key) in KEYS.iter().enumerate() {
        store.set(key, User::new(id)).await;
    }
}

/// Operations in the order of the keys, round and round from a place on, while `more` of what is done says so.
async fn work<S: Store>(mut store: S, operation: Operation, first: usize, more: impl Fn(u64) -> bool) -> u64 {
    let (mut at, mut done) = (first, 0);
    while more(done) {
        match operation {
            Operation::Get => {
                let user = store.get(KEYS[at]).await;
                assert!(user.is_some_and(|user| user.is(at)), "{} has another value", KEYS[at]);
            }
            Operation::Set => store.set(KEYS[at], User::new(at)).await,
            Operation::GetMany => {
                let first = at.min(USERS - MANY);
                let users = store.get_many(&KEYS[first..first + MANY]).await;
                assert_eq!(users.len(), MANY);
                let as_stored = |(user, id): (&Option<User>, usize)| user.as_ref().is_some_and(|user| user.is(id));
                assert!(users.iter().zip(first..).all(as_stored), "values are not those of their keys");
            }
        }
        done += 1;
        at = (at + 1) % USERS;
    }
    done
}
