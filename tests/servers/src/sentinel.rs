//! A primary and a replica, watched by three Sentinels.

use super::clock::ServerClock;
use super::process::{Process, run};
use super::redis::{Options, RedisServer};
use super::{Folder, eventually, free_port};
use std::fs::File;
use std::process::{Command, Stdio};

/// A running set. The name of the primary is `main`.
pub struct SentinelSet {
    pub servers: Vec<RedisServer>,
    sentinels: Vec<Sentinel>,
}

struct Sentinel {
    // Declared before its folder, into which it writes.
    _process: Process,
    port: u16,
    _folder: Folder,
}

impl SentinelSet {
    /// Starts all servers. The Sentinels require the password if one is given.
    pub fn start(password: Option<&str>, clock: Option<&ServerClock>) -> Self {
        let mut options = Options::config(&["repl-diskless-sync-delay 0"]);
        options.clock = clock.cloned();
        let primary = RedisServer::start(options.clone());
        options.config.push(format!("replicaof 127.0.0.1 {}", primary.port));
        let servers = vec![primary, RedisServer::start(options)];
        // Before the Sentinels start: they query the primary for its replicas then, and again only ten seconds later.
        eventually("the primary to know its replica", || {
            servers[0].cli(&["INFO", "replication"]).contains("state=online").then_some(())
        });
        let sentinels = (0..3).map(|_| sentinel(servers[0].port, password)).collect();
        let set = Self { servers, sentinels };
        for sentinel in &set.sentinels {
            eventually("the Sentinels to know each other and the replica", || {
                let info = ask(sentinel.port, password, &["INFO", "sentinel"]);
                info.contains("slaves=1,sentinels=3").then_some(())
            });
        }
        set
    }

    /// The URL of the primary, by all Sentinels.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("redis-sentinel://{}/main", hosts.join(","))
    }

    /// The ports of the Sentinels.
    pub fn ports(&self) -> Vec<u16> {
        self.sentinels.iter().map(|sentinel| sentinel.port).collect()
    }

    /// Ends the primary, and waits until the Sentinels have made the replica the primary.
    pub fn fail_over(&mut self) {
        self.servers[0].kill();
        self.promote_the_replica();
    }

    /// Swaps the two, and waits until it is done.
    pub fn hand_over(&self) {
        self.promote_the_replica();
        eventually("the primary to be a replica", || self.servers[0].cli(&["ROLE"]).starts_with("slave").then_some(()));
    }

    /// The Sentinels do it when they are told to, and not by what they think of a server that a busy machine delays.
    fn promote_the_replica(&self) {
        let replica = self.servers[1].port.to_string();
        eventually("a Sentinel to name the new primary", || {
            let first = self.sentinels[0].port;
            let shown = ask(first, None, &["SENTINEL", "MASTER", "main"]);
            let field = |name: &str| shown.lines().skip_while(|line| *line != name).nth(1).unwrap_or_default();
            // It may have to begin again: it gives up if it has not heard of the replica for some seconds.
            if field("port") != replica && !field("flags").contains("failover_in_progress") {
                ask(first, None, &["SENTINEL", "FAILOVER", "main"]);
            }
            (field("port") == replica).then_some(())
        });
        for sentinel in &self.sentinels {
            eventually("the Sentinels to name the new primary", || {
                ask(sentinel.port, None, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"])
                    .contains(&replica)
                    .then_some(())
            });
        }
        eventually("the replica to be primary", || self.servers[1].cli(&["ROLE"]).starts_with("master").then_some(()));
    }
}

fn ask(port: u16, password: Option<&str>, args: &[&str]) -> String {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port.to_string(), "--no-auth-warning"]);
    if let Some(password) = password {
        command.args(["-a", password]);
    }
    String::from_utf8_lossy(&run(command.args(args)).stdout).into_owned()
}

fn sentinel(primary: u16, password: Option<&str>) -> Sentinel {
    // Another process may take the port between the search and the start.
    (0..5).find_map(|_| try_sentinel(primary, password)).expect("a Sentinel ends as soon as it starts")
}

fn try_sentinel(primary: u16, password: Option<&str>) -> Option<Sentinel> {
    let (folder, port) = (Folder::new(), free_port());
    let password = password.map_or_else(String::new, |password| format!("requirepass {password}\n"));
    let config = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\n{password}sentinel monitor main 127.0.0.1 {primary} 2\n\
         sentinel down-after-milliseconds main 600000\nsentinel failover-timeout main 300000\n",
        folder.path().display()
    );
    // A Sentinel rewrites its configuration, so it must be a file.
    let (file, log) = (folder.path().join("sentinel.conf"), folder.path().join("log"));
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("redis-server");
    command.arg(file).arg("--sentinel").stdin(Stdio::null()).stdout(File::create(&log).unwrap());
    let mut process = Process::start(&mut command, folder.path()).unwrap();
    let listens = eventually("a Sentinel to listen or to end", || {
        let ready = std::fs::read_to_string(&log).unwrap_or_default().contains("Sentinel ID is");
        if process.has_ended() { Some(false) } else { ready.then_some(true) }
    });
    listens.then_some(Sentinel { _process: process, port, _folder: folder })
}
