//! A Redis Cluster: three primaries, each with a replica.

use std::path::PathBuf;

use super::clock::ServerClock;
use super::eventually;
use super::redis::{Options, RedisServer};

const SLOTS: usize = 16_384;

/// The milliseconds of silence after which nodes consider each other dead, while they join and while a failover is
/// awaited.
const SHORT: u32 = 1000;
/// Otherwise: longer than a busy machine keeps a node waiting.
const LONG: u32 = 300_000;
/// Under a clock that jumps, no node may be considered dead.
const FOR_EVER: u32 = u32::MAX / 4;

/// A running cluster. Nodes 0 to 2 begin as primaries, 3 to 5 as their replicas, in the same order.
pub struct Cluster {
    pub nodes: Vec<RedisServer>,
}

impl Cluster {
    /// Starts the nodes, joins them, and waits until each serves.
    pub fn start(clock: Option<&ServerClock>) -> Self {
        Self::start_with(None, clock)
    }

    /// As [`start`](Self::start), with another program than `redis-server`.
    pub fn start_with(program: Option<PathBuf>, clock: Option<&ServerClock>) -> Self {
        let mut options = Options::config(&["cluster-enabled yes", "appendonly no", "repl-diskless-sync-delay 0"]);
        options.config.push(format!("cluster-node-timeout {SHORT}"));
        // Clients learn of a replica once its primary has sent it something, if only this.
        options.config.push("repl-ping-replica-period 1".into());
        // A replica takes over only where a test wants it, and then however long it was without its primary.
        options.config.push("cluster-replica-no-failover yes".into());
        options.config.push("cluster-replica-validity-factor 0".into());
        options.clock = clock.cloned();
        options.program = program;
        let nodes: Vec<_> = (0..6).map(|_| RedisServer::start(options.clone())).collect();
        let cluster = Self { nodes };
        for (index, node) in cluster.nodes.iter().enumerate() {
            assert_eq!(node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]), "OK");
        }
        for index in 0..3 {
            let (first, end) = (SLOTS * index / 3, SLOTS * (index + 1) / 3);
            let range = [first.to_string(), (end - 1).to_string()];
            assert_eq!(cluster.nodes[index].cli(&["CLUSTER", "ADDSLOTSRANGE", &range[0], &range[1]]), "OK");
        }
        for node in &cluster.nodes {
            eventually("the nodes to meet", || {
                cluster.meet();
                let nodes = node.cli(&["CLUSTER", "NODES"]);
                let is_met = |line: &&str| line.split(' ').any(|word| word == "connected");
                let met = nodes.lines().filter(is_met);
                (met.filter(|line| !line.contains("handshake")).count() == 6).then_some(())
            });
        }
        for index in 0..3 {
            let primary = cluster.id(index);
            let replica = &cluster.nodes[index + 3];
            eventually("a replica to know its primary", || {
                (replica.cli(&["CLUSTER", "REPLICATE", &primary]) == "OK").then_some(())
            });
        }
        for node in &cluster.nodes {
            eventually("the cluster to serve", || {
                let agreed = node.cli(&["CLUSTER", "SLOTS"]).matches("127.0.0.1").count() == 6;
                (agreed && node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).then_some(())
            });
        }
        for replica in &cluster.nodes[3..] {
            eventually("the replicas to follow", || {
                replica.cli(&["INFO", "replication"]).contains("master_link_status:up").then_some(())
            });
        }
        cluster.be_patient(if clock.is_some() { FOR_EVER } else { LONG });
        cluster
    }

    /// Introduces the nodes that the first one does not know. It forgets a node that does not reply within the timeout.
    fn meet(&self) {
        let known = self.nodes[0].cli(&["CLUSTER", "NODES"]);
        for node in self.nodes[1..].iter().filter(|node| !known.contains(&format!(":{}@", node.port))) {
            assert_eq!(self.nodes[0].cli(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string()]), "OK");
        }
    }

    /// Makes the nodes wait longer for each other, once all of them serve: who is considered dead then stays so for twice
    /// as long.
    fn be_patient(&self, ms: u32) {
        let serves = |node: &&RedisServer| node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok");
        let running: Vec<&RedisServer> = self.nodes.iter().filter(|node| node.runs()).collect();
        loop {
            for node in &running {
                eventually("the cluster to serve", || serves(node).then_some(()));
            }
            self.set_node_timeout(ms);
            if running.iter().all(serves) {
                return;
            }
            self.set_node_timeout(SHORT);
        }
    }

    fn set_node_timeout(&self, ms: u32) {
        for node in self.nodes.iter().filter(|node| node.runs()) {
            assert_eq!(node.cli(&["CONFIG", "SET", "cluster-node-timeout", &ms.to_string()]), "OK");
        }
    }

    /// The URL of the cluster, by two of its nodes.
    pub fn url(&self) -> String {
        format!("redis-cluster://127.0.0.1:{},127.0.0.1:{}", self.nodes[1].port, self.nodes[5].port)
    }

    pub fn id(&self, node: usize) -> String {
        self.nodes[node].cli(&["CLUSTER", "MYID"])
    }

    /// Ends a primary, and waits until the others have noticed and its replica has taken over. Not under a clock.
    pub fn fail_over(&mut self, primary: usize) {
        let permission = ["CONFIG", "SET", "cluster-replica-no-failover", "no"];
        assert_eq!(self.nodes[primary + 3].cli(&permission), "OK");
        self.set_node_timeout(SHORT);
        self.nodes[primary].kill();
        let replica = &self.nodes[primary + 3];
        eventually("the replica to take over", || {
            replica.cli(&["ROLE"]).starts_with("master").then_some(())?;
            let others = self.nodes.iter().enumerate().filter(|(index, _)| *index != primary);
            others
                .map(|(_, node)| node)
                .all(|node| node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
                .then_some(())
        });
        self.be_patient(LONG);
    }

    /// Moves a slot with its keys, as resharding does. `midway` is called while half of it has moved.
    pub fn move_slot(&self, slot: u16, from: usize, to: usize, midway: impl FnOnce()) {
        let slot = slot.to_string();
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        assert_eq!(target.cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.id(from)]), "OK");
        assert_eq!(source.cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.id(to)]), "OK");
        let migrate = |keys: &str| {
            let keys: Vec<String> = keys.lines().map(str::to_owned).collect();
            let port = target.port.to_string();
            for key in &keys {
                let moved = source.cli(&["MIGRATE", "127.0.0.1", &port, key, "0", "300000"]);
                assert!(moved == "OK" || moved == "NOKEY", "{moved}");
            }
            keys.len()
        };
        let count = source.cli(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).parse::<usize>().unwrap();
        if count > 1 {
            migrate(&source.cli(&["CLUSTER", "GETKEYSINSLOT", &slot, &(count / 2).to_string()]));
        }
        midway();
        while migrate(&source.cli(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"])) > 0 {}
        for node in [target, source].into_iter().chain(&self.nodes[..3]) {
            assert_eq!(node.cli(&["CLUSTER", "SETSLOT", &slot, "NODE", &self.id(to)]), "OK");
        }
    }

    /// Moves a slot with its keys in one step, which Valkey supports since version 9, and waits until all primaries
    /// know it.
    pub fn move_slot_at_once(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        let words = ["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", &slot, &slot, "NODE", &self.id(to)];
        assert_eq!(self.nodes[from].cli(&words), "OK");
        let owner = format!(":{}@", self.nodes[to].port);
        for node in &self.nodes[..3] {
            eventually("the slot to move", || {
                let nodes = node.cli(&["CLUSTER", "NODES"]);
                let line = nodes.lines().find(|line| line.contains(&owner))?;
                line.split(' ').skip(8).any(|range| has(range, &slot)).then_some(())
            });
        }
    }
}

/// Whether a range, such as `0-5460` or `7`, has a slot.
fn has(range: &str, slot: &str) -> bool {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse::<u16>().ok();
    number(first) <= number(slot) && number(slot) <= number(last)
}
