//! A slot of a cluster that moves, and one that stays half moved, while several tasks use its keys.
//!
//! Some keys are on the old node then and some on the new one, and a command on several of them is refused by both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use isocache::{
    AtomicProvider, CacheError, CacheProvider, CounterProvider, KeysProvider, RedisCacheBuilder, RedisCacheProvider,
    Tagged, TouchProvider,
};

use super::{bounded, patient, recovers};
use servers::cluster::Cluster;
use servers::proxy::Proxy;
use servers::tools::valkey_server;
use servers::{PATIENCE, eventually};

const TASKS: usize = 8;
const TTL: Option<Duration> = Some(Duration::from_secs(5000));

/// All keys of the namespace are in one slot.
const NAMESPACE: &str = "{tag}";

fn names(task: usize) -> Vec<String> {
    (0..20).map(|key| format!("{task}:{key}")).collect()
}

/// A cluster, and the slot of [`NAMESPACE`] with the node that has it and another one.
fn cluster() -> (Cluster, u16, usize, usize) {
    cluster_of(None)
}

fn cluster_of(program: Option<std::path::PathBuf>) -> (Cluster, u16, usize, usize) {
    let cluster = Cluster::start_with(program, None);
    let slot: u16 = cluster.nodes[0].cli(&["CLUSTER", "KEYSLOT", NAMESPACE]).parse().unwrap();
    let owner = usize::from(slot) * 3 / 16_384;
    (cluster, slot, owner, (owner + 1) % 3)
}

/// Every kind of operation on the keys of a task, until it is told to stop, or for one round.
async fn operations(cache: RedisCacheProvider<i64>, task: usize, stop: Arc<AtomicBool>, rounds: Arc<AtomicUsize>) {
    let names = names(task);
    let keys: Vec<&str> = names.iter().map(String::as_str).collect();
    let values: Vec<Option<i64>> = (0..20).map(Some).collect();
    let entries = || keys.iter().copied().zip(0..20).map(|(key, value)| (key, value, TTL)).collect::<Vec<_>>();
    let tagged: Tagged<RedisCacheProvider<isocache::TaggedEntry<i64>>, RedisCacheProvider<i64>> =
        Tagged::new(cache.view(), cache.view());
    let (counter, timed, within) = (format!("n{task}"), format!("t{task}"), format!("w{task}"));
    let (entry, tag) = (format!("e{task}"), format!("g{task}"));
    let mut round = 0;
    loop {
        round += 1;
        bounded(cache.set_many(entries())).await.unwrap();
        assert_eq!(bounded(cache.get_many(&keys)).await.unwrap(), values);
        let (value, left) = bounded(cache.get_with_ttl(keys[3])).await.unwrap().unwrap();
        assert!(value == 3 && left.is_some(), "{value} {left:?}");
        assert!(bounded(cache.touch(keys[4], TTL)).await.unwrap());
        assert_eq!(bounded(cache.increment(&counter, 1, None)).await, Ok(round));
        assert_eq!(bounded(cache.increment(&timed, 1, TTL)).await, Ok(round));
        assert_eq!(bounded(cache.increment_within(&within, 1, 0..=1_000_000, TTL)).await.unwrap().count, round);
        assert_eq!(bounded(cache.delete_many_each(&keys[..2])).await.unwrap(), [true, true]);
        assert_eq!(bounded(cache.delete_many(&keys[..10])).await.unwrap(), 8);
        assert_eq!(bounded(cache.exists_many(&[keys[0], keys[10]])).await.unwrap(), [false, true]);
        assert!(bounded(cache.get_many(&keys[..10])).await.unwrap().iter().all(Option::is_none));
        assert!(bounded(cache.set_if_absent(keys[0], 7, TTL)).await.unwrap());
        assert_eq!(bounded(cache.get_and_delete(keys[0])).await.unwrap(), Some(7));
        let of_tag = bounded(tagged.with_tags(&[tag.as_str()])).await.unwrap();
        bounded(of_tag.set(&entry, round, TTL)).await.unwrap();
        assert_eq!(bounded(of_tag.get(&entry)).await.unwrap(), Some(round));
        bounded(tagged.invalidate_tags(&[tag.as_str()])).await.unwrap();
        assert_eq!(bounded(of_tag.get(&entry)).await.unwrap(), None);
        rounds.fetch_add(1, Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

struct Load {
    tasks: Vec<tokio::task::JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
}

impl Load {
    /// Starts with an entry for each key, so that there is something to move.
    async fn start(cache: &RedisCacheProvider<i64>) -> Self {
        let all: Vec<String> = (0..TASKS).flat_map(names).collect();
        cache.set_many(all.iter().map(|key| (key.as_str(), 0, TTL)).collect()).await.unwrap();
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let start = |task| tokio::spawn(operations(cache.clone(), task, Arc::clone(&stop), Arc::clone(&rounds)));
        Self { tasks: (0..TASKS).map(start).collect(), stop, rounds }
    }

    /// Waits until some more rounds are done, or a task has failed.
    fn goes_on(&self) {
        let before = self.rounds.load(Ordering::Relaxed);
        eventually("the operations to go on", || {
            let ended = self.tasks.iter().any(tokio::task::JoinHandle::is_finished);
            (ended || self.rounds.load(Ordering::Relaxed) >= before + 2 * TASKS).then_some(())
        });
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_succeeds_while_a_slot_moves_and_is_half_moved() {
    moves(cluster()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_succeeds_while_a_slot_of_valkey_moves() {
    let Some(program) = valkey_server() else { return };
    moves(cluster_of(Some(program.clone()))).await;
    // In one step. Nothing is half moved, and the old node sends commands on.
    let (cluster, slot, owner, elsewhere) = cluster_of(Some(program));
    let cache: RedisCacheProvider<i64> = patient(&cluster.url()).namespace(NAMESPACE).build().unwrap();
    let load = Load::start(&cache).await;
    tokio::task::block_in_place(|| {
        for (from, to) in [(owner, elsewhere), (elsewhere, owner)] {
            cluster.move_slot_at_once(slot, from, to);
            load.goes_on();
        }
    });
    load.end().await;
}

async fn moves((cluster, slot, owner, elsewhere): (Cluster, u16, usize, usize)) {
    let cache: RedisCacheProvider<i64> = patient(&cluster.url()).namespace(NAMESPACE).build().unwrap();
    let load = Load::start(&cache).await;
    tokio::task::block_in_place(|| {
        for (from, to) in [(owner, elsewhere), (elsewhere, owner)] {
            cluster.move_slot(slot, from, to, || load.goes_on());
            load.goes_on();
        }
    });
    load.end().await;
}

/// Its old node sends commands on absent keys to the new node, which sends them back.
#[tokio::test]
async fn nodes_that_redirect_to_each_other() {
    let (cluster, slot, owner, elsewhere) = cluster();
    let cache: RedisCacheProvider<i64> =
        RedisCacheBuilder::new(&cluster.url()).connect_timeout(PATIENCE).namespace(NAMESPACE).build().unwrap();
    recovers(|| cache.set("here", 1, None)).await;
    let id = cluster.id(elsewhere);
    assert_eq!(cluster.nodes[owner].cli(&["CLUSTER", "SETSLOT", &slot.to_string(), "MIGRATING", &id]), "OK");
    for _ in 0..4 {
        for failed in [bounded(cache.get("absent")).await.map(|_| ()), bounded(cache.set("new", 1, None)).await] {
            let error = failed.unwrap_err();
            assert!(matches!(error, CacheError::Unavailable(_) | CacheError::Timeout(_)), "{error}");
            assert!(!error.to_string().contains("URL"), "{error}");
        }
    }
    assert_eq!(recovers(|| cache.get("here")).await, Some(1));
    let patient: RedisCacheProvider<i64> = patient(&cluster.url()).namespace(NAMESPACE).build().unwrap();
    let waiting = tokio::spawn(async move { patient.get_many(&["here", "absent"]).await });
    assert_eq!(cluster.nodes[owner].cli(&["CLUSTER", "SETSLOT", &slot.to_string(), "STABLE"]), "OK");
    assert_eq!(waiting.await.unwrap(), Ok(vec![Some(1), None]), "it is answered as soon as they agree");
}

/// The crate underneath repeats what a broken connection has carried. Here, only what may be repeated is.
#[tokio::test]
async fn a_counter_of_a_cluster_does_not_count_twice() {
    let (mut cluster, _, owner, _) = cluster();
    // Its connection would go through the proxy as well.
    cluster.nodes[owner + 3].kill();
    let node = &cluster.nodes[owner];
    let proxy = Proxy::start(node.port);
    let url = proxy.url();
    let port = url.rsplit_once(':').unwrap().1;
    assert_eq!(node.cli(&["CONFIG", "SET", "cluster-announce-port", port]), "OK");
    for node in cluster.nodes.iter().filter(|node| node.runs()) {
        eventually("the nodes to know the address", || node.cli(&["CLUSTER", "SLOTS"]).contains(port).then_some(()));
    }
    let client = || -> RedisCacheProvider<i64> { patient(&cluster.url()).namespace(NAMESPACE).build().unwrap() };
    let mut cache = client();
    cache.set("n", 1, None).await.unwrap();
    let (mut count, mut failed, started) = (1, 0, Instant::now());
    while failed < 3 {
        proxy.truncate_after(0);
        // However the call ends, it counts once.
        match bounded(cache.increment("n", 1, None)).await {
            Err(CacheError::Connection(_)) => failed += 1,
            Err(error) => panic!("{error}"),
            Ok(sum) => {
                assert_eq!(sum, count + 1);
                // Other traffic was cut, or a node told the client of the address of before, which a late message may
                // have brought back for a moment.
                cache = client();
            }
        }
        count += 1;
        assert!(started.elapsed() < PATIENCE, "nothing is cut");
        assert_eq!(node.cli(&["GET", "{tag}:n"]), count.to_string(), "it was carried out once");
        proxy.truncate_after(0);
        assert_eq!(bounded(cache.get("n")).await, Ok(Some(count)), "a lookup is repeated");
    }
}
